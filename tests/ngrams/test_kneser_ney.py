from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kblib.errors import TokenError
from kblib.ngrams.counts import CountedNgrams
from kblib.ngrams.kneser_ney import KneserNey

V = 7
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def train(framing):
    def trained(texts, order, vocab_size=V, **options):
        frames = {"begin_id": framing.begin_id, "end_id": framing.end_id}
        ids = framing.ids(texts)
        return KneserNey.train(ids, order=order, vocab_size=vocab_size, **frames, **options)

    return trained


def contexts(begin_id, length):
    """Contexts seen and unseen, within a text and from its begin."""
    draw = np.random.default_rng(length)
    inner = draw.integers(3, V, (12, length)).tolist()
    return inner if not length else inner + [[begin_id, *context[1:]] for context in inner]


@pytest.mark.parametrize("order", range(1, 7))
def test_distribution_equals_the_textbook(texts, framing, train, textbook, order):
    model = train(texts, order)
    prob = textbook(texts, order, framing.guessed(V))
    guessed = [t for t in range(V) if framing.same or t != framing.begin_id]
    for length in range(order + 1):
        for context in contexts(framing.begin_id, length):
            named = framing.context(context)
            expected = np.zeros(V)
            expected[guessed] = [
                prob("</s>" if t == framing.end_id else framing.word(t), named) for t in guessed
            ]
            np.testing.assert_allclose(model.distribution(context), expected, atol=1e-13)


@pytest.mark.parametrize("order", range(1, 7))
def test_distribution_sums_to_one(texts, framing, train, order):
    model = train(texts, order)
    for length in range(order + 1):
        for context in contexts(framing.begin_id, length):
            assert model.distribution(context).sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("order", range(1, 7))
def test_log10_prob_equals_the_distribution(texts, framing, train, order):
    model = train(texts, order)
    for length in range(7):
        rows = contexts(framing.begin_id, length)
        found = model.log10_prob(
            np.repeat(rows, V, axis=0).astype(int), np.tile(range(V), len(rows))
        )
        with np.errstate(divide="ignore"):
            expected = np.log10([model.distribution(row) for row in rows])
        np.testing.assert_allclose(found.reshape(-1, V), expected, rtol=1e-12)


def test_log10_prob_ignores_what_stands_before_a_begin(texts, framing, train):
    model = train(texts, 5)
    frame = [framing.end_id] if framing.same else [framing.end_id, framing.begin_id]
    found = model.log10_prob([[4, 3, *frame, 3][-4:]], [4])
    assert found == model.log10_prob([[framing.begin_id, 3]], [4])


def test_a_begin_of_its_own_is_never_guessed(texts):
    ids = [t for text in texts for t in (1, *text, 2)]
    model = KneserNey.train(ids, order=3, vocab_size=V, begin_id=1, end_id=2)
    assert model.log10_prob([[3, 4]], [1]) == [-np.inf]


