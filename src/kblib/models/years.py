"""Which years a model has read, and what to say where it is asked about others.

A model that was trained on all years at once answers with all of them, whatever a question says
about 1935. Nothing in its answer shows that, so the years of its texts are looked up and said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from kblib.corpora import load_sample, newsreel_filters
from kblib.corpora.samples import SAMPLES
from kblib.errors import KblibError, ModelError
from kblib.files import read_json
from kblib.models.given import check_model

RECIPE = "recipe.json"
DECADE = 10
About = int | tuple[int, int]


class HasFolder(Protocol):
    """Anything with a name that may lie in a model folder."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def folder(self) -> Path | None:
        """Where it was opened from."""


@dataclass(frozen=True)
class Years:
    """A span of years, both ends included.

    Raises
    ------
    ModelError
        If they are no whole numbers, or the last is before the first.

    Examples
    --------
    >>> str(Years(1930, 1939)), str(Years(1935, 1935))
    ('1930-1939', '1935')
    """

    first: int
    last: int

    def __post_init__(self) -> None:
        if type(self.first) is not int or type(self.last) is not int or self.first > self.last:
            raise ModelError(
                f"The years are {self.first!r} to {self.last!r}.",
                "Two whole numbers were expected, the first not after the last.",
                "about=(1930, 1939)",
            )

    def inside(self, other: Years) -> bool:
        """Tell whether all of these years are among the others."""
        return other.first <= self.first and self.last <= other.last

    def meets(self, other: Years) -> bool:
        """Tell whether any year is in both."""
        return self.first <= other.last and other.first <= self.last

    def __str__(self) -> str:
        """Return ``1930-1939``, or one year."""
        return f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"


def years_asked(about: About) -> Years:
    """Return the years a question is about: one year, or first and last.

    Raises
    ------
    ModelError
        If it is neither.
    """
    if type(about) is int:
        return Years(about, about)
    if isinstance(about, tuple | list) and len(about) == 2:
        return Years(*about)
    raise ModelError(
        f"about is {about!r}.", "A year, or first and last year, were expected.", "about=1935"
    )


def training_years(model: HasFolder) -> Years | None:
    """Return the years of the texts a model was trained on; None if they are not recorded.

    They stand in the recipe of its folder (``job.corpus.years``). Where they do not, and the recipe
    names a sample corpus, its fingerprint is looked for among the samples, raw and cleaned.

    Raises
    ------
    ModelError
        If it is no opened model.
    """
    check_model(model, "folder")
    path = model.folder / RECIPE if model.folder else None
    if path is None or not path.is_file():
        return None
    recipe = read_json(path)
    corpus = _part(_part(recipe, "job"), "corpus") or _part(recipe, "corpus")
    said = corpus.get("years")
    if isinstance(said, list) and len(said) == 2 and all(type(year) is int for year in said):
        return Years(*said)
    if corpus.get("name") in SAMPLES:
        return _years_of_sample(str(corpus["name"]), str(corpus.get("fingerprint")))
    return None


def period_warning(model: HasFolder, about: About | None) -> str:
    """Return what must be said where a model is asked about some years; nothing if all is well.

    Parameters
    ----------
    about
        The year or years the question is about; None for none in particular.
    """
    if about is None:
        return ""
    read = training_years(model)
    return warning_of_years(model.name, read, years_asked(about))


def warning_of_years(name: str, read: Years | None, asked: Years) -> str:
    """Return the warning itself, for a model whose years are known otherwise.

    Examples
    --------
    >>> warning_of_years("gpt", Years(1930, 1959), Years(1935, 1935))
    'gpt has read texts of 1930-1959 together: its answer is of all these years, not of 1935.'
    """
    if read is None:
        return (
            f"Which years {name} has read is not recorded: its answer is not to be taken for one "
            f"of {asked}."
        )
    if read.inside(asked):
        return ""
    if not read.meets(asked):
        return f"{name} has read texts of {read} only: it knows nothing of {asked}."
    return (
        f"{name} has read texts of {read} together: its answer is of all these years, not of "
        f"{asked}."
    )


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = whole.get(name)
    return part if isinstance(part, Mapping) else {}


@cache
def _years_of_sample(name: str, fingerprint: str) -> Years | None:
    """Return the years of a sample, raw or cleaned, if it is the one of the fingerprint."""
    try:
        raw = load_sample(name)
    except KblibError:  # the package with the texts is not installed: its years are not known
        return None
    found = raw
    if raw.fingerprint != fingerprint:
        found = raw.filter(*newsreel_filters())
        if found.fingerprint != fingerprint:
            return None
    first, last = found.counts["first_year"], found.counts["last_year"]
    return None if first is None or last is None else Years(first, last)
