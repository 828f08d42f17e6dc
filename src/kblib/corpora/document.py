"""One text and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Document:
    """One text, with an id that nothing on the way to a result may drop.

    Attributes
    ----------
    id
        Unique in its corpus, so that a model's output can be joined back to a page, a cue or a row.
    text
        The text itself, as it was read.
    title
        What a catalogue would print; empty if there is none.
    date
        ISO 8601, as much as is known: ``1935``, ``1935-04`` or ``1935-04-12``. Empty if unknown.
    source
        The collection or publication the text was taken from, with its version.
    kind
        What sort of thing it is: newspaper, report, web, film, radio, ephemera, postcard ...
    language
        A BCP 47 tag: ``sv``, ``nb``; ``und`` if undetermined.
    licence
        The licence's SPDX identifier, if there is one.
    rights
        The rights class or statement, if there is one.
    origin
        Where in the source the text stands: film, reel, start_s, end_s, medium, page, box ...

    Examples
    --------
    >>> Document("film-7/3", "Tåget går.", date="1935-04", origin={"start_s": 12.5}).year
    1935
    """

    id: str
    text: str
    title: str = ""
    date: str = ""
    source: str = ""
    kind: str = ""
    language: str = "und"
    licence: str = ""
    rights: str = ""
    origin: Mapping[str, str | int | float] = field(default_factory=dict)

    @property
    def year(self) -> int | None:
        """The year at the front of `date`, or None if it is unknown."""
        first = self.date[:4]
        return int(first) if len(first) == 4 and first.isascii() and first.isdigit() else None
