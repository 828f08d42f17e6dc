"""What the records of steps say besides the loop's own numbers: sources, GPU-hours, utilisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kblib import sites
from kblib.jobs.specs import Pretrain
from kblib.jobs.spending import Spending
from kblib.runs import RunFolder
from kblib.sites.cards import peak_tflops
from kblib.training.batches import BlockBatches


class Watch(Spending):
    """Adds to the records of one attempt what they cost, and asks to stop when the budget is gone.

    Parameters
    ----------
    run, attempt
        The run, and which carrying-out of it this is.
    job
        What is trained.
    on_gpus
        Whether the ranks compute on GPUs.
    """

    def __init__(self, run: RunFolder, attempt: int, job: Pretrain, *, on_gpus: bool) -> None:
        super().__init__(run, attempt)
        self.job = job
        self.peak, self.peak_said = _peak(str(run.config()["site"]), on_gpus=on_gpus)

    def about(self) -> dict[str, Any]:
        """Return what an attempt says when it begins: what utilisation is measured against."""
        return {"peak_tflops": self.peak, "peak_source": self.peak_said, "budget": self.budget}

    def completed(
        self, record: Mapping[str, Any], batches: BlockBatches, read: Sequence[tuple[int, int]]
    ) -> dict[str, Any]:
        """Return the record of a step with what it lacks.

        Parameters
        ----------
        read
            The stretches of the data's order that were read so far.
        """
        found = {**record, "gpu_hours": round(self.gpu_hours, 6)}
        if self.peak is not None:
            found["mfu"] = round(self._utilisation(float(record["tokens_per_s"]), self.peak), 4)
        if len(batches.shares) > 1:
            for first, stop in read:
                for name, tokens in batches.tokens(first, stop).items():
                    found[f"tokens_{name}"] = found.get(f"tokens_{name}", 0) + tokens
        return found

    def _utilisation(self, tokens_per_s: float, peak: float) -> float:
        flops = self.job.shape.flops_per_token(self.job.seq_len) * tokens_per_s
        return flops / (self.ranks * peak * 1e12)


def _peak(site: str, *, on_gpus: bool) -> tuple[float | None, str]:
    """Return the peak of a site's card in TFLOP/s, and its source; None, and why, without one."""
    if not on_gpus:
        return None, "no GPU: utilisation is not told"
    place = sites.load_site(site)
    if place.scheduler == "none":
        return None, "this machine's own GPU: no peak is known"
    return peak_tflops(sites.cluster_of(place).node.gpu)
