"""Kinds of words in a text made to hold one of each."""

from __future__ import annotations

import pytest

from kblib.corpora import Corpus
from kblib.ngrams.index import index_corpus
from kblib.ngrams.word_kinds import KINDS, is_compound, type_kinds


def kinds(texts: list[str]) -> dict[str, str]:
    index = index_corpus(Corpus.from_texts(texts))
    names = index.text.types.to_list()
    return {name: KINDS[kind] for name, kind in zip(names, type_kinds(index), strict=True)}


@pytest.fixture(scope="module")
def found() -> dict[str, str]:
    common = ["verket och järnvägen och station"] * 60 + ["själva"] * 120
    return kinds([*common, "jernvägen", "sjalva", "VERKET", "järnvägenstation", "bok", "X", "SJ:s"])


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("jernvägen", "old spelling"),
        ("sjalva", "misread"),
        ("VERKET", "capitals"),
        ("järnvägenstation", "compound"),
        ("bok", "other"),
        ("X", "other"),
        ("SJ:s", "other"),
        ("järnvägen", "other"),
    ],
)
def test_kind_of_a_word(found: dict[str, str], word: str, kind: str) -> None:
    assert found[word] == kind


def test_variant_that_is_not_much_rarer_is_a_word_of_its_own() -> None:
    assert kinds(["verket"] * 60 + ["värket"] * 30)["värket"] == "other"


def test_halves_of_a_compound_are_long_and_frequent() -> None:
    parts = {"järnväg", "station", "bok"}
    assert is_compound("järnvägsstation", parts)
    assert is_compound("stationjärnväg", parts)
    assert not is_compound("bokstation", {"bok", "station"} - {"station"})
    assert not is_compound("järnväg", parts)
    assert not is_compound("bok", parts)
