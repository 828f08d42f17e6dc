"""Data and methods in prose: each number is the result's own, in two languages."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from kblib.corpora import Corpus
from kblib.corpora.filters import min_words
from kblib.errors import CorpusError, SettingsError
from kblib.methods import methods
from kblib.methods.sentences import ABOUT
from kblib.ngrams.collocations import collocations
from kblib.ngrams.concordance import concordance
from kblib.ngrams.corrected import query_quality
from kblib.ngrams.dispersion import dispersion
from kblib.ngrams.frequencies import frequencies
from kblib.ngrams.keyness import keyness
from kblib.ngrams.language_model import NgramLM
from kblib.ngrams.marks import Marks
from kblib.ngrams.samples import Draw, sample_query
from kblib.ngrams.trends import ngram_trend

LANGUAGES = ("en", "sv")


@dataclass
class Strange:
    provenance: dict[str, Any] = field(
        default_factory=lambda: {"corpus": "x", "depth": 0.5, "references": "Someone (1999)."}
    )


@pytest.fixture(scope="module")
def letters() -> Corpus:
    texts = ["sol och regn i dag", "snö", "sol och vind och regn", "regn och sol i går"] * 3
    return Corpus.from_texts(texts, name="letters", year=[1914, 1914, 1915, 1916] * 3)


@pytest.fixture(scope="module")
def kept(letters: Corpus) -> Corpus:
    return letters.filter(min_words(2))


def test_corpus_says_how_large_it_is_and_what_was_left_out(kept: Corpus):
    told = " ".join(methods(kept).data)
    assert f"{len(kept)} documents, {kept.n_words} words between spaces, from 1914 to 1916" in told
    assert f"Fingerprint of ids and texts: {kept.fingerprint[:12]}." in told
    assert "fewer than 2 words (3); 9 were kept." in told


def test_swedish_translates_reasons_and_numbers(kept: Corpus):
    told = methods(kept, language="sv")
    assert "färre än 2 ord (3); 9 behölls." in told.text
    long = Corpus.from_texts(["sol"] * 1234)
    assert "1\N{NO-BREAK SPACE}234 dokument" in methods(long, language="sv").text


def test_corpus_without_years_claims_none():
    assert "from" not in methods(Corpus.from_texts(["sol"])).data[0]


def test_split_and_sample_say_their_seeds(letters: Corpus):
    train, _ = letters.split(test=0.25, by="id", seed=7)
    told = methods(train.sample(5, seed=3)).text
    assert "Part “train” of a split by id (25 % to the test, 0 % to validation; seed 7)" in told
    assert "Drawn by lot: 5 documents (seed 3)." in told


def test_trend_says_what_was_asked(kept: Corpus):
    trend = ngram_trend(kept, ["sol", "regn"], smooth=3, forms="variants")
    told = methods(kept, trend).text
    said = trend.provenance
    assert "Uses of “sol” and “regn” per million words, by year" in told
    assert "windows of 3 periods" in told
    assert f"95 % intervals by the bootstrap, {said['resamples']:,} resamples" in told
    assert f"whole units ({said['unit']}), seed {said['seed']}" in told
    assert "Efron and Tibshirani (1993)" in told


def test_unsmoothed_trend_says_nothing_of_windows(kept: Corpus):
    assert "windows" not in methods(ngram_trend(kept, "sol")).text


def test_result_alone_tells_its_corpus_once(kept: Corpus):
    trend = ngram_trend(kept, "sol")
    told = methods(trend, concordance(kept, "sol")).text
    assert told.count(kept.fingerprint[:12]) == 1
    assert "fewer than 2 words (3)" in told


def test_keyness_tells_both_parts_of_one_corpus_apart(kept: Corpus):
    earlier, later = kept.filter(years=(1914, 1914)), kept.filter(years=(1915, 1916))
    told = methods(keyness(earlier, later, min_count=1))
    ours, theirs = earlier.fingerprint[:12], later.fingerprint[:12]
    assert f"({ours}) against corpus “{later.name}” ({theirs})" in told.methods[0]
    assert [one for one in told.data if theirs in one] == [
        f"Fingerprint of ids and texts: {theirs}."
    ]


def results(corpus: Corpus) -> list[Any]:
    later = corpus.filter(years=(1915, 1916))
    return [
        ngram_trend(corpus, "sol"),
        frequencies(corpus, n=2),
        concordance(corpus, "sol"),
        keyness(corpus, later, min_count=1),
        collocations(corpus, "sol", min_count=1),
        dispersion(corpus, min_count=1),
        NgramLM.train(corpus, order=2),
        NgramLM.train(corpus, order=2).perplexity(later),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_result_of_counting_has_a_wording_without_holes(kept: Corpus, language: Any):
    for result in results(kept):
        assert type(result).__name__ in ABOUT
        told = methods(result, language=language).text
        assert not re.search(r"[{}]|None|\?", told), told


def test_languages_hold_the_same_numbers(kept: Corpus):
    texts = [methods(kept, *results(kept), language=language).text for language in LANGUAGES]
    # A space between digits marks thousands in one, a comma in the other; decimals the other way.
    first, second = (sorted(re.findall(r"\d+", re.sub(r"[,.\xa0]", "", text))) for text in texts)
    assert first == second


def test_model_says_what_it_was_trained_on(tmp_path):
    job = {"corpus": {"name": "reels", "fingerprint": "ab" * 32}, "seed": 5, "test": 0.05}
    (tmp_path / "recipe.json").write_text(json.dumps({"job": job}))
    model = type("MaskedLM", (), {"provenance": {"model": "mini", "weights": "cd" * 32}})()
    model.folder = tmp_path
    told = methods(model).text
    assert "Model “mini” (weights cdcdcdcdcdcd)." in told
    assert "corpus “reels”, fingerprint abababababab" in told
    assert "5 % for the test (seed 5)" in told


def test_unknown_kind_says_what_was_asked_and_whom_to_cite():
    told = methods(Strange()).text
    assert "Strange: depth = 0.5." in told
    assert "- Someone (1999)." in told
    assert "Strange: depth = 0,5." in methods(Strange(), language="sv").text


def test_stars_of_a_query_are_no_emphasis(kept: Corpus):
    assert r"“so\*”" in methods(ngram_trend(kept, "so*"))._repr_markdown_()


def test_nothing_given_is_refused():
    with pytest.raises(CorpusError, match=r"No result was given"):
        methods()


def test_thing_without_origin_is_refused_with_its_value():
    with pytest.raises(CorpusError) as caught:
        methods(3)
    assert str(caught.value) == (
        "3 (int) does not say where it comes from. A corpus, a model, or a result with "
        ".provenance was expected.\n  methods(films, trend)"
    )


def test_unknown_language_is_refused(kept: Corpus):
    with pytest.raises(SettingsError, match=r"There is no language 'no'\. Languages: en, sv\."):
        methods(kept, language="no")  # type: ignore[arg-type]


@pytest.mark.parametrize("language", LANGUAGES)
def test_corrected_count_says_who_read_how_many(kept: Corpus, tmp_path, language: Any):
    sample = sample_query(kept, "sol", net="/sol|regn/", per="year", draw=Draw(hits=4, misses=1))
    marks = Marks.open(sample, tmp_path / "marks.jsonl")
    for number in range(1, sample.n + 1):
        marks.add(number, "yes", who="Selma", guideline="The sun.")
    told = methods(query_quality(marks), language=language).text
    assert re.search(rf"\b{sample.n} (lines|utlottade)", told)
    assert re.search(r"[“”]Selma”", told)
    assert re.search(r"[“”]The sun”", told)
    assert "Wilson (1927)" in told
