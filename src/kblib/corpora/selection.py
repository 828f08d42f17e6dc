"""Which rows of a store a corpus holds: the store, and the steps that chose from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from kblib.corpora.steps import REASON, ROW, Step
from kblib.corpora.storage import Store
from kblib.corpora.tables import in_batches
from kblib.errors import CorpusError


@dataclass(frozen=True)
class Selection:
    """Rows of a store, chosen step by step; nothing is worked out before it is needed."""

    store: Store
    steps: tuple[Step, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether it is the store as it is."""
        return self._kept() is None

    @property
    def height(self) -> int:
        """How many rows are chosen."""
        kept = self._kept()
        return self.store.height if kept is None else kept.height

    def frame(self) -> pl.LazyFrame:
        """Return the chosen rows, in order."""
        kept = self._kept()
        return self.store.frame if kept is None else self.store.rows(kept)

    def batches(self, size: int, columns: Sequence[str] | None) -> Iterator[pl.DataFrame]:
        """Yield the chosen rows in order, `size` at a time."""
        kept = self._kept()
        frame = self.store.frame if columns is None else self.store.frame.select(columns)
        return in_batches(frame, size, None if kept is None else kept[ROW])

    def numbered(self) -> pl.LazyFrame:
        """Return the chosen rows with their numbers in the store."""
        kept = self._kept()
        numbered = self.store.numbered()
        if kept is None:
            return numbered
        return numbered.join(kept.lazy(), on=ROW, how="semi", maintain_order="left")

    def row(self, index: int) -> dict[str, Any]:
        """Return one chosen row, counted from 0."""
        kept = self._kept()
        row = index if kept is None else int(kept[ROW][index])
        return self.store.frame.slice(row, 1).collect().row(0, named=True)

    def then(self, step: Step) -> Selection:
        """Return the rows that one more step keeps of these."""
        return Selection(self.store, (*self.steps, step))

    def dropped(self) -> pl.LazyFrame | None:
        """Return what the steps dropped, with a column ``reason``; None if they dropped nothing."""
        frames = [] if self.store.dropped is None else [self.store.dropped]
        for step in self.steps:
            lost = None if step.choice is None else step.choice.outcome().dropped
            if lost is not None and lost.height:
                rows = self.store.numbered()
                kept = rows.join(lost.lazy(), on=ROW, how="inner", maintain_order="left")
                frames.append(kept.drop(ROW))
        return pl.concat(frames, how="diagonal_relaxed") if frames else None

    def dropped_for(self, reason: str | None, name: str) -> pl.LazyFrame:
        """Return what was dropped for a reason, or for any.

        Raises
        ------
        CorpusError
            If nothing was dropped for `reason`; the reasons there are, are listed.
        """
        frame = self.dropped()
        if frame is None:
            frame = self.store.frame.clear().with_columns(pl.lit("").alias(REASON))
        if reason is None:
            return frame
        there = frame.select(REASON).unique().collect(engine="streaming").to_series().sort()
        if reason not in there:
            raise CorpusError(
                f"Nothing was dropped from '{name}' for the reason '{reason}'.",
                f"Reasons: {'; '.join(there) or 'none, nothing was dropped'}.",
            )
        return frame.filter(pl.col(REASON) == reason)

    def _kept(self) -> pl.DataFrame | None:
        choices = (step.choice for step in reversed(self.steps) if step.choice is not None)
        last = next(choices, None)
        return None if last is None else last.outcome().kept
