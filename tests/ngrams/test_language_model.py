from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError, ModelError, TokenError
from kblib.ngrams.language_model import NgramLM

GOLDEN = Path(__file__).parent / "golden"
TEXTS = (GOLDEN / "newsreel.txt").read_text(encoding="utf-8").split("\n")[:-1]
# KenLM's own answers: kenlm.Model("newsreel-3.arpa").score(text)
KENLM = GOLDEN / "newsreel-3.scores"


@pytest.fixture(scope="module")
def model():
    return NgramLM.train(TEXTS, order=3)


def test_scores_are_those_of_kenlm(model):
    for line in KENLM.read_text(encoding="utf-8").splitlines()[1:]:
        score, text = line.split("\t")
        assert model.log10_score(text) == pytest.approx(float(score), abs=1e-4)


def test_scores_of_many_texts_are_the_scores_of_each(model):
    texts = [*TEXTS, "okänt ord kungen", ""]
    each = [model.log10_score(text) for text in texts]
    np.testing.assert_allclose(model.log10_scores(texts), each, rtol=1e-12)


def test_a_score_is_the_sum_over_the_words_and_the_end(model):
    distribution = model.model.distribution
    ids = model.vocabulary.encode("kungen reser")
    rows = [[1], [1, ids[0]], [1, *ids]]
    by_hand = sum(
        math.log10(distribution(row)[token]) for row, token in zip(rows, [*ids, 2], strict=True)
    )
    assert model.log10_score("kungen reser") == pytest.approx(by_hand)


def test_an_empty_text_is_begin_and_end(model):
    assert model.log10_score(" ") == pytest.approx(math.log10(model.model.distribution([1])[2]))


def test_training_on_a_corpus_is_training_on_its_texts_and_says_where_from(films):
    model = NgramLM.train(films, order=2)
    other = NgramLM.train(films.texts(), order=2)
    assert np.array_equal(model.model.probs[1], other.model.probs[1])
    assert model.about["corpus"] == {"name": "films", "fingerprint": films.fingerprint}
    assert (model.about["n_units"], model.about["n_words"]) == (400, films.n_words)


def test_the_unit_is_said_and_can_be_the_line():
    text = "kungen reser\n\nkungen talar\n"
    by_line = NgramLM.train([text], order=2, unit="line")
    same = NgramLM.train(["kungen reser", "", "kungen talar"], order=2)
    by_text = NgramLM.train([text], order=2)
    assert by_line.log10_score("kungen") == same.log10_score("kungen")
    assert by_text.log10_score("kungen") != same.log10_score("kungen")
    assert "a unit between <s> and </s> is one line" in repr(by_line)
    assert "a unit between <s> and </s> is one text" in repr(by_text)
    assert by_line.perplexity([text]).n_units == 3


def test_a_corpus_is_cut_into_lines_too():
    corpus = Corpus.from_texts(["sol\nregn", "snö"])
    assert NgramLM.train(corpus, order=1, unit="line").about["n_units"] == 3


def test_an_unknown_unit_is_named():
    with pytest.raises(ModelError, match="A unit 'sentence' is not known"):
        NgramLM.train(["a"], unit="sentence")


@pytest.mark.parametrize("order", [0, 7])
def test_an_impossible_order_is_told_before_the_texts_are_read(order):
    def unread():
        raise AssertionError
        yield ""

    with pytest.raises(ModelError, match=f"of order {order} cannot be built"):
        NgramLM.train(unread(), order=order)


def test_an_empty_corpus_is_told():
    with pytest.raises(CorpusError, match="There is no text"):
        NgramLM.train([])


def test_a_vocabulary_may_be_a_list_or_a_file(tmp_path):
    path = tmp_path / "words"
    path.write_text("kungen\treser\ntill okänt", encoding="utf-8")
    by_file = NgramLM.train(TEXTS, order=2, vocabulary=path)
    by_list = NgramLM.train(TEXTS, order=2, vocabulary=["kungen", "reser", "till", "okänt"])
    assert by_file.vocabulary.words.to_list()[3:] == ["kungen", "reser", "till"]
    assert by_file.log10_score("kungen reser") == by_list.log10_score("kungen reser")


def test_perplexity_equals_hand_arithmetic(model):
    found = model.perplexity(["kungen reser", "okänt reser"])
    scores = [model.log10_score("kungen reser"), model.log10_score("okänt reser")]
    unknown = math.log10(model.model.distribution([1])[0])
    assert found.with_unknown == pytest.approx(10 ** (-sum(scores) / 6))
    assert found.without_unknown == pytest.approx(10 ** (-(sum(scores) - unknown) / 5))
    assert found.unknown_share == 1 / 4
    assert "25.0% of 4 words unknown" in str(found)
    assert found.table.shape == (1, 5)


def test_perplexity_of_empty_texts_is_that_of_the_end(model):
    found = model.perplexity(["", ""])
    assert found.with_unknown == pytest.approx(1 / model.model.distribution([1])[2])
    assert found.unknown_share == 0


def test_samples_are_the_same_for_a_seed_only(model):
    assert model.sample(20, seed=1) == model.sample(20, seed=1)
    assert model.sample(20, seed=1) != model.sample(20, seed=2)


def test_samples_follow_the_distribution(model):
    drawn = model.sample(4000, seed=5, prompt="kungen", max_words=2)
    probs = model.model.distribution([1, model.vocabulary.ids["kungen"]])
    for word in ("reser", "talar", "hälsar"):
        share = sum(text == f"kungen {word}" for text in drawn) / 4000
        expected = probs[model.vocabulary.ids[word]] / (1 - probs[0])
        assert share == pytest.approx(expected, abs=0.03)
    assert all(text.startswith("kungen") and "<" not in text for text in drawn)
    assert max(len(text.split()) for text in drawn) == 2


def test_a_reserved_word_is_refused_everywhere(model):
    for call in (model.log10_score, model.guess, lambda text: model.sample(seed=1, prompt=text)):
        with pytest.raises(TokenError, match="The word <s> stands in"):
            call("<s> [MASK]")
    with pytest.raises(TokenError, match="The word <unk> stands in text 1"):
        NgramLM.train(["a <unk>"])


def test_progress_ends_where_it_said():
    told = []
    NgramLM.train(TEXTS, order=4, progress=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == told[-1][1] > sum(len(text.split()) for text in TEXTS)


def test_scores_are_the_same_on_one_core_and_on_more(model, monkeypatch):
    texts = TEXTS * 40
    found = []
    for n_cores in (1, 3):
        monkeypatch.setattr("kblib.ngrams.threads.cores", lambda n=n_cores: n)
        monkeypatch.setattr("kblib.ngrams.vocabulary._TEXTS", 7)
        found.append(model.log10_scores(texts))
    assert np.array_equal(*found)
    assert np.array_equal(found[0], np.tile(model.log10_scores(TEXTS), 40))


def test_an_error_in_a_thread_is_told(model, monkeypatch):
    monkeypatch.setattr("kblib.ngrams.threads.cores", lambda: 2)
    with pytest.raises(TokenError, match="The word </s> stands in a text"):
        model.perplexity([*TEXTS * 20, "a </s>"])
