"""Which forms of a word are counted, and why each.

``surface``
    The word as it is asked for; capital letters do not matter (`kblib.ngrams.words`).
``variants``
    Also old spellings, up to two rules away, and misreadings that are rare beside the word.
``lemma``
    Also inflected forms and their variants: from the dictionary of the package ``simplemma``, which
    knows ``gick`` and ``gingo`` for ``gå``, and from regular endings, for it misses some plurals
    (``järnvägar``). Without the package endings are all there is; the result says so.

Each way is wider than the one before it. A wildcard, ``järnväg*``, also finds compounds.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Literal, get_args

import numpy as np
import polars as pl

from kblib.errors import CorpusError
from kblib.ngrams.index import Ints, TextIndex
from kblib.ngrams.spellings import endings, misreadings, old_spellings
from kblib.ngrams.words import fold, folded

Forms = Literal["surface", "variants", "lemma"]
FORMS: tuple[Forms, ...] = get_args(Forms)

RARER, FEW, MUCH_RARER = 10, 5, 200
"""A misreading counts if it is 10 times rarer than the word and has at most 5 hits, or is 200 times
rarer: ``mån`` is a word, not a misread ``man``. Rules of thumb; the list shows what they let in."""
DICTIONARY = "simplemma"
INSTALL = f"python -m pip install {DICTIONARY}"
MISSPELT_AMONG = 30_000


@dataclass(frozen=True)
class Form:
    """One form that is counted, and the rule that led to it.

    Attributes
    ----------
    word
        Its number in the text's vocabulary.
    form, why
        As text, and the reason: ``as asked``, ``spelling hv/v``, ``ending -en`` ...
    """

    word: int
    form: str
    why: str


def forms_of(text: TextIndex, word: str, forms: Forms = "surface") -> tuple[Form, ...]:
    """Return the forms of a folded word that the text holds, the word itself first if it is there.

    Raises
    ------
    CorpusError
        If `forms` is none of the three ways.
    """
    check_forms(forms)
    reasons = {word: "as asked"}
    if forms == "lemma":
        for form, why in (*_in_dictionary(word), *endings(word)):
            reasons.setdefault(form, why)
        reasons = {form: why for form, why in reasons.items() if form == word or _held(text, form)}
    if forms != "surface":
        for base, why in list(reasons.items()):
            _add_variants(text, base, "" if base == word else f"{why}, ", reasons)
    numbers = ((text.find(form), form, why) for form, why in reasons.items())
    return tuple(Form(number, form, why) for number, form, why in numbers if number is not None)


def without_forms(found: tuple[Form, ...], without: Collection[str]) -> tuple[Form, ...]:
    """Leave out forms the reader has looked at and does not want counted.

    Raises
    ------
    CorpusError
        If one of them was not counted anyway.
    """
    unwanted = left_out(without)
    there = {one.form for one in found}
    strange = next((form for form in unwanted if form not in there), None)
    if strange is not None:
        raise CorpusError(
            f"'{strange}' is not among the forms, so it cannot be left out.",
            f"The forms: {', '.join(sorted(there)[:20])}.",
        )
    return tuple(one for one in found if one.form not in unwanted)


def left_out(without: Collection[str]) -> list[str]:
    """Return forms to leave out as they are compared, in order; a text alone is one of them.

    Examples
    --------
    >>> left_out("Jern"), left_out(["värk", "verk"])
    (['jern'], ['verk', 'värk'])
    """
    return sorted(folded([without] if isinstance(without, str) else list(without)))


def check_forms(forms: str) -> None:
    """Refuse a way of choosing forms that is not there."""
    if forms not in FORMS:
        raise CorpusError(
            f"No way of choosing forms is called '{forms}'.",
            f"There are: {', '.join(FORMS)}.",
            "forms='lemma'",
        )


def has_dictionary() -> bool:
    """Return whether the optional dictionary of inflected forms is installed."""
    return find_spec(DICTIONARY) is not None


def how_forms(forms: Forms) -> str:
    """Return one sentence on how forms were chosen, for the provenance of a result."""
    if forms == "surface":
        return "surface: the word as asked, capitals folded"
    if forms == "variants":
        return "variants: old spellings and rare misreadings, by rule"
    known = f"and the dictionary of {DICTIONARY}" if has_dictionary() else "no dictionary"
    missing = "" if has_dictionary() else f" (strong verbs and umlaut are missed; {INSTALL})"
    return f"lemma: regular endings, {known}{missing}, with their variants"


def similar_words(text: TextIndex, word: str, n: int = 3) -> list[str]:
    """Return frequent words of the text that are written much like `word`."""
    length = pl.col("word").str.len_chars()
    near = (
        pl.DataFrame({"word": text.words, "count": np.diff(text.starts)})
        .filter(
            pl.col("word").str.starts_with(word[:1]),
            length.is_between(len(word) - 2, len(word) + 2),
        )
        .top_k(MISSPELT_AMONG, by="count")
    )
    return difflib.get_close_matches(word, near["word"].to_list(), n=n)


def _held(text: TextIndex, form: str) -> bool:
    return text.find(form) is not None


def _add_variants(text: TextIndex, base: str, before: str, reasons: dict[str, str]) -> None:
    steps = {base: ""}
    for _ in range(2):
        for form, so_far in list(steps.items()):
            for other, why in old_spellings(form):
                steps.setdefault(other, f"{so_far}, {why}".removeprefix(", "))
    for form, why in steps.items():
        if form != base and _held(text, form):
            reasons.setdefault(form, before + why)
    asked = _count(text, base)
    limit = min(asked / RARER, max(FEW, asked / MUCH_RARER))
    for form, why in misreadings(base):
        if form not in reasons and 0 < _count(text, form) <= limit:
            reasons[form] = before + why


def _count(text: TextIndex, form: str) -> int:
    number = text.find(form)
    return 0 if number is None else int(text.starts[number + 1] - text.starts[number])


def _in_dictionary(word: str) -> Iterator[tuple[str, str]]:
    """Yield the forms of which a word is the lemma; if it is none, those of its own lemma."""
    if not has_dictionary():
        return
    table = _dictionary()
    forms = table.filter(pl.col("lemma") == word)
    if not (forms["form"] != word).any():
        lemmas = table.filter(pl.col("form") == word)["lemma"]
        forms = table.filter(pl.col("lemma").is_in(lemmas.implode()))
    for form, lemma in forms.iter_rows():
        yield form, f"dictionary: {lemma}"


@cache
def _dictionary() -> pl.DataFrame:
    """Return forms and lemmas, folded; a form that has several readings has the usual one."""
    from simplemma.strategies import DefaultDictionaryFactory

    pairs = DefaultDictionaryFactory().get_dictionary("sv")
    table = pl.DataFrame({"form": [*pairs], "lemma": [*pairs.values()]})
    return table.select(fold(table["form"]), fold(table["lemma"]))


def numbers_of(found: tuple[Form, ...]) -> Ints:
    """Return the words of some forms as ascending numbers."""
    return np.unique(np.array([one.word for one in found], dtype=np.int64))