@pytest.mark.parametrize("order", [1, 3, 5])
def test_log10_probs_score_each_word_of_texts(texts, framing, train, textbook, order):
    model = train(texts, order)
    prob = textbook(texts, order, framing.guessed(V))
    unseen = [(6, 6, 5), (), (3, 4, 5, 6, 0, 3)]
    expected = [
        prob(word, ("<s>", *text[:i])) for text in unseen for i, word in enumerate((*text, "</s>"))
    ]
    np.testing.assert_allclose(10 ** model.log10_probs(framing.ids(unseen)), expected, rtol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_empty_texts_teach_only_the_end(train, framing, textbook, order):
    model = train([(), (), ()], order)
    prob = textbook([(), (), ()], order, framing.guessed(V))
    found = model.distribution([framing.begin_id])
    assert found[framing.end_id] == pytest.approx(prob("</s>", ("<s>",)))
    assert found.sum() == pytest.approx(1)


def test_a_text_shorter_than_the_order_is_enough(train, framing, textbook):
    model = train([(3,)], 6)
    prob = textbook([(3,)], 6, framing.guessed(V))
    assert model.distribution([3])[framing.end_id] == pytest.approx(prob("</s>", (3,)))


def test_only_orders_without_estimates_fall_back(train):
    # Bigrams occur 1, 2, 3 and 4 times; each token, the end included, has a single one before it.
    model = train([(3,)] * 3 + [(4,)] * 2 + [(5,)], 2)
    assert 1 in model.fallback_orders
    assert model.discounts[0].fallback_reason == "no n-gram has the count 2"
    assert "(fallback: no n-gram has the count 2)" in str(model)


def test_estimated_orders_have_no_fallback(texts, train):
    model = train(texts, 4)
    assert model.fallback_orders == (1, 3)
    assert ["fallback" in line for line in str(model).splitlines()[1:]] == [True, False] * 2


def test_unsigned_memory_mapped_ids_give_the_same_model(tmp_path, texts):
    ids = np.array([t for text in texts for t in (1, *text, 2)], dtype=np.uint16)
    ids.tofile(tmp_path / "ids")
    mapped = np.memmap(tmp_path / "ids", dtype=np.uint16, mode="r")
    frames = {"order": 4, "vocab_size": V, "begin_id": 1, "end_id": 2}
    one, other = KneserNey.train(mapped, **frames), KneserNey.train(ids.tolist(), **frames)
    assert np.array_equal(one.probs[3], other.probs[3])


def test_smooth_takes_counts_made_before(texts):
    ids = [t for text in texts for t in (1, *text, 2)]
    frames = {"order": 3, "vocab_size": V, "begin_id": 1, "end_id": 2}
    one = KneserNey.smooth(CountedNgrams.count(ids, **frames))
    assert np.array_equal(one.probs[2], KneserNey.train(ids, **frames).probs[2])


def test_contexts_that_do_not_fit_words_are_refused(texts, train):
    model = train(texts, 3)
    with pytest.raises(TokenError, match=r"shape \(2,\) do not fit words of \(1,\)"):
        model.log10_prob([3, 4], [3])


@pytest.mark.parametrize("token", [-1, V])
def test_a_context_outside_the_vocabulary_is_named(texts, train, token):
    model = train(texts, 3)
    with pytest.raises(TokenError, match=f"Token id {token} is outside"):
        model.log10_prob([[token]], [3])
    with pytest.raises(TokenError, match=f"Token id {token} is outside"):
        model.distribution([token])


def read_arpa(path):
    """Yield order, log10 probability, words and log10 backoff of each line of an ARPA file."""
    for line in path.read_text(encoding="utf-8").splitlines():
        parts = line.split("\t")
        if len(parts) > 1:
            words = parts[1].split(" ")
            yield len(words), float(parts[0]), words, float(parts[2]) if parts[2:] else 0.0


@pytest.fixture
def newsreel(framing):
    """The golden text as texts of ids, and the id of each word, by first appearance."""
    lines = (GOLDEN / "newsreel.txt").read_text(encoding="utf-8").splitlines()
    words = dict.fromkeys(word for line in lines for word in line.split())
    numbers = {word: n for n, word in enumerate(words, start=framing.end_id + 1)}
    frames = {"<unk>": 0, "<s>": framing.begin_id, "</s>": framing.end_id}
    return [[numbers[word] for word in line.split()] for line in lines], {**frames, **numbers}


@pytest.mark.parametrize("order", [3, 6])
def test_like_lmplz_equals_the_arpa_file_of_lmplz(newsreel, train, order):
    texts, numbers = newsreel
    model = train(texts, order, vocab_size=len(set(numbers.values())), like_lmplz=True)
    lines = list(read_arpa(GOLDEN / f"newsreel-{order}.arpa"))
    assert len(lines) == len(numbers) + sum(model.trie.sizes()[1:])
    for k, log_prob, words, backoff in lines:
        ids = [numbers[word] for word in words]
        if words != ["<s>"]:
            assert model.log10_prob([ids[:-1]], ids[-1:])[0] == pytest.approx(log_prob, abs=1e-5)
        if k < order and words[-1] != "</s>":
            found = model.backoffs[k - 1][model.trie.rank(ids)]
            assert np.log10(found) == pytest.approx(backoff, abs=1e-5)
    assert model.fallback_orders == ((5, 6) if order == 6 else ())


def test_lmplz_slips_where_its_last_ngram_is_miscounted(newsreel, train):
    texts, numbers = newsreel
    size = len(set(numbers.values()))
    right, like_lmplz = train(texts, 3, size), train(texts, 3, size, like_lmplz=True)
    assert abs(right.discounts[1].once - like_lmplz.discounts[1].once) > 1e-3
    assert right.discounts[2].once == pytest.approx(like_lmplz.discounts[2].once)


def test_rows_score_as_distributions_do_after_contexts_with_many_followers():
    draw = np.random.default_rng(5)
    texts = [[1, *draw.integers(3, 60, 9), 2] for _ in range(300)]
    model = KneserNey.train(np.concatenate(texts), order=3, vocab_size=60, begin_id=1, end_id=2)
    assert np.diff(model.trie.edges[0]).max() > 30  # found by their slots
    rows = draw.integers(3, 60, (300, 3))
    expected = [model.distribution(row[:2])[row[2]] for row in rows]
    assert model.row_probs(rows)[:, 2] == pytest.approx(expected, rel=1e-12)
