"""The exception tree.

Every error a user meets says what happened, what was expected, and what to do next.

::

    KblibError
    ├── CorpusError      (ValueError)   a text, a file or a corpus that cannot be used as asked
    ├── TokenError       (ValueError)   tokenizers and token shards
    ├── LabelError       (ValueError)   labels and predictions
    ├── ModelError       (ValueError)   shapes, model folders, names of models
    ├── TrainingError    (RuntimeError) a loss that is not a number, a full disk
    ├── JobError         (ValueError)   a job that asks for something impossible
    ├── PlanError        (ValueError)   a plan that does not fit
    ├── SiteError        (LookupError)  an unknown site, or a site file with a hole in it
    ├── RunError         (RuntimeError) a run that failed, stopped or vanished
    ├── IntegrityError   (OSError)      a file that is not what its manifest says
    ├── TakenError (FileExistsError)    what would be written is there already
    ├── SettingsError    (ValueError)   a variable or a folder that cannot be used
    └── MissingPartError (ImportError)  an optional part that is not installed
"""

from __future__ import annotations

import linecache
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ClassVar


class KblibError(Exception):
    """Base of all errors raised on purpose by this project.

    Parameters
    ----------
    happened
        What happened, with the offending value, as a full sentence.
    expected
        What would have been right, as a full sentence.
    next_step
        What to do now, best as a line that can be pasted. Printed on a line of its own.
    """

    retell: ClassVar[Callable[[str], str]] = staticmethod(str)
    """What each part passes through when it is shown: a notebook in another language changes it."""

    def __init__(self, happened: str, expected: str = "", next_step: str = "") -> None:
        super().__init__(happened, expected, next_step)
        self.happened = happened
        self.expected = expected
        self.next_step = next_step

    def __str__(self) -> str:
        parts = (self.happened, self.expected, self.next_step)
        happened, expected, next_step = (type(self).retell(part) if part else "" for part in parts)
        first = " ".join(part for part in (happened, expected) if part)
        return f"{first}\n  {next_step}" if next_step else first

    def _render_traceback_(self) -> list[str]:
        """Return what IPython prints below a cell: the reader's own lines, then the message.

        The way through the library is left out, and kept: ``import traceback;
        traceback.print_last()`` prints it.
        """
        own = [
            f"----> {line} {linecache.getline(frame.f_code.co_filename, line).strip()}"
            for frame, line in traceback.walk_tb(self.__traceback__)
            if frame.f_globals.get("__name__") == "__main__"
        ]
        return [*own, f"{type(self).__name__}: {self}"]


class CorpusError(KblibError, ValueError):
    """A text, a file or a corpus cannot be used as asked."""


class TokenError(KblibError, ValueError):
    """A tokenizer or a token shard cannot be used as asked."""


class LabelError(KblibError, ValueError):
    """Labels or predictions cannot be used as asked."""


class ModelError(KblibError, ValueError):
    """A model shape, folder or name cannot be used as asked."""


class TrainingError(KblibError, RuntimeError):
    """Training cannot start or go on: no data, a loss that is not a number, a full disk."""


class JobError(KblibError, ValueError):
    """A job asks for something impossible."""


class PlanError(KblibError, ValueError):
    """A plan does not fit where it should run."""


class SiteError(KblibError, LookupError):
    """A site is unknown, or its file lacks something."""


class RunError(KblibError, RuntimeError):
    """A run failed, stopped or vanished."""


class IntegrityError(KblibError, OSError):
    """A file is not what its manifest says."""


class TakenError(KblibError, FileExistsError):
    """What would be written is there already, and nobody asked to write over it."""


class SettingsError(KblibError, ValueError):
    """A setting cannot be used."""


class MissingPartError(KblibError, ImportError):
    """An optional part is not installed; the next step is the command that brings it."""


def told(sentence: str) -> str:
    """Return what the library says beside a result, in the language of the notebook."""
    return KblibError.retell(sentence)
