"""What views say, in the reader's language.

The English text is the key: ``say("{n:,} films in {year}", n=3, year=1938)``. The Swedish ones lie
in ``kbnotebooks/swedish/``, a file for each family of views, and keep the same fields. A test
compares both, so that no text is forgotten; one that is missing all the same is said in English.
The library itself speaks English; what it says beside a result, such as a warning, is recognised
by its words and said in Swedish where `LIBRARIES` know it. Code and names of columns stay English.
"""

from __future__ import annotations

import os
import re
import string
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from kbnotebooks._errors import ViewError

LANGUAGES = {"en": "English", "sv": "svenska"}
VARIABLE = "KBNOTEBOOKS_LANGUAGE"
NOTEBOOK = "JPY_SESSION_NAME"
"""Where Jupyter Server tells the kernel which notebook it belongs to."""
TABLES = Path(__file__).with_name("swedish")
LIBRARIES = tuple(sorted(TABLES.glob("library*.toml")))
CODE = "code"
"""Fields of a sentence of the library that begin so hold code: they stay as they are."""
NO_BREAK = "\N{NO-BREAK SPACE}"
_SWEDISH_MARKS = str.maketrans({",": NO_BREAK, ".": ","})
_NUMBER = re.compile(r"[+-]?\d[\d.,]*(e[+-]\d+)?%?")

_DESCRIBED = re.compile(r"('[\w-]+') \(([^()]+)\)")
"""A name that code knows and what it means, of which an error may list several."""

_chosen: list[str] = []


def language(code: str | None = None) -> str:
    """Set the language of pictures, views and exercises, or only say which it is.

    Without a choice it is what ``KBNOTEBOOKS_LANGUAGE`` says, else that of the notebook by its name
    (``02_ngrams.sv.ipynb`` is Swedish), else English.

    Raises
    ------
    ViewError
        If the language is not there.

    Examples
    --------
    >>> language("sv")
    'sv'
    >>> language("en")
    'en'
    """
    if code is not None:
        _chosen[:] = [_checked(code, "kb.language('sv')")]
    return _chosen[0] if _chosen else _default(os.environ)


def say(text: str, **values: Any) -> str:
    """Return a text in the reader's language, with values put in; numbers are written its way."""
    return _WRITER.format(_translated(text), **values)


def say_n(n: int, one: str, many: str, **values: Any) -> str:
    """Return the text that fits a number, which is also put in as ``n``."""
    return say(one if n == 1 else many, n=n, **values)


def later(text: str) -> str:
    """Mark a text that stands in a table of its own and is said later."""
    return text


def heard(sentence: str) -> str:
    """Return a sentence of the library, or a number it wrote, in the reader's language.

    A sentence that is not known there stays as it is.
    """
    if language() == "sv":
        if _NUMBER.fullmatch(sentence):
            return sentence.translate(_SWEDISH_MARKS)
        for pattern, swedish_text in _patterns():
            if found := pattern.fullmatch(sentence):
                values = {
                    # What stands in quotes is a name that code knows.
                    name: value
                    if name.startswith(CODE) or f"'{{{name}}}'" in swedish_text
                    else _heard_value(value)
                    for name, value in found.groupdict().items()
                }
                return swedish_text.format(**values)
    return sentence


def known(value: Any) -> str:
    """Return a value or a column of a corpus in the reader's language if it is one of `VALUES`."""
    return _translated(str(value))


def number(value: float, spec: str = ",.0f") -> str:
    """Return a number as the language writes it: 2,225.5 or 2 225,5."""
    written = format(value, spec)
    return written.translate(_SWEDISH_MARKS) if language() == "sv" else written


VALUES = (
    later("all"), later("speech"), later("intertitle"), later("unknown"),
    later("newsreel"), later("newspaper"), later("report"), later("film"), later("radio"),
    later("id"), later("text"), later("title"), later("date"), later("year"), later("decade"),
    later("source"), later("kind"), later("language"), later("licence"), later("reel"),
    later("medium"), later("collection"), later("time"), later("part"), later("words"),
    later("issue"), later("volume"),
)  # fmt: skip
"""Values and columns that corpora of this project have."""


def swedish() -> Mapping[str, str]:
    """Return all Swedish texts by their English ones."""
    return _swedish()


class _Writer(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return number(value, format_spec)
        return str(super().format_field(value, format_spec))


_WRITER = _Writer()


def _translated(text: str) -> str:
    return _swedish().get(text, text) if language() == "sv" else text


@cache
def _swedish() -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted(TABLES.glob("*.toml")):
        if path not in LIBRARIES:
            found |= tomllib.loads(path.read_text(encoding="utf-8"))
    return found


def library() -> dict[str, str]:
    """Return the library's sentences in Swedish by their English ones."""
    found: dict[str, str] = {}
    for path in LIBRARIES:
        found |= tomllib.loads(path.read_text(encoding="utf-8"))
    return found


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Return the sentences, first those that have most words of their own: they fit closest."""
    own = {one: sum(len(fixed) for fixed, *_ in string.Formatter().parse(one)) for one in library()}
    by_words = sorted(library().items(), key=lambda pair: -own[pair[0]])
    return [(_pattern(english), swedish_text) for english, swedish_text in by_words]


def _pattern(template: str) -> re.Pattern[str]:
    pieces = [
        re.escape(fixed) + (f"(?P<{name}>.+?)" if name else "")
        for fixed, name, _, _ in string.Formatter().parse(template)
    ]
    return re.compile("".join(pieces), re.DOTALL)


def _heard_value(value: str) -> str:
    """Return a number, another sentence of the library, or a list of names in Swedish."""
    if (told := heard(value)) != value:
        return told
    if _DESCRIBED.match(value):
        return _DESCRIBED.sub(lambda found: f"{found[1]} ({heard(found[2])})", value)
    return " och ".join(known(name) for name in value.split(" and "))


def _default(environment: Mapping[str, str]) -> str:
    if wanted := environment.get(VARIABLE):
        return _checked(wanted, f"export {VARIABLE}=sv")
    return "sv" if environment.get(NOTEBOOK, "").endswith(".sv.ipynb") else "en"


def _checked(code: str, next_step: str) -> str:
    if code not in LANGUAGES:
        known = ", ".join(f"'{one}' ({name})" for one, name in LANGUAGES.items())
        raise ViewError(f"There is no language {code!r}.", f"Languages: {known}.", next_step)
    return code
