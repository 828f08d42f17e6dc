"""Two runs side by side: what was asked otherwise, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from kblib.cluster.run import Run
from kblib.errors import RunError

_AT_THE_END = ("loss", "eval_loss", "eval_top1")
_SUMS = ("tokens", "gpu_hours")


@dataclass(frozen=True)
class Comparison:
    """Two runs and what is known of them.

    Parameters
    ----------
    names
        Of the runs.
    differences
        One row a setting that is not the same: setting, and its value in each run.
    table
        One row a measure at the last step that both have evaluated, and the difference of the
        second run to the first.
    curves
        One row a step, with a column a run and measure: ``("loss", name)``.
    """

    names: tuple[str, str]
    differences: pd.DataFrame
    table: pd.DataFrame
    curves: pd.DataFrame

    @property
    def step(self) -> int:
        """The step at which they are compared."""
        return int(self.table.attrs["step"])

    def __repr__(self) -> str:
        return f"At step {self.step}:\n{self.table}\n\nAsked otherwise:\n{self.differences}"


def compare(run_a: Run | str | Path, run_b: Run | str | Path) -> Comparison:
    """Put two runs side by side.

    Losses of runs compare where both were scored on the same held-out text: the differences show
    when corpus or split are not the same.

    Raises
    ------
    RunError
        If both are the same run, or there is no step that both have evaluated.
    """
    runs = [one if isinstance(one, Run) else Run.open(one) for one in (run_a, run_b)]
    first, second = (run.name for run in runs)
    if runs[0].folder == runs[1].folder:
        raise RunError(
            f"Run '{first}' was to be compared with itself.",
            "Two runs were expected.",
            "kb.Run.all() names them.",
        )
    metrics = [run.metrics() for run in runs]
    step = _common_step(runs, metrics)
    table = _table((first, second), metrics, step)
    table.attrs["step"] = step
    jobs = [_flat(run.config["job"]) for run in runs]
    return Comparison(
        (first, second), _differences((first, second), jobs), table, _curves(runs, metrics)
    )


def _common_step(runs: list[Run], metrics: list[pd.DataFrame]) -> int:
    scored = [
        set(one.loc[one["eval_loss"].notna(), "step"]) if "eval_loss" in one else set()
        for one in metrics
    ]
    common = scored[0] & scored[1]
    if not common:
        ends = " and ".join(
            f"'{run.name}' at {sorted(s)[-3:]}" for run, s in zip(runs, scored, strict=True)
        )
        raise RunError(
            "These runs were never evaluated at the same step.",
            f"The last evaluations: {ends}.",
            "Give both the same eval_every, and wait for the first evaluation.",
        )
    return int(max(common))


def _table(names: tuple[str, str], metrics: list[pd.DataFrame], step: int) -> pd.DataFrame:
    at = [one.set_index("step") for one in metrics]
    seen = [name for name in metrics[0].columns if name in metrics[1].columns]
    wanted = [n for n in _AT_THE_END if n in seen]
    wanted += sorted(n for n in seen if n.startswith("eval_loss_"))
    wanted += [n for n in _SUMS if n in seen] + sorted(
        n for n in seen if n.startswith("tokens_") and n != "tokens_per_s"
    )
    rows = []
    for name in wanted:
        a, b = (float(one[name].loc[step]) for one in at)
        rows.append((name, a, b, b - a))
    return pd.DataFrame(rows, columns=["measure", *names, "difference"])


def _curves(runs: list[Run], metrics: list[pd.DataFrame]) -> pd.DataFrame:
    parts = {}
    for run, one in zip(runs, metrics, strict=True):
        for name in one.columns:
            if name == "loss" or name.startswith("eval_loss"):
                parts[name, run.name] = one.set_index("step")[name]
    return pd.DataFrame(parts)


def _differences(names: tuple[str, str], jobs: list[dict[str, Any]]) -> pd.DataFrame:
    keys = dict.fromkeys([*jobs[0], *jobs[1]])
    rows = [(key, *(job.get(key) for job in jobs)) for key in keys]
    other = [(key, a, b) for key, a, b in rows if a != b]
    return pd.DataFrame(other, columns=["setting", *names])


def _flat(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a job by name; of a corpus its name and a part of its fingerprint."""
    found: dict[str, Any] = {}
    for key, value in job.items():
        if key == "corpus":
            found[key] = _corpus(value)
        elif key == "shape":
            found.update({f"shape.{name}": size for name, size in value.items()})
        elif key == "mixture":
            found.update({f"share.{one['name']}": one["share"] for one in value})
            found.update({f"mixture.{one['name']}": _corpus(one["corpus"]) for one in value})
        elif key == "monitor":
            found.update({f"monitor.{name}": _corpus(one) for name, one in value.items()})
        else:
            found[key] = value
    return found


def _corpus(said: Mapping[str, Any]) -> str:
    return f"{said['name']} ({str(said['fingerprint'])[:8]})"
