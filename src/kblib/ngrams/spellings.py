"""Rules that lead from a word to forms it may also have: old spelling, misreading, inflection.

Every rule only *proposes*; a form counts when the text holds it, and is always listed with the rule
that proposed it. The rules know no dictionary, so some forms will be other words (``verk`` and
``värk``): look at the list, and leave out what does not belong with ``without=[...]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

VOWELS = "aeiouyåäöé"
CONSONANTS = "bcdfghjklmnpqrstvwxz"

OLD_SPELLINGS: tuple[tuple[str, str, str], ...] = (
    (r"^v", "hv", "hv/v"),
    (r"^hv", "v", "hv/v"),
    (rf"(?<=[{VOWELS}lr])v(?=[{VOWELS}])", "fv", "fv/v"),
    (rf"(?<=[{VOWELS}lr])fv", "v", "fv/v"),
    (rf"(?<=[{VOWELS}lr])v(?![{VOWELS}v])", "f", "f/v"),
    (rf"(?<=[{VOWELS}lr])f(?![{VOWELS}ft])", "v", "f/v"),
    (r"kv", "qv", "qv/kv"),
    (r"qv", "kv", "qv/kv"),
    (rf"(?<=[{VOWELS}])tt$", "dt", "dt/tt"),
    (rf"(?<=[{VOWELS}])dt$", "tt", "dt/tt"),
    (rf"ä(?=[lmnr][{CONSONANTS}])", "e", "e/ä"),
    (rf"e(?=[lmnr][{CONSONANTS}])", "ä", "e/ä"),
    (r"^ä(?=gg)", "e", "e/ä"),
    (r"^e(?=gg)", "ä", "e/ä"),
    (r"^v", "w", "w/v"),
    (r"^w", "v", "w/v"),
)
"""Pattern, replacement, name. The reform of 1906 replaced hv, f and fv by v, and dt by t or tt;
ä for e and kv for qv came into use from 1889 (Svenska Akademiens ordlista, 6th edition)."""

MISREADINGS: tuple[tuple[str, str], ...] = (
    ("å", "a"), ("ä", "a"), ("ö", "o"), ("å", "ä"), ("é", "e"), ("rn", "m"), ("l", "i"),
    ("l", "1"), ("i", "1"), ("o", "0"), ("c", "e"), ("s", "f"), ("ii", "n"), ("h", "b"),
    ("t", "f"), ("n", "u"), ("vv", "w"), ("cl", "d"), ("li", "h"),
)  # fmt: skip
"""What character recognition takes for one another, either way: lost dots and rings, long s, and
letters whose strokes are alike."""

NOUN = "s en ens n ns et ets t ts ar ars arna arnas er ers erna ernas na nas"
AFTER_A = "a as an ans or ors orna ornas ar ade at ad ades ats ande at"
AFTER_E = "e es en ens ar ars arna arnas n ns na nas"
ADJECTIVE = "t a e"
VERB = "a er te t de s es tes des"
AFTER_OTHER_VOWELS = "r s dde tt ddes tts ende"
CONTRACTED = re.compile(rf"^(.*[{CONSONANTS}])([eo])([lnr])$")


def old_spellings(word: str) -> Iterator[tuple[str, str]]:
    """Yield forms one spelling rule away, at one place or at all places, with the rule's name.

    Examples
    --------
    >>> sorted(old_spellings("järn"))
    [('jern', 'spelling e/ä')]
    """
    for pattern, replacement, name in OLD_SPELLINGS:
        found = list(re.finditer(pattern, word))
        forms = {word[: one.start()] + replacement + word[one.end() :] for one in found}
        forms |= {re.sub(pattern, replacement, word)}
        yield from ((form, f"spelling {name}") for form in sorted(forms) if form != word)


def misreadings(word: str) -> Iterator[tuple[str, str]]:
    """Yield forms with one group of letters misread, and the one with all dots and rings lost.

    Examples
    --------
    >>> [form for form, why in misreadings("hö")]
    ['ho', 'bö', 'liö', 'ho']
    """
    for one, other in MISREADINGS:
        for right, wrong in ((one, other), (other, one)):
            for found in re.finditer(re.escape(right), word):
                form = word[: found.start()] + wrong + word[found.end() :]
                yield form, f"misread {right}/{wrong}"
    bare = word.translate(str.maketrans("åäöé", "aaoe"))
    if bare != word:
        yield bare, "misread without dots and rings"


def endings(word: str) -> Iterator[tuple[str, str]]:
    """Yield forms with Swedish endings, for a word given without ending.

    Examples
    --------
    >>> forms = [form for form, why in endings("fågel")]
    >>> "fågeln" in forms, "fåglarna" in forms
    (True, True)
    """
    for ending in dict.fromkeys(f"{NOUN} {ADJECTIVE} {VERB}".split()):
        if word[-1] not in VOWELS or ending[0] not in VOWELS:
            yield word + ending, f"ending -{ending}"
    if word[-1] in VOWELS and word[-1] not in "ae":
        for ending in AFTER_OTHER_VOWELS.split():
            yield word + ending, f"ending -{ending}"
    for vowel, after in (("a", AFTER_A), ("e", AFTER_E)):
        if word.endswith(vowel):
            for ending in dict.fromkeys(after.split()):
                yield word[:-1] + ending, f"ending -{ending}"
    contracted = CONTRACTED.match(word)
    if contracted:
        stem = re.sub(r"(mm|nn)$", lambda one: one[0][0], contracted[1]) + contracted[3]
        for ending in ("ar", "ars", "arna", "arnas", "en", "ens", "et", "ets", "a", "s"):
            yield stem + ending, f"ending -{ending} on {stem}-"
