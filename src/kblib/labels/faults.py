"""What cannot be used of a file of labels: raised as a LabelError, or listed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kblib.corpora.sources import COLLECT, Fault, Faults, Faulty
from kblib.errors import CorpusError, LabelError


@dataclass
class LabelFaults(Faults):
    """Raises the first fault of a file of labels, or lists them all.

    Attributes
    ----------
    notes
        What was read all the same and has to be known, in sentences.
    """

    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        try:
            super().__post_init__()
        except CorpusError as error:
            raise LabelError(error.happened, error.expected) from None

    def add(self, fault: Fault, error: LabelError | None = None) -> None:
        """Raise the fault, as `error` if there is one that says it better, or list it."""
        if self.on_error == "raise":
            raise error or LabelError(f"{fault.where}: {fault.reason}.", fault.advice, COLLECT)
        self.listed.append(fault)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Guard the reading of one file: what stops it is raised or listed."""
        try:
            yield
        except Faulty as faulty:
            self.add(faulty.fault)
