"""What marks one corpus against another: each number from a second source."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import polars as pl
import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError
from kblib.ngrams.keyness import false_discovery_rates, keyness, log_likelihood, rank_test
from tests.ngrams.naive import naive_ngrams, random_corpus
from tests.ngrams.test_dispersion import slow_dp, words_by_film


@pytest.fixture(scope="module")
def halves():
    corpus = random_corpus(600, seed=9)
    return corpus.filter(collection="sf"), corpus.filter(collection="kino")


def fourfold(table):
    """G² as the sum of observed times log of observed by expected."""
    rows, columns = (
        [sum(row) for row in table],
        [sum(column) for column in zip(*table, strict=True)],
    )
    return 2 * sum(
        observed * math.log(observed * sum(rows) / (rows[i] * columns[j]))
        for i, row in enumerate(table)
        for j, observed in enumerate(row)
        if observed
    )


def test_g2_is_the_likelihood_ratio_of_the_fourfold_table():
    for a, b, n, m in [(10, 2, 100, 120), (0, 7, 50, 60), (3, 3, 10, 10), (110, 111, 2442, 29114)]:
        found = log_likelihood(np.array([float(a)]), np.array([float(b)]), n, m)[0]
        assert found == pytest.approx(fourfold([[a, b], [n - a, m - b]]), abs=1e-9)


def test_g2_of_dunnings_own_example():
    """'the swiss', Dunning (1993), table 2: 110, 2442, 111, 29114 give 270.72."""
    g2 = log_likelihood(np.array([110.0]), np.array([111.0]), 110 + 2442, 111 + 29114)[0]
    assert g2 == pytest.approx(270.72, abs=0.005)


def test_counts_rates_and_dispersion_equal_slow_ones(halves):
    table = keyness(*halves, min_count=1).table.set_index("word")
    for side, corpus in zip(("", "reference_"), halves, strict=True):
        counts, _ = naive_ngrams(corpus.texts(), 1)
        films = words_by_film(corpus)
        for word, count in counts.items():
            row = table.loc[word]
            assert row[f"{side}count"] == count
            assert row[f"{side}per_million"] == pytest.approx(1e6 * count / counts.total())
            assert row[f"{side}dp"] == pytest.approx(slow_dp(films, word))


def test_log_ratio_counts_doublings():
    one = Corpus.from_texts(["sol sol sol sol och och"], name="one")
    other = Corpus.from_texts(["sol och och och och och"], name="other")
    table = keyness(one, other, min_count=1).table.set_index("word")
    assert table.loc["sol", "log_ratio"] == pytest.approx(2.0)


def test_word_without_hits_on_one_side_stands_for_half_a_hit():
    one = Corpus.from_texts(["sol sol och och"], name="one")
    other = Corpus.from_texts(["och och och och"], name="other")
    row = keyness(one, other, min_count=1).table.set_index("word").loc["sol"]
    assert row["log_ratio"] == pytest.approx(math.log2(2 / 0.5))


def test_interval_of_log_ratio_agrees_with_a_bootstrap_of_films():
    draw = random.Random(4)
    films = [[(draw.choice([1, 2, 9]), 20) for _ in range(60)] for _ in range(2)]
    corpora = [
        Corpus.from_texts(
            [" ".join(["sol"] * hits + ["och"] * (size - hits)) for hits, size in side],
            name=f"side{number}",
            film=[f"F{film}" for film in range(60)],
        )
        for number, side in enumerate(films)
    ]
    row = keyness(*corpora).table.set_index("word").loc["sol"]
    ratios = []
    for _ in range(2000):
        sums = [sum(hits for hits, _ in draw.choices(side, k=60)) for side in films]
        ratios.append(math.log2(sums[0] / sums[1]))
    assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * np.std(ratios), rel=0.08)


def slow_rank_test(one, other):
    """Mann-Whitney by comparing all pairs, with the variance for ties by its definition."""
    pairs = list(itertools.product(one, other))
    u = sum((a > b) + 0.5 * (a == b) for a, b in pairs)
    n, m, total = len(one), len(other), len(one) + len(other)
    values = [*one, *other]
    ties = sum(values.count(value) ** 3 - values.count(value) for value in set(values))
    spread = math.sqrt(n * m / 12 * (total + 1 - ties / (total * (total - 1))))
    return math.erfc(max(abs(u - n * m / 2) - 0.5, 0) / spread / math.sqrt(2))


def test_rank_test_equals_comparing_all_pairs():
    draw = random.Random(6)
    for _ in range(30):
        one = [draw.choice([0, 0, 0.1, 0.2, 0.5]) for _ in range(draw.randint(10, 20))]
        other = [draw.choice([0, 0.1, 0.2, 0.2, 0.7]) for _ in range(draw.randint(10, 20))]
        rows = [("sol", rate, 0) for rate in one if rate] + [
            ("sol", rate, 1) for rate in other if rate
        ]
        rates = pl.DataFrame(rows, schema=["word", "rate", "side"], orient="row")
        found = rank_test(rates, len(one), len(other))["p_value"].item()
        assert found == pytest.approx(slow_rank_test(one, other))


def test_rank_test_between_like_corpora_is_rarely_significant():
    draw = random.Random(8)
    p_values = []
    for _ in range(300):
        rows = [("w", draw.random(), side) for side in (0, 1) for _ in range(15)]
        rates = pl.DataFrame(rows, schema=["word", "rate", "side"], orient="row")
        p_values.append(rank_test(rates, 20, 20)["p_value"].item())
    assert sum(p < 0.05 for p in p_values) / 300 < 0.09


def test_one_film_full_of_a_word_is_key_by_g2_but_not_by_the_test():
    loud = ["sol " * 200 + "och"] + ["och " * 20] * 29
    one = Corpus.from_texts(loud, name="one", film=[f"A{n}" for n in range(30)])
    other = Corpus.from_texts(["och " * 20] * 30, name="other", film=[f"B{n}" for n in range(30)])
    row = keyness(one, other).table.set_index("word").loc["sol"]
    assert row["g2"] > 100
    assert row["q_value"] > 0.05
    assert row["dp"] > 0.7


def test_false_discovery_rates_of_the_worked_example():
    """Benjamini and Hochberg's steps by hand: 0.01·4/1, 0.02·4/2, 0.03·4/3, 0.5·4/4."""
    q = false_discovery_rates(np.array([0.5, 0.01, 0.03, 0.02]))
    assert q.tolist() == pytest.approx([0.5, 0.04, 0.04, 0.04])


