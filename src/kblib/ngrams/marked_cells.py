"""Marks by stratum and unit, and what they let estimate of one period or of all.

An item that was passed over while later ones of its stratum were marked counts as unsure: which
ones are left out is a reader's choice, not chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from kblib.ngrams.frames import KINDS, Kind
from kblib.ngrams.marks import MARKS, Mark, Marks
from kblib.ngrams.resampling import FEWEST_UNITS
from kblib.ngrams.samples import QuerySample
from kblib.ngrams.stratified import Estimate, Floats, Ints, Rule, Stratum, part, rate, share

Kinds = tuple[Kind, ...]
FEWEST_MARKS = 5
"""Marks in a stratum, and marks that say yes in a cell: below, no interval is given."""
PRECISION, NET_RECALL, CORPUS_RECALL = "precision", "recall in the net", "recall in the corpus"
NO_HITS = "no hits: no interval"
NAMES: dict[Kind, str] = {"hit": "hits", "miss": "misses", "rest": "passages of the rest"}
HIT: Kinds = ("hit",)
ENDS: tuple[Mark, Mark] = ("no", "yes")
"""What is unsure taken as: the estimate and its least, its most."""
RECALL_ENDS: tuple[tuple[Mark, Mark], ...] = (("no", "no"), ("no", "yes"), ("yes", "no"))
"""The same for hits and for all others: the estimate, its least, its most."""


@dataclass(frozen=True, eq=False)
class MarkedSample:
    """A sample with one mark for each item that counts.

    Attributes
    ----------
    said
        The mark of each item in the order of the sample; None where it is not marked yet.
    passed_over
        How many of those that count as unsure were passed over.
    """

    sample: QuerySample
    said: list[Mark | None]
    passed_over: int

    @cached_property
    def kinds(self) -> Kinds:
        """The kinds that were drawn."""
        drawn = {kind for kind, _ in self.sample.chosen}
        return tuple(kind for kind in KINDS if kind in drawn)

    @cached_property
    def counts(self) -> dict[Kind, tuple[Ints, dict[Mark, Ints]]]:
        """Items and marks of each kind, counted in each row of the corpus's cells."""
        n = len(self.sample.cells.words)
        found = {}
        for kind in self.kinds:
            rows = self.sample.frames[kind].rows
            marked = {mark: np.zeros(n, dtype=np.int64) for mark in MARKS}
            for (other, place), mark in zip(self.sample.chosen, self.said, strict=True):
                if mark is not None and other == kind:
                    marked[mark][rows[place]] += 1
            found[kind] = np.bincount(rows, minlength=n), marked
        return found

    def count(self, mark: Mark) -> int:
        """Return how many items have a mark."""
        return self.said.count(mark)


def marked_sample(marks: Marks) -> MarkedSample:
    """Return a sample with its marks; items that were passed over are unsure."""
    settled = marks.settled()
    sample = marks.sample
    said = [settled.get(item) for item in sample.rows["item"]]
    strata = sample.rows.select("kind", "series", "period").rows()
    strata = [(kind, name, None if kind == "rest" else at) for kind, name, at in strata]
    last = {stratum: at for at, stratum in enumerate(strata) if said[at] is not None}
    over = [at for at, one in enumerate(strata) if said[at] is None and at < last.get(one, 0)]
    for at in over:
        said[at] = "unsure"
    return MarkedSample(sample, said, len(over))


