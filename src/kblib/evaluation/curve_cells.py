"""The cells of a learning curve: what a model says of the test texts, learnt from one draw.

Each is kept in a file of its own as soon as it is known, so a curve that was interrupted goes on,
and one with more sizes or seeds computes only what is new.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from kblib import __version__
from kblib.errors import IntegrityError, LabelError
from kblib.evaluation.curve_draws import drawn, order_of
from kblib.files import read_json, write_json
from kblib.labels import Labels
from kblib.labels.parts import Parts

Said = tuple[str | None, ...]
Progress = Callable[[int, int, str], None]
_FORMAT = 3


@dataclass(frozen=True, eq=False)
class Method:
    """A way to label texts, ready to be asked.

    Attributes
    ----------
    name
        What it is called.
    learns
        Whether it is given labels; one that is not, is asked once.
    answer
        Takes labels to learn from, labels whose texts are asked about, and a seed; returns a label,
        or None, for each text.
    about
        All that decides its answers besides, as plain values; None if that is not known, and then
        nothing is kept.
    notes
        What a reader of its scores has to know, in sentences.
    """

    name: str
    learns: bool
    answer: Callable[[Labels, Labels, int], Sequence[str | None]]
    about: Mapping[str, Any] | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Cell:
    """What one method says of the test texts.

    Attributes
    ----------
    size, seed
        How many labels, of which draw; both None for a method that is given none.
    said
        A label, or None, for each test text in order.
    seconds
        What it took to learn and answer, when it was computed.
    """

    method: str
    size: int | None
    seed: int | None
    said: Said
    seconds: float


@dataclass(frozen=True)
class CellStore:
    """Where cells are kept.

    Attributes
    ----------
    folder
        One file a cell.
    """

    folder: Path

    def get(self, key: Mapping[str, Any]) -> tuple[Said, float] | None:
        """Return a cell that is there; a file that cannot be read is no cell."""
        path = self._path(key)
        try:
            found = read_json(path)
            said = tuple(None if one is None else str(one) for one in found["said"])
            return said, float(found["seconds"])
        except (IntegrityError, KeyError, TypeError, ValueError):
            return None

    def put(self, key: Mapping[str, Any], said: Said, seconds: float) -> None:
        """Keep a cell."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self._path(key), {"said": list(said), "seconds": seconds, "of": dict(key)})

    def _path(self, key: Mapping[str, Any]) -> Path:
        plain = json.dumps(key, sort_keys=True, ensure_ascii=False)
        return self.folder / f"{hashlib.sha256(plain.encode()).hexdigest()[:32]}.json"


def cells(
    methods: Sequence[Method],
    parts: Parts,
    sizes: Sequence[int],
    seeds: Sequence[int],
    store: CellStore,
    progress: Progress | None,
) -> Iterator[Cell]:
    """Yield every cell, those that are kept without computing anything."""
    of_parts = {name: _digest(part, parts.by) for name, part in
                (("train", parts.train), ("test", parts.test))}  # fmt: skip
    orders = {seed: order_of(parts.train, seed) for seed in seeds}
    wanted: list[tuple[Method, int | None, int | None]] = []
    for method in methods:
        some = [(method, size, seed) for size in sizes for seed in seeds]
        wanted += some if method.learns else [(method, None, None)]
    for done, (method, size, seed) in enumerate(wanted):
        if progress is not None:
            progress(done, len(wanted), method.name)
        train = parts.train
        if size is not None and seed is not None:
            train = drawn(parts.train, orders[seed], size)
        where = {**of_parts, "size": size, "seed": seed, "format": _FORMAT, "version": __version__}
        said, seconds = _answered(method, train, parts.test, where, store)
        yield Cell(method.name, size, seed, said, seconds)
    if progress is not None:
        progress(len(wanted), len(wanted), "")


def _answered(
    method: Method, train: Labels, test: Labels, where: Mapping[str, Any], store: CellStore
) -> tuple[Said, float]:
    key = None if method.about is None else {**where, "method": dict(method.about)}
    if key is not None and (kept := store.get(key)) is not None:
        return kept
    began = time.perf_counter()
    said = tuple(method.answer(train, test, int(where["seed"] or 0)))
    seconds = time.perf_counter() - began
    _check(method, said, test)
    if key is not None:
        store.put(key, said, seconds)
    return said, seconds


def _check(method: Method, said: Said, test: Labels) -> None:
    if len(said) != len(test):
        raise LabelError(
            f"'{method.name}' gave {len(said):,} labels for {len(test):,} texts.",
            "One a text was expected, or None where it abstains.",
        )
    strange = next((one for one in said if one is not None and one not in test.labels), None)
    if strange is not None:
        raise LabelError(
            f"'{method.name}' gave the label {strange!r}.",
            f"There are: {', '.join(test.labels)}.",
            "The names must be written as in the labels.",
        )


def _digest(labels: Labels, by: str) -> str:
    """Return a hash of what a method may look at: texts, labels, and what hangs together."""
    columns = labels.rows.select("id", "text", "label", hangs_by=pl.lit(by), group=pl.col(by))
    return hashlib.sha256(columns.write_ndjson().encode()).hexdigest()[:32]