def test_few_units_give_neither_interval_nor_test():
    one, other = Corpus.from_texts(["sol sol"], name="a"), Corpus.from_texts(["regn"], name="b")
    result = keyness(one, other, min_count=1)
    assert result.table[["low", "high", "p_value", "q_value"]].isna().all(axis=None)
    assert "Fewer than 10 units on one side" in result.warnings[0]


def test_media_are_never_crossed_silently_and_overlap_is_said():
    corpus = random_corpus()
    crossed = keyness(corpus.filter(medium="speech"), corpus.filter(medium="intertitle"))
    assert "speech against intertitle" in crossed.warnings[0]
    assert "documents are in both" in keyness(corpus.filter(medium="speech"), corpus).warnings[-1]


def test_same_corpus_twice_is_refused():
    with pytest.raises(CorpusError, match="hold the same documents"):
        keyness(random_corpus(), random_corpus())


def test_provenance_names_both_corpora(halves):
    said = keyness(*halves).provenance
    assert said["fingerprint"] == halves[0].fingerprint
    assert said["reference"]["fingerprint"] == halves[1].fingerprint


def test_min_count_of_nothing_is_refused():
    with pytest.raises(CorpusError, match="min_count is 0"):
        keyness(random_corpus(), random_corpus().filter(medium="speech"), min_count=0)


@pytest.mark.parametrize("confidence", [2, "95", 0])
def test_confidence_that_is_no_share_is_refused_before_counting(confidence):
    corpus = random_corpus()
    with pytest.raises(CorpusError, match=f"confidence is {confidence!r}"):
        keyness(corpus.filter(medium="speech"), corpus, confidence=confidence)