@dataclass(frozen=True, eq=False)
class MarkedCell:
    """Some strata of one series: those of a period, or of all periods.

    Attributes
    ----------
    numbers
        The stratum numbers of the sample.
    """

    of: MarkedSample
    numbers: Sequence[int]
    rule: Rule

    @cached_property
    def n_units(self) -> int:
        """How many units have words here."""
        return len(self.words)

    @cached_property
    def words(self) -> Floats:
        """The words of each unit."""
        rows, units = self._rows
        return np.bincount(units, self.of.sample.cells.words[rows]).astype(np.float64)

    @cached_property
    def _rows(self) -> tuple[Ints, Ints]:
        """The rows of the corpus's cells that belong here, and the unit of each, from 0."""
        sample = self.of.sample
        rows = np.flatnonzero(np.isin(sample.stratum_of_row, list(self.numbers)))
        return rows, np.unique(sample.cells.unit[rows], return_inverse=True)[1]

    def strata(self, kind: Kind, *, unsure: Mark = "no") -> list[Stratum]:
        """Return the strata of a kind, one for the rest; what is unsure is taken as yes or no."""
        size, marks = self.of.counts[kind]
        yes = marks["yes"] + (marks["unsure"] if unsure == "yes" else 0)
        counts = (size, marks["yes"] + marks["no"] + marks["unsure"], yes)
        parts = [list(self.numbers)] if kind == "rest" else [[one] for one in self.numbers]
        return [Stratum(*(self._by_unit(one, part) for one in counts)) for part in parts]

    def _by_unit(self, counts: Ints, numbers: list[int]) -> Ints:
        rows, units = self._rows
        ours = np.isin(self.of.sample.stratum_of_row[rows], numbers)
        return np.bincount(units, np.where(ours, counts[rows], 0)).astype(np.int64)

    def all_strata(self, kinds: Kinds, *, unsure: Mark = "no") -> list[Stratum]:
        """Return the strata of several kinds."""
        return [one for kind in kinds for one in self.strata(kind, unsure=unsure)]

    def rate(self, kinds: Kinds) -> dict[str, float]:
        """Return the corrected number of occurrences a word, with interval and bounds."""
        ends = [self.all_strata(kinds, unsure=end) for end in ENDS]
        return self._shown(kinds, [rate(strata, self.words, self.rule) for strata in ends])

    def measures(self) -> Iterator[dict[str, Any]]:
        """Yield precision and, where misses or the rest were drawn, recall."""
        yield {"measure": PRECISION, **self._precision(), **self._about(HIT)}
        wider: list[tuple[str, Kinds]] = []
        if "miss" in self.of.kinds:
            wider.append((NET_RECALL, ("hit", "miss")))
        if "rest" in self.of.kinds:
            wider.append((CORPUS_RECALL, self.of.kinds))
        for measure, kinds in wider:
            row = {"measure": measure, **self._recall(kinds), **self._about(kinds)}
            if not row["note"] and not self._any_hits:
                row |= {"low": math.nan, "high": math.nan, "note": NO_HITS}
            yield row

    @property
    def _any_hits(self) -> bool:
        """Whether the query finds anything here; if not, its recall among other films is open."""
        return self.rule.about == "corpus" or any(one.n_items for one in self.strata("hit"))

    def _precision(self) -> dict[str, float]:
        ends = [self.strata("hit", unsure=end) for end in ENDS]
        return self._shown(HIT, [share(strata, self.rule) for strata in ends])

    def _recall(self, kinds: Kinds) -> dict[str, float]:
        others: Kinds = tuple(kind for kind in kinds if kind != "hit")
        found = [
            part(self.strata("hit", unsure=hits), self.all_strata(others, unsure=rest), self.rule)
            for hits, rest in RECALL_ENDS
        ]
        return self._shown(kinds, found)

    def _shown(self, kinds: Kinds, found: Sequence[Estimate]) -> dict[str, float]:
        value, least, most = found[0], found[-2], found[-1]
        shown = {"value": value.value, "low": least.low, "high": most.high}
        shown |= {"least": least.value, "most": most.value}
        if self.note(kinds):
            shown |= {"low": math.nan, "high": math.nan}
        return shown

    def _about(self, kinds: Kinds) -> dict[str, Any]:
        strata = self.all_strata(kinds)
        return {"marked": sum(one.n_marked for one in strata), "note": self.note(kinds)}

    def note(self, kinds: Kinds) -> str:
        """Return why there is no interval; empty where there is one."""
        if not self.words.size:
            return "no words"
        by_kind = {kind: self.strata(kind) for kind in kinds}
        every = [one for strata in by_kind.values() for one in strata]
        if not any(one.n_items for one in every):
            return "nothing found"
        if self.rule.about == "films" and self.n_units < FEWEST_UNITS:
            unit = self.of.sample.provenance["unit"]
            return f"fewer than {FEWEST_UNITS} units ({unit}): no interval"
        for kind, strata in by_kind.items():
            if said := _too_few(strata, NAMES[kind]):
                return said
        yes = sum(one.n_yes for one in every)
        left = sum(one.n_items - one.n_marked for one in every)
        if yes < FEWEST_MARKS and (left or self.rule.about == "films"):
            return f"only {yes} marked yes, {FEWEST_MARKS} are needed: no interval"
        return ""


def _too_few(strata: Sequence[Stratum], name: str) -> str:
    for one in strata:
        if one.n_items and not one.n_marked:
            return f"none of {one.n_items:,} {name} marked: no estimate"
    marked, items = sum(one.n_marked for one in strata), sum(one.n_items for one in strata)
    if marked < min(FEWEST_MARKS, items):
        return f"only {marked} of {items:,} {name} marked: no interval"
    return ""
