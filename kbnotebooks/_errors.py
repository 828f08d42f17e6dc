"""The errors of the notebook layer; the others come from ``kblib.errors``."""

from __future__ import annotations

from kblib.errors import KblibError


class ViewError(KblibError, ValueError):
    """A view, a picture or an exercise was asked for something it cannot show."""


class NameMistakeError(KblibError, AttributeError):
    """A name behind ``kb.`` that is not there, mostly by a slip of the keyboard."""
