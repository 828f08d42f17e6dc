r"""What a word is: one definition, used wherever words are counted, searched or compared.

A *word* is a run of letters and digits that begins with one of them. Inside it may stand combining
marks and soft hyphens, and a hyphen, an apostrophe or a colon where a letter follows: ``e-post``,
``1930-talet``, ``SJ:s``, ``d'Arc``. Digits are also held together by points, commas and colons
between them: ``3,5``, ``10.30``. Everything else is a *gap*. So ``1930-39`` is two words, and a
word that was broken at the end of a line is two words, for a hyphen at a line's end does not tell.

Words are compared *folded*: Unicode NFC, small letters, without soft hyphens, with one kind of
hyphen and apostrophe. ``Järnväg`` and ``järnväg`` are one word; ``järnväg`` and ``jernväg`` are
two (`kblib.ngrams.forms` brings those together, and says so).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

DEFINITION = 1
"""Raised when the definition changes: an index made with another one is not taken for it."""

NUMBER = r"\p{N}+(?:[.,:]\p{N}+)+"
LETTERS = r"[\p{L}\p{N}][\p{L}\p{M}\p{N}\x{AD}]*(?:[-‐‑'’:]\p{L}[\p{L}\p{M}\p{N}\x{AD}]*)*"
WORD = f"{NUMBER}|{LETTERS}"
PIECE = rf"{WORD}|[^\p{{L}}\p{{N}}]+"
"""A word or a gap; the pieces of a text, one after the other, are the text."""

IS_WORD = r"^[\p{L}\p{N}]"
_SAME = {"\u00ad": "", "‐": "-", "‑": "-", "’": "'"}
_ACCENTS = str.maketrans("àáâãçèéêëìíîïñòóôõùúûýÿ", "aaaaceeeeiiiinoooouuuyy")
_LAST_LETTERS = str.maketrans({"å": "{", "ä": "|", "æ": "|", "ö": "}", "ø": "}", "ü": "y"})


def words_of(text: str) -> list[str]:
    """Return the words of a text as they are written.

    Examples
    --------
    >>> words_of("SJ:s nya e-post kom 10.30, på 1930-talet (1930-39).")
    ['SJ:s', 'nya', 'e-post', 'kom', '10.30', 'på', '1930-talet', '1930', '39']
    """
    return pl.Series([text]).str.extract_all(WORD).explode().drop_nulls().to_list()


def fold(words: pl.Series) -> pl.Series:
    """Return the folded words: what is compared and counted."""
    plain = words.str.normalize("NFC").str.to_lowercase()
    return plain.str.replace_many(list(_SAME), list(_SAME.values()))


def folded(words: Sequence[str]) -> list[str]:
    """Return the folded words of a list.

    Examples
    --------
    >>> folded(["Järnväg", "JERNVÄG", "järn\u00advägen"])
    ['järnväg', 'jernväg', 'järnvägen']
    """
    return fold(pl.Series(list(words), dtype=pl.String)).to_list()


def sort_keys(words: Sequence[str]) -> list[str]:
    """Return keys that sort folded words as a Swedish dictionary does: å, ä, ö after z.

    Examples
    --------
    >>> words = ["ö", "zoo", "ärlig", "å", "idé"]
    >>> sorted(words, key=dict(zip(words, sort_keys(words))).get)
    ['idé', 'zoo', 'å', 'ärlig', 'ö']
    """
    return [word.translate(_LAST_LETTERS).translate(_ACCENTS) for word in words]
