"""Kinds of words that a tokenizer may stumble over: capitals, old spellings, misread, compounds.

The text itself is the dictionary. A word counts as a *variant* of a frequent one if a rule of
`kblib.ngrams.spellings` leads there and it is much rarer, and as a *compound* if it is two frequent
words in a row, with or without an s between. The rules propose; some of what they find is another
word (``verk`` and ``värk``), so a kind is a group to compare, not a verdict on its members.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kblib.ngrams.index import Index
from kblib.ngrams.spellings import misreadings, old_spellings

KINDS = ("other", "capitals", "old spelling", "misread", "compound")
FREQUENT = 50
"""Uses from which a word is one that others may be variants or parts of."""
RARER = {"old spelling": 10, "misread": 100}
"""How many times rarer a variant is than the word it stands for, at least."""
SHORTEST = 4
"""Letters of a word that has variants, and of each half of a compound."""


def type_kinds(index: Index) -> NDArray[np.int64]:
    """Return the kind of each type of an index, as a number into `KINDS`.

    Found once for a corpus. What could be several has the first of capitals, old spelling, misread,
    compound.
    """
    key = ("type kinds",)
    if key not in index.memory:
        types = index.text.types
        capitals = (types.str.to_uppercase() == types) & types.str.contains(r"\p{Lu}.*\p{Lu}")
        kinds = _word_kinds(index)[index.text.type_words]
        index.memory[key] = np.where(capitals.to_numpy(), KINDS.index("capitals"), kinds)
    found: NDArray[np.int64] = index.memory[key]
    return found


def _word_kinds(index: Index) -> NDArray[np.int64]:
    words = index.text.words.to_list()
    counts = np.diff(index.text.starts)
    number = {word: at for at, word in enumerate(words)}
    frequent = [
        at
        for at in np.flatnonzero(counts >= FREQUENT).tolist()
        if len(words[at]) >= SHORTEST and words[at].isalpha()
    ]
    kinds = np.zeros(len(words), dtype=np.int64)
    parts = {words[at] for at in frequent}
    compounds = [at for at, word in enumerate(words) if is_compound(word, parts)]
    kinds[compounds] = KINDS.index("compound")
    for kind, rule in (("misread", misreadings), ("old spelling", old_spellings)):
        for at in frequent:
            found = (number.get(form) for form, _ in rule(words[at]))
            rare = [v for v in found if v is not None and counts[v] * RARER[kind] <= counts[at]]
            kinds[rare] = KINDS.index(kind)
    return kinds


def is_compound(word: str, parts: set[str]) -> bool:
    """Tell whether a word is two of the parts, with or without an s between.

    Examples
    --------
    >>> is_compound("järnvägsstation", {"järnväg", "station"})
    True
    """
    return any(
        word[:cut] in parts
        and (word[cut:] in parts or (word[cut : cut + 1] == "s" and word[cut + 1 :] in parts))
        for cut in range(SHORTEST, len(word) - SHORTEST + 1)
    )
