"""The newsreels of ``journal-digital``: what a path says about a film, each cue a document.

The package is *read as data and never imported*: importing it runs code that looks for settings
files. Its files are found through the metadata of the installed distribution. Paths are
``corpus/MEDIUM/COLLECTION/YEAR/REEL.srt``.

A film is its number: ``SF769C.1 dans england.mpg`` is reel C of film SF769. Reels of one film, and
its speech and intertitles, share what they show, so they must never be on two sides of a split.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import polars as pl

from kblib.corpora.filters import (
    Filter,
    Spread,
    looping,
    matching,
    min_words,
    non_latin,
    repeated,
    unknown_words,
    widespread,
)
from kblib.corpora.rows import frame_of_rows
from kblib.corpora.subtitles import cues_of_file
from kblib.errors import CorpusError, MissingPartError

DISTRIBUTION = "journal-digital"
VERSION = "2025.12.30.2"
INSTALL = f"python -m pip install --no-deps {DISTRIBUTION}=={VERSION}"
SOURCE = "Journal Digital"
CITATION = "Aspenskog, Johansson, Snickars (2025), doi:10.5334/johd.344"
LICENCE = "CC-BY-NC-4.0"
MEDIA = ("intertitle", "speech")
FIRST_YEAR, LAST_YEAR = 1896, 2000
"""The first film of Sweden is of 1896; a folder with another number is no year (one is ``188``)."""

_PATH_PARTS = 4
_NUMBERED = re.compile(
    r"(?P<prefix>[A-Za-z]+)(?P<first>\d+)(?:-(?P<second>\d+))?(?P<reel>[A-Z]*(?:-[A-Z])?\d?)"
)
_END = re.compile(r"(\.1)?(\.mpg)?$")


@dataclass(frozen=True)
class Reel:
    """What the path of a subtitle file says.

    Attributes
    ----------
    name
        The file's name without its endings; unique within a medium.
    film
        The film's number with its collection's letters, such as ``SF769``; several, such as
        ``SF11-16``; or the name, for the few films without number.
    reel
        The letters or part after the number; empty if the film is one reel.
    medium
        ``speech`` or ``intertitle``.
    collection
        ``sf``, ``sj``, ``kino`` or ``nuet``.
    year_folder
        The folder's name, whatever it is.
    """

    name: str
    film: str
    reel: str
    medium: str
    collection: str
    year_folder: str

    @property
    def year(self) -> int | None:
        """The year, or None where the folder's name is none (``XXXX``, ``188``)."""
        digits = self.year_folder
        year = int(digits) if digits.isascii() and digits.isdigit() else 0
        return year if FIRST_YEAR <= year <= LAST_YEAR else None

    @property
    def order(self) -> tuple[str, int, str, str, str]:
        """What films, reels and media are sorted by: SF9 stands before SF10."""
        found = _NUMBERED.match(self.film)
        number = int(found["first"]) if found else 0
        return (
            found["prefix"] if found else self.film,
            number,
            self.film,
            self.reel,
            self.name + self.medium,
        )


def reel_of_path(path: Path) -> Reel:
    """Read medium, collection, year, film and reel off the last four parts of a path.

    Raises
    ------
    CorpusError
        If the path is not ``MEDIUM/COLLECTION/YEAR/REEL.srt``.

    Examples
    --------
    >>> reel = reel_of_path(Path("speech/sf/XXXX/SF769C.1 dans england.mpg.srt"))
    >>> reel.film, reel.reel, reel.year
    ('SF769', 'C', None)
    """
    if len(path.parts) < _PATH_PARTS or path.parts[-4] not in MEDIA:
        raise CorpusError(
            f"{path} says nothing about a film.",
            f"A path like {' or '.join(MEDIA)}/sf/1935/SF769A.1.mpg.srt was expected.",
        )
    medium, collection, year_folder = path.parts[-4:-1]
    film, reel = film_and_reel(path.stem)
    return Reel(_END.sub("", path.stem), film, reel, medium, collection, year_folder)


def film_and_reel(stem: str) -> tuple[str, str]:
    """Return film and reel of a file's name.

    ``SF11-16`` and ``SF1215-18`` are several films on one reel, ``Kino346-2`` is the second part of
    film 346.
    """
    found = _NUMBERED.match(stem)
    if found is None:
        return _END.sub("", stem), ""
    film = f"{found['prefix']}{int(found['first'])}"
    if found["second"] is None:
        return film, found["reel"]
    last = _last_of_range(found["first"], found["second"])
    return (f"{film}-{last}", found["reel"]) if last else (film, found["second"] + found["reel"])


