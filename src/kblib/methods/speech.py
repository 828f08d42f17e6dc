"""The two languages of a methods paragraph: both wordings stand side by side in the code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from kblib.errors import SettingsError

Language = Literal["en", "sv"]
LANGUAGES = ("en", "sv")
NO_BREAK = "\N{NO-BREAK SPACE}"
_SWEDISH_MARKS = str.maketrans({",": NO_BREAK, ".": ","})

# Reasons for which filters drop a document, and their Swedish wording; `\1` is a number or a name.
_REASONS = (
    (r"fewer than (\d+) words", r"färre än \1 ord"),
    (r"more than (\d+) words", r"fler än \1 ord"),
    (r"letters of another script than Latin", "andra bokstäver än latinska"),
    (r"the same words over and over", "samma ord om och om igen"),
    (r"made up by the speech model", "påhittat av talmodellen"),
    (r"repeated in the same (\w+)", r"upprepat i samma \1"),
    (r"repeated", "upprepat"),
    (r"word for word in (\d+) or more (\w+)s", r"ordagrant i minst \1 \2er"),
    (r"under (\d+)% in known words", r"under \1 % kända ord"),
    (r"year unknown", "okänt år"),
    (r"year outside (\d+)-(\d+)", r"utanför åren \1–\2"),
    (r"(\w+) is not (.+)", r"\1 är inte \2"),
)
_WORDS = {
    "year": "år",
    "decade": "årtionde",
    "film": "film",
    "title": "titel",
    "id": "dokument",
    "document": "dokument",
    "speech": "tal",
    "intertitle": "textskyltar",
}


@dataclass(frozen=True)
class Speech:
    """Says things in one language.

    Parameters
    ----------
    language
        ``en`` or ``sv``.

    Raises
    ------
    SettingsError
        If it is another.
    """

    language: Language

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise SettingsError(
                f"There is no language {self.language!r}.",
                f"Languages: {', '.join(LANGUAGES)}.",
                "methods(corpus, language='sv')",
            )

    def say(self, english: str, swedish: str, **values: Any) -> str:
        """Return the wording of this language with values put in; numbers are written its way."""
        shown = {
            name: self.number(value) if type(value) in (int, float) else value
            for name, value in values.items()
        }
        return (swedish if self.language == "sv" else english).format(**shown)

    def number(self, value: float) -> str:
        """Return a number with its thousands marked: 2,225.5 or 2 225,5; years stay as they are."""
        written = f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
        return written.translate(_SWEDISH_MARKS) if self.language == "sv" else written

    def percent(self, share: float) -> str:
        """Return a share as per cent: 95 %."""
        return f"{self.number(round(100 * share, 1)).removesuffix('.0').removesuffix(',0')} %"

    def listing(self, items: Iterable[str]) -> str:
        """Return items with commas and a last *and*."""
        *first, last = list(items)
        both = " och " if self.language == "sv" else " and "
        return f"{', '.join(first)}{both}{last}" if first else last

    def quoted(self, items: str | Iterable[str]) -> str:
        """Return words in quotation marks, as a list."""
        words = [items] if isinstance(items, str) else list(items)
        marks = "”{}”" if self.language == "sv" else "“{}”"
        return self.listing(marks.format(word) for word in words)

    def word(self, name: str) -> str:
        """Return the name of a column, a unit or a medium as one says it."""
        return _WORDS.get(name, name) if self.language == "sv" else name

    def reason(self, english: str) -> str:
        """Return why a filter dropped something; what is not known stays as it was written."""
        if self.language == "sv":
            for pattern, swedish in _REASONS:
                if re.fullmatch(pattern, english):
                    return re.sub(pattern, swedish, english)
        return english
