"""The planner against what was published: every run's error, every row's error."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from kblib.planner.goodput import foretold_gpu_hours, goodput, short_run_tflops
from kblib.planner.published import RateTable, rate_tables, whole_runs
from kblib.planner.throughput import HALF_TOKENS, HALF_WIDTH, endless_rate, predicted

RUNS_WITHIN, ROWS_WITHIN = 0.25, 0.10


@dataclass(frozen=True)
class TableCheck:
    """A published table of short runs, and how well its rows were foretold."""

    table: RateTable

    @property
    def rows(self) -> pd.DataFrame:
        """One row a short run but the calibration: published and foretold TFLOP/s, error."""
        others = [row for row in self.table.rows if row is not self.table.calibration]
        lines = [(row.label, row.tflops, predicted(self.table, row)) for row in others]
        frame = pd.DataFrame(lines, columns=["row", "published", "foretold"])
        frame["error"] = frame["foretold"] / frame["published"] - 1
        return frame

    @property
    def misses(self) -> pd.DataFrame:
        """The rows further off than a tenth."""
        rows = self.rows
        return rows[rows["error"].abs() > ROWS_WITHIN]

    @property
    def share_within(self) -> float:
        """Share of the other rows within a tenth; 1 where there are none."""
        rows = self.rows
        return 1.0 if rows.empty else 1 - len(self.misses) / len(rows)


def check_runs() -> pd.DataFrame:
    """Return the published whole runs: GPU-hours as published and as foretold, and the error.

    Each run's goodput is the middle one of the other runs with the same kind of evidence.
    """
    lines = [
        (
            run.name,
            run.card,
            "its own" if run.short_run is not None else "the card's table",
            short_run_tflops(run),
            goodput(own=run.short_run is not None, card=run.card, without=run.name).share,
            run.gpu_hours,
            foretold_gpu_hours(run),
        )
        for run in whole_runs()
    ]
    columns = ["run", "card", "short run", "TFLOP/s", "goodput", "published", "foretold"]
    frame = pd.DataFrame(lines, columns=columns)
    frame["error"] = frame["foretold"] / frame["published"] - 1
    whole = ["published", "foretold"]
    frame[whole] = frame[whole].round().astype("int64")
    return frame


def share_of_rows_within() -> float:
    """Return the share of all foretold rows, of all tables together, within a tenth."""
    checks = check_tables()
    rows = sum(len(one.rows) for one in checks)
    return 1 - sum(len(one.misses) for one in checks) / rows


def check_tables() -> tuple[TableCheck, ...]:
    """Return the published tables of short runs, each with its errors."""
    return tuple(TableCheck(table) for table in rate_tables())


def report() -> str:
    """Return all of it as Markdown, sources and misses named."""
    return "\n\n".join([_runs_told(), *(_table_told(one) for one in check_tables())])


def _runs_told() -> str:
    runs = check_runs()
    outside = runs[runs["error"].abs() > RUNS_WITHIN]
    lines = ["## Whole runs", ""]
    lines += ["| run | card | short run | TFLOP/s | goodput | published | foretold | error |"]
    lines += ["|---|---|---|---:|---:|---:|---:|---:|"]
    for row in runs.itertuples(index=False):
        name, card, short, tflops, share, published, foretold, error = row
        lines.append(
            f"| {name} | {card} | {short} | {tflops:.0f} | {share:.2f} | {published:,.0f} | "
            f"{foretold:,.0f} | {error:+.0%} |"
        )
    named = ", ".join(outside["run"]) or "none"
    told = (
        "GPU-hours; goodput is the middle one of the other runs with the same kind of evidence. "
        f"Beyond {RUNS_WITHIN:.0%}: {named}. Sources:"
    )
    lines += ["", told, ""]
    lines += [f"- {run.name}: {run.source} ({run.date})." for run in whole_runs()]
    return "\n".join(lines)


def _table_told(one: TableCheck) -> str:
    table, rows = one.table, one.rows
    within = len(rows) - len(one.misses)
    lines = [f"## {table.name}", ""]
    lines += [f"{table.program}. Source: {table.source} ({table.date}).", ""]
    told = (
        f"Calibration row: {table.calibration.label}, {table.calibration.tflops:.0f} TFLOP/s, "
        f"{endless_rate(table):.0f} without end. Constants: {HALF_WIDTH:g} of width, "
        f"{HALF_TOKENS:g} tokens. Of the {len(rows)} other rows {within} are within "
        f"{ROWS_WITHIN:.0%}."
    )
    lines += [told, ""]
    lines += ["| row | published | foretold | error |", "|---|---:|---:|---:|"]
    for label, published, foretold, error in rows.itertuples(index=False):
        missed = " **missed**" if abs(error) > ROWS_WITHIN else ""
        lines.append(f"| {label} | {published:.0f} | {foretold:.0f} | {error:+.0%}{missed} |")
    return "\n".join(lines)
