"""Which forms are counted, and why."""

from __future__ import annotations

import polars as pl
import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError
from kblib.ngrams import forms as forms_module
from kblib.ngrams.forms import forms_of, how_forms, similar_words, without_forms
from kblib.ngrams.index import index_corpus
from kblib.ngrams.spellings import endings, misreadings, old_spellings


@pytest.fixture(autouse=True)
def _no_dictionary(monkeypatch):
    monkeypatch.setattr(forms_module, "has_dictionary", lambda: False)


def text_of(*words):
    return index_corpus(Corpus.from_texts([" ".join(words)])).text


def found(text, word, forms):
    return {one.form: one.why for one in forms_of(text, word, forms)}


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ("vilken", "hvilken"),
        ("av", "af"),
        ("över", "öfver"),
        ("kvinna", "qvinna"),
        ("järn", "jern"),
        ("själv", "själf"),
        ("rött", "rödt"),
    ],
)
def test_old_spelling_is_proposed_both_ways(new, old):
    assert old in dict(old_spellings(new))
    assert new in dict(old_spellings(old))


def test_variants_take_two_rules_together():
    text = text_of("själv", "sjelf", "sol")
    assert found(text, "själv", "variants") == {
        "själv": "as asked",
        "sjelf": "spelling f/v, spelling e/ä",
    }


def test_misreading_counts_only_when_rare():
    text = text_of(*["tåget"] * 30, "taget", *["får"] * 30, *["far"] * 20)
    assert found(text, "tåget", "variants") == {
        "tåget": "as asked",
        "taget": "misread å/a",
    }
    assert found(text, "får", "variants") == {"får": "as asked"}


def test_misreadings_know_letters_with_like_strokes():
    assert "bam" in dict(misreadings("barn"))
    assert "jarnvag" in dict(misreadings("järnväg"))


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("järnväg", ["järnvägen", "järnvägar", "järnvägarnas", "järnvägs"]),
        ("flicka", ["flickan", "flickor", "flickornas"]),
        ("pojke", ["pojken", "pojkar", "pojkarna"]),
        ("hammare", ["hammaren", "hammares"]),
        ("himmel", ["himlen", "himlar"]),
        ("bo", ["bor", "bodde", "bott"]),
        ("kasta", ["kastar", "kastade", "kastat"]),
    ],
)
def test_endings_cover_regular_inflection(word, forms):
    assert set(forms) <= set(dict(endings(word)))


def test_lemma_lists_inflected_forms_with_their_variants():
    text = text_of("järnväg", "järnvägar", "jernvägar", "järnvägsstation")
    assert found(text, "järnväg", "lemma") == {
        "järnväg": "as asked",
        "järnvägar": "ending -ar",
        "jernvägar": "ending -ar, spelling e/ä",
    }


def test_each_way_is_wider_than_the_one_before():
    text = text_of(*["järnväg"] * 20, "jernväg", "jarnväg", "järnvägen")
    ways = [set(found(text, "järnväg", way)) for way in ("surface", "variants", "lemma")]
    assert ways[0] < ways[1] < ways[2]


def test_surface_takes_the_word_alone():
    assert found(text_of("järnväg", "jernväg"), "järnväg", "surface") == {"järnväg": "as asked"}


def test_dictionary_brings_strong_verbs(monkeypatch):
    pairs = {
        "form": ["gå", "gick", "gata", "fot", "fota"],
        "lemma": ["gå", "gå", "gata"] + ["fota"] * 2,
    }
    monkeypatch.setattr(forms_module, "has_dictionary", lambda: True)
    monkeypatch.setattr(forms_module, "_dictionary", lambda: pl.DataFrame(pairs))
    text = text_of("gå", "gick", "gata", "fot", "fota")
    assert found(text, "gå", "lemma") == {"gå": "as asked", "gick": "dictionary: gå"}
    assert found(text, "gick", "lemma") == {"gick": "as asked", "gå": "dictionary: gå"}
    assert found(text, "fot", "lemma") == {"fot": "as asked", "fota": "dictionary: fota"}


def test_dictionary_as_it_is_knows_strong_verbs_umlaut_and_the_plural_verbs_of_old(monkeypatch):
    monkeypatch.setattr(forms_module, "has_dictionary", lambda: True)
    text = text_of("gick", "gingo", "fötter", "gamla", "äldre", "fota", "flickorna")
    assert set(found(text, "gå", "lemma")) == {"gick", "gingo"}
    assert found(text, "fot", "lemma") == {"fötter": "dictionary: fot", "fota": "ending -a"}
    assert set(found(text, "gammal", "lemma")) == {"gamla", "äldre"}
    assert found(text, "flicka", "lemma") == {"flickorna": "dictionary: flicka"}
    assert "the dictionary of simplemma" in how_forms("lemma")


def test_missing_dictionary_is_said():
    assert "pip install simplemma" in how_forms("lemma")


def test_without_forms_leaves_out_and_refuses_strangers():
    counted = forms_of(text_of("bil", "bilar", "bila"), "bil", "lemma")
    assert [one.form for one in without_forms(counted, ["Bila"])] == ["bil", "bilar"]
    with pytest.raises(CorpusError, match="'buss' is not among the forms"):
        without_forms(counted, ["buss"])


def test_unknown_way_of_choosing_forms_is_refused():
    with pytest.raises(CorpusError, match="There are: surface, variants, lemma"):
        forms_of(text_of("bil"), "bil", "stem")


def test_similar_words_are_close_and_there():
    assert similar_words(text_of("flygplan", "fotograf", "sol"), "flygplann") == ["flygplan"]
