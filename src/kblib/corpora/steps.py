"""What was done to a corpus: each step keeps rows and drops others, with a reason, when needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

ROW = "__row"
REASON = "reason"
NO_DROPPED = pl.DataFrame(schema={ROW: pl.UInt32, REASON: pl.String})


@dataclass(frozen=True)
class Outcome:
    """Which rows of the store a step kept, and which it dropped and why.

    Attributes
    ----------
    kept
        One column of row numbers, ascending.
    dropped
        Row numbers and a reason each. Rows a split or a sample gave to another part are counted in
        `elsewhere` instead.
    elsewhere
        Reasons and counts of rows that are not lost but in another part.
    """

    kept: pl.DataFrame
    dropped: pl.DataFrame
    elsewhere: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def reasons(self) -> dict[str, int]:
        """How many documents each reason dropped, most frequent first."""
        counts = self.dropped.group_by(REASON).len().sort(["len", REASON], descending=[True, False])
        return {**dict(counts.iter_rows()), **self.elsewhere}


class Choice:
    """An outcome that is worked out when it is first asked for, then kept."""

    def __init__(self, work: Callable[[], Outcome]) -> None:
        self._work: Callable[[], Outcome] | None = work
        self._outcome: Outcome | None = None

    @classmethod
    def made(cls, outcome: Outcome) -> Choice:
        """Return a choice whose outcome is known already."""
        return cls(lambda: outcome)

    def outcome(self) -> Outcome:
        """Return the outcome, working it out once."""
        if self._outcome is None and self._work is not None:
            self._outcome = self._work()
            self._work = None  # lets go of the frames the work held
        assert self._outcome is not None  # noqa: S101  one of the two is always there
        return self._outcome


@dataclass(frozen=True)
class Step:
    """One thing done to a corpus: read, filter, sample, split.

    Attributes
    ----------
    name
        The verb: ``read_text``, ``filter``, ``split`` ...
    about
        With what: paths, years, seeds.
    choice
        The rows it kept; None for reading, and for steps done before the corpus was saved.
    """

    name: str
    about: Mapping[str, Any]
    choice: Choice | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what the manifest says about this step."""
        said: dict[str, Any] = {"step": self.name, **self.about}
        if self.choice is not None:
            outcome = self.choice.outcome()
            said |= {"kept": outcome.kept.height, "dropped": outcome.reasons}
        return said
