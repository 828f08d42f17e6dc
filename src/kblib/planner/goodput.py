"""What a whole run keeps of a short run's rate, from published runs; never from the one asked for.

Two constants, for two kinds of evidence. *Own*: the short run was made by the same people on the
same machine, as a probe does. *Elsewhere*: the rate is that of somebody else's best table for the
card; your cluster with A100s does not behave like the one in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from kblib.planner.flops import training_gpu_hours
from kblib.planner.published import WholeRun, whole_runs
from kblib.planner.throughput import USUAL_TOKENS, tokens_per_s

_ENOUGH = 3
"""Runs on one card whose middle is worth more than that of all cards."""


@dataclass(frozen=True)
class Goodput:
    """A share with the smallest and the largest that was seen, and over how many runs."""

    share: float
    low: float
    high: float
    runs: int

    def __str__(self) -> str:
        if not self.runs:
            return "share of the rate that a whole run keeps, as given"
        return f"{self.runs} published runs kept {self.low:.2f} to {self.high:.2f}"


def short_run_tflops(run: WholeRun) -> float:
    """Return the short run's TFLOP/s by 6 N D: the published one, or that of the card's table."""
    if run.short_run is not None:
        return run.short_run
    rate = tokens_per_s(
        run.card,
        run.size,
        seq_len=run.seq_len,
        micro_tokens=USUAL_TOKENS,
        recompute=run.recompute,
    )
    return rate * 6 * run.size.parameters / 1e12


def kept_share(run: WholeRun) -> float:
    """Return the share of the short run's rate that a whole run kept."""
    return run.tflops / short_run_tflops(run)


def goodput(*, own: bool, card: str, without: str | None = None) -> Goodput:
    """Return the middle share of the published runs with that kind of evidence.

    Parameters
    ----------
    own
        Whether the short run was the same people's.
    card
        Of a table that stands in for a short run, the runs on the same card count, if there are
        three of them; else all.
    without
        The name of a run that is not to take part: the one that is foretold.
    """
    runs = [
        run for run in whole_runs() if (run.short_run is not None) is own and run.name != without
    ]
    same = [run for run in runs if run.card == card]
    shares = [kept_share(run) for run in (same if not own and len(same) >= _ENOUGH else runs)]
    return Goodput(median(shares), min(shares), max(shares), len(shares))


def foretold_gpu_hours(run: WholeRun) -> float:
    """Return the GPU-hours of a published run, foretold without looking at them."""
    own = run.short_run is not None
    share = goodput(own=own, card=run.card, without=run.name).share
    return training_gpu_hours(run.size.parameters, run.tokens, short_run_tflops(run), share)