def joined_ranges(reels: Iterable[Reel]) -> dict[str, str]:
    """Return the range's name for films that also stand in one, such as ``Kino1-2``."""
    films = sorted({reel.film for reel in reels})
    joined: dict[str, str] = {}
    for film in films:
        found = re.fullmatch(r"([A-Za-z]+)(\d+)-(\d+)", film)
        if found:
            numbers = range(int(found[2]), int(found[3]) + 1)
            joined |= {
                f"{found[1]}{number}": film for number in numbers if f"{found[1]}{number}" in films
            }
    return joined


def installed_files() -> tuple[str, list[Path]]:
    """Return the version of the installed package and its subtitle files.

    Raises
    ------
    MissingPartError
        If it is not installed, with the command that brings it.
    CorpusError
        If it is installed but lists no subtitle files.
    """
    try:
        distribution = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        raise MissingPartError(
            f"The newsreels are not here: package '{DISTRIBUTION}' is not installed.",
            f"They are {LICENCE} and come on their own, without the package's dependencies.",
            INSTALL,
        ) from None
    listed = [
        Path(str(file.locate())) for file in distribution.files or () if file.suffix == ".srt"
    ]
    if not listed:
        raise CorpusError(
            f"Package '{DISTRIBUTION}' {distribution.version} lists no .srt files.",
            f"Version {VERSION} has 6,871.",
            f"{INSTALL} --force-reinstall",
        )
    return distribution.version, listed


def newsreel_frame(files: Sequence[Path], version: str) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Read every cue as one row, ordered by film, reel, medium, time; and say what was met.

    Raises
    ------
    CorpusError
        If a file is missing or damaged: a sample is whole or not there.
    """
    reels = {path: reel_of_path(path) for path in files}
    joined = joined_ranges(reels.values())
    reels = {
        path: replace(reel, film=joined.get(reel.film, reel.film)) for path, reel in reels.items()
    }
    ordered = sorted(reels, key=lambda path: (reels[path].order, path))
    frame = frame_of_rows([row for path in ordered for row in _rows(reels[path], path)])
    constant = {
        "source": f"{SOURCE} {version}",
        "kind": "newsreel",
        "language": "sv",
        "licence": LICENCE,
    }
    frame = frame.with_columns(**{column: pl.lit(value) for column, value in constant.items()})
    unknown = Counter(reel.year_folder for reel in reels.values() if reel.year is None)
    about = {
        "package": f"{DISTRIBUTION} {version}",
        "citation": CITATION,
        "files": len(files),
        "cues": frame.height,
        "cues_that_end_before_they_begin": int((frame["end_s"] < frame["start_s"]).sum()),
        "files_of_unknown_year": {
            f"folder '{name}'": count for name, count in sorted(unknown.items())
        },
        "films_joined": joined,
    }
    return frame, about


def newsreel_filters() -> tuple[Filter, ...]:
    """Return the standard cleaning of the newsreels, in order; leave out or change what you like.

    The limits follow from looking at the material (``dropped(reason)`` shows it): a sentence that
    eight films share word for word is a greeting, or what a speech model writes over music; misread
    intertitles have few words that films share.
    """
    misread = unknown_words(
        min_known=0.6, min_letters=8, by="film", part="medium", spread=KNOWN_WORDS
    )
    return (
        non_latin(),
        matching(MADE_UP, "made up by the speech model").where(medium="speech"),
        looping(),
        widespread("film", 8),
        repeated(by="film"),
        min_words(2),
        misread.where(medium="intertitle"),
    )


KNOWN_WORDS = (Spread("speech", 3, min_length=2), Spread("intertitle", 5, min_length=5))
"""Speech is well spelt; intertitles add names and old spelling, but also scraps of letters."""

MADE_UP = (
    r"(?i)\bSLU 20\d\d\b|\bden här (videon|kanalen)\b"
    r"|\bundertext(er|ning)?\b.*\b(av|från)\b|amara\.org|\bprenumerera\b"
)
"""What a speech model has learnt from video sites and writes where there is only music."""


def _rows(reel: Reel, path: Path) -> list[dict[str, Any]]:
    about = {
        "title": reel.name,
        "date": "" if reel.year is None else str(reel.year),
        "year": reel.year,
        "film": reel.film,
        "reel": reel.reel,
        "medium": reel.medium,
        "collection": reel.collection,
    }
    cues = sorted(cues_of_file(path), key=lambda cue: (cue.start_s, cue.line))
    return [
        {
            "id": f"{reel.name}/{reel.medium}/{cue.number}",
            "text": cue.text,
            **about,
            "start_s": cue.start_s,
            "end_s": cue.end_s,
        }
        for cue in cues
    ]


def _last_of_range(first: str, second: str) -> int | None:
    if int(second) > int(first):
        return int(second)
    if len(second) > 1 and len(second) < len(first):
        last = int(first[: -len(second)] + second)
        return last if last > int(first) else None
    return None
