"""An engine that remembers the best weights so far, and writes them into its checkpoints.

So a training that was killed goes on as if nothing had happened, whichever evaluation was the best.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from kblib.files import read_json, write_json
from kblib.training.engine import TorchEngine
from kblib.training.state_files import Sums, write_tensors

BEST = "best.safetensors"
PROGRESS = "progress.json"


@dataclass(frozen=True)
class Progress:
    """How the evaluations of a training went.

    Attributes
    ----------
    step
        Of the best one; 0 before the first.
    score
        Its score on the validation part, more is better.
    loss
        Its loss, which decides between equal scores.
    without_gain
        Evaluations since then.
    """

    step: int = 0
    score: float = -math.inf
    loss: float = math.inf
    without_gain: int = 0

    def after(self, step: int, score: float, loss: float) -> Progress:
        """Return what it is after another evaluation.

        Examples
        --------
        >>> Progress().after(10, 0.5, 1.0).after(20, 0.4, 0.9)
        Progress(step=10, score=0.5, loss=1.0, without_gain=1)
        """
        if (score, -loss) > (self.score, -self.loss):
            return Progress(step, score, loss)
        return replace(self, without_gain=self.without_gain + 1)


class KeepingEngine(TorchEngine):
    """`TorchEngine` with a memory for the best weights."""

    progress = Progress()
    _best: dict[str, Tensor] | None = None

    def look(self, step: int, score: float, loss: float) -> None:
        """Remember the weights as they are now if they are the best so far."""
        self.progress = self.progress.after(step, score, loss)
        if self.progress.step == step:
            with torch.no_grad():
                self._best = {
                    name: value.detach().clone() for name, value in self._parameters.items()
                }

    @torch.no_grad()
    def take_best(self) -> None:
        """Give the model its best weights."""
        for name, value in (self._best or {}).items():
            self._parameters[name].copy_(value)

    def save(self, folder: Path) -> Sums:
        """Write what `TorchEngine` does, and what is remembered."""
        sums = super().save(folder)
        if self.rank:
            return sums
        write_json(folder / PROGRESS, {"progress": _plain(self.progress)})
        raw = (folder / PROGRESS).read_bytes()
        sums[PROGRESS] = {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
        if self._best is not None:
            sums |= write_tensors(folder / BEST, self._best)
        return sums

    def load(self, folder: Path) -> None:
        """Take up what `save` wrote."""
        super().load(folder)
        said = read_json(folder / PROGRESS)["progress"]
        self.progress = Progress(**said) if said else Progress()
        if (folder / BEST).exists():
            here = load_file(folder / BEST)
            self._best = {name: value.to(self.device) for name, value in here.items()}


def _plain(progress: Progress) -> dict[str, float]:
    """Return it as JSON can hold it, which knows no infinity; nothing before the first look."""
    return asdict(progress) if progress.step else {}
