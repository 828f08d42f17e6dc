"""A small sweep: the same job with one or two numbers changed, one run after another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from kblib.cluster.run import Run
from kblib.cluster.submit import submit
from kblib.errors import JobError
from kblib.jobs.specs import Pretrain

_MOST = 24
"""More runs are a search, which this is not."""


@dataclass(frozen=True)
class Sweep:
    """The runs of a sweep, in their order, each with what was changed in it."""

    runs: tuple[Run, ...]
    changes: tuple[Mapping[str, Any], ...]

    @property
    def table(self) -> pd.DataFrame:
        """One row a run: what was changed, where it is, and its newest losses in nats."""
        rows = []
        for run, change in zip(self.runs, self.changes, strict=True):
            state, metrics = run.state, run.metrics()
            rows.append(
                {
                    **change,
                    "run": run.name,
                    "phase": state.phase.value,
                    "step": state.step,
                    "loss": _newest(metrics, "loss"),
                    "eval_loss": _newest(metrics, "eval_loss"),
                }
            )
        return pd.DataFrame(rows)

    @property
    def best(self) -> Run:
        """The run whose newest loss on held-out text is the lowest.

        Raises
        ------
        JobError
            If none was evaluated yet.
        """
        losses = self.table["eval_loss"].to_numpy(dtype=float)
        if np.isnan(losses).all():
            raise JobError(
                "No run of this sweep was evaluated yet.", "Wait for them.", "sweep.wait()"
            )
        return self.runs[int(np.nanargmin(losses))]

    def wait(self, timeout_s: float | None = None) -> Sweep:
        """Wait until all runs are over, or each until its time is up.

        Raises
        ------
        RunError
            If one fails, or is not over in time.
        """
        for run in self.runs:
            run.wait(timeout_s)
        return self

    def cancel(self) -> Sweep:
        """Ask all runs that are not over to stop, the waiting ones first."""
        for run in reversed(self.runs):
            run.cancel()
        return self

    def __repr__(self) -> str:
        return self.table.to_string(index=False)


def sweep(job: Pretrain, *, site: str = "local", **values: Iterable[Any]) -> Sweep:
    """Submit a job once for each value; return at once, the runs go on by themselves.

    On this machine they take turns; on a cluster all of them are queued. With several numbers,
    each value of one is tried with each of the others.

    Parameters
    ----------
    site
        Where.
    **values
        Fields of the job, each with the values to try: ``learning_rate=[1e-3, 3e-4]``.

    Raises
    ------
    JobError
        If there is nothing to try, too much, or a value that a job cannot have.
    """
    changes = [dict(zip(values, found, strict=True)) for found in product(*_lists(values))]
    if not values or not 0 < len(changes) <= _MOST:
        raise JobError(
            f"A sweep over {len(changes) if values else 0} runs was asked for.",
            f"1 to {_MOST} were expected.",
            "kb.sweep(job, learning_rate=[1e-3, 3e-4])",
        )
    jobs = [_changed(job, change) for change in changes]
    runs: list[Run] = []
    for one in jobs:
        runs.append(submit(one, site=site, after=runs[-1] if runs else None))
    return Sweep(tuple(runs), tuple(changes))


def _lists(values: Mapping[str, Iterable[Any]]) -> list[list[Any]]:
    for name, given in values.items():
        if isinstance(given, str | bytes) or not isinstance(given, Iterable):
            raise JobError(
                f"A sweep got {name}={given!r}.",
                "A list of values to try was expected.",
                f"kb.sweep(job, {name}=[{given!r}])",
            )
    return [list(given) for given in values.values()]


def _changed(job: Pretrain, change: Mapping[str, Any]) -> Pretrain:
    try:
        return replace(job, **change)
    except TypeError:
        raise JobError(
            f"A sweep over {', '.join(change)} was asked for.",
            "Fields of kb.Pretrain were expected.",
            "kb.sweep(job, learning_rate=[1e-3, 3e-4])",
        ) from None


def _newest(metrics: pd.DataFrame, column: str) -> float | None:
    if column not in metrics:
        return None
    known = metrics[column].dropna()
    return None if known.empty else float(known.iloc[-1])
