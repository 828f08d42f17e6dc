"""What others have published of their trainings: read from ``published.toml``."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from kblib.errors import PlanError
from kblib.planner.flops import RECOMPUTED, TERA


@dataclass(frozen=True)
class Size:
    """What a rate needs of a model."""

    n_layer: int
    n_embd: int
    parameters: float

    def flops_per_token(self, seq_len: int) -> float:
        """Return model operations a token: 6 N, and attention."""
        return 6.0 * self.parameters + 12.0 * self.n_layer * self.n_embd * seq_len


@dataclass(frozen=True)
class Row:
    """One short run: what was trained on how many GPUs, and how fast.

    `tflops` are hardware TFLOP/s of one GPU: what it really computed.
    """

    model: str
    size: Size
    gpus: int
    tflops: float
    micro_tokens: int
    recompute: bool

    @property
    def label(self) -> str:
        """Model and GPUs."""
        return f"{self.model} on {self.gpus or 'unknown'} GPUs"


@dataclass(frozen=True)
class RateTable:
    """Short runs of one program on one card; the calibration row sets the card's rate."""

    name: str
    card: str
    program: str
    source: str
    date: datetime.date
    calibration: Row
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class WholeRun:
    """A training from beginning to end, as published.

    `short_run` are model TFLOP/s of one GPU in a short run of the same people; None where they
    published none.
    """

    name: str
    card: str
    size: Size
    tokens: float
    gpu_hours: float
    seq_len: int
    recompute: bool
    short_run: float | None
    source: str
    date: datetime.date

    @property
    def tflops(self) -> float:
        """Model TFLOP/s of one GPU over the whole run, by 6 N D."""
        return 6 * self.size.parameters * self.tokens / (self.gpu_hours * 3600) / TERA


@cache
def rate_tables() -> tuple[RateTable, ...]:
    """Return the published tables of short runs."""
    content = _content()
    sizes = {name: Size(*numbers) for name, numbers in content["models"].items()}
    return tuple(_table(said, sizes) for said in content["table"])


@cache
def whole_runs() -> tuple[WholeRun, ...]:
    """Return the published whole runs."""
    return tuple(_run(said) for said in _content()["run"])


def table_of(card: str) -> RateTable:
    """Return the first table of a card: the one its rate is taken from.

    Raises
    ------
    PlanError
        If nothing was published for it.
    """
    for table in rate_tables():
        if table.card == card:
            return table
    raise PlanError(
        f"No published rate is known for the card '{card}'.",
        f"Known are: {', '.join(sorted({table.card for table in rate_tables()}))}.",
        "Measure it: kb.probe_rate(job, site=...)",
    )


def _content() -> dict[str, Any]:
    place = resources.files("kblib.planner") / "published.toml"
    return tomllib.loads(place.read_text(encoding="utf-8"))


def _table(said: dict[str, Any], sizes: dict[str, Size]) -> RateTable:
    rows = tuple(_rows(said, sizes))
    model, gpus = said["calibration"]
    (calibration,) = (row for row in rows if (row.model, row.gpus) == (model, gpus))
    names = ("name", "card", "program", "source", "date")
    return RateTable(**{name: said[name] for name in names}, calibration=calibration, rows=rows)


def _rows(said: dict[str, Any], sizes: dict[str, Size]) -> Iterator[Row]:
    for model, gpus, rate, micro_tokens, recompute in said["rows"]:
        size = sizes[model]
        tflops = float(rate)
        if said["unit"] == "tokens/s":
            times = RECOMPUTED if recompute else 1.0
            tflops = rate * size.flops_per_token(said["seq_len"]) * times / TERA
        yield Row(model, size, gpus, tflops, micro_tokens, recompute)


def _run(said: dict[str, Any]) -> WholeRun:
    short = said.get("short_run")
    if short is not None and said["counts"] == "hardware" and said["recompute"]:
        short /= RECOMPUTED
    names = ("name", "card", "tokens", "gpu_hours", "seq_len", "recompute", "source", "date")
    size = Size(said["n_layer"], said["n_embd"], said["parameters"])
    return WholeRun(**{name: said[name] for name in names}, size=size, short_run=short)
