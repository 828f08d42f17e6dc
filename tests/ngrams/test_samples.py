"""What can be marked and how it is drawn: against slow lists of the same items."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError
from kblib.ngrams.drawing import allot
from kblib.ngrams.frames import PASSAGE
from kblib.ngrams.samples import Draw, sample_query
from tests.ngrams.naive import folded_words, random_corpus

ALL = Draw(hits=10**6, misses=10**6, rest=10**6)


def slow_items(corpus, query, inside):
    """List hits, other words that `inside` holds for, and passages without either, one by one."""
    found = {"hit": set(), "miss": set(), "rest": set()}
    for document in corpus:
        words = folded_words(document.text)
        if document.year is None:
            continue
        for at, word in enumerate(words, start=1):
            if word == query or inside(word):
                found["hit" if word == query else "miss"].add(f"{document.id}#{at}")
        for begin in range(0, len(words), PASSAGE):
            if not any(word == query or inside(word) for word in words[begin : begin + PASSAGE]):
                found["rest"].add(f"{document.id}#{begin + 1}")
    return found


def items(sample):
    return {
        kind: set(sample.table[sample.table["kind"] == kind]["item"])
        for kind in ("hit", "miss", "rest")
    }


def test_items_equal_a_slow_list():
    corpus = random_corpus()
    sample = sample_query(corpus, "järnväg", net="järnväg*", draw=ALL)
    expected = slow_items(corpus, "järnväg", lambda word: word.startswith("järnväg"))
    assert items(sample) == expected
    assert sample.strata["items"].sum() == sum(map(len, expected.values()))


def test_items_of_a_filtered_corpus_are_its_own():
    corpus = random_corpus().filter(medium="speech")
    sample = sample_query(corpus, "sol", net="/sol|regn/", draw=ALL)
    assert items(sample) == slow_items(corpus, "sol", lambda word: word == "regn")
    assert set(sample.table["series"]) == {"all"}


def test_long_documents_are_cut_into_passages():
    words = ["och"] * (3 * PASSAGE + 7)
    words[PASSAGE + 3] = "sol"
    sample = sample_query(Corpus.from_texts([" ".join(words)], year=1931), "sol", draw=ALL)
    assert sorted(sample.table["word"]) == [1, PASSAGE + 4, 2 * PASSAGE + 1, 3 * PASSAGE + 1]
    last = next(n for n in sample.table["number"] if sample.table["word"][n - 1] > 3 * PASSAGE)
    assert sample.line(int(last))["hit"] == " ".join(["och"] * 7)


def test_net_occurrence_that_shares_a_word_with_a_hit_is_no_miss():
    corpus = Corpus.from_texts(["svenska laget vann", "svenska film", "laget"], year=1931)
    sample = sample_query(corpus, "svenska laget", net="svenska", draw=ALL)
    assert items(sample) == {
        "hit": {"texts/1#1"},
        "miss": {"texts/2#1"},
        "rest": {"texts/3#1"},
    }


def test_forms_make_a_net():
    corpus = Corpus.from_texts(["järnväg", "jernväg", "järnvägen", "regn"], year=1931)
    sample = sample_query(corpus, "järnväg", net="järnväg", net_forms="variants", draw=ALL)
    assert items(sample)["miss"] == {"texts/2#1"}


def test_draw_is_spread_over_periods_as_far_as_they_go():
    years = [1931] * 3 + [1941] * 40 + [1951] * 40
    corpus = Corpus.from_texts(["sol"] * 83, year=years)
    sample = sample_query(corpus, "sol", draw=Draw(hits=43))
    assert Counter(sample.table["period"]) == {1930: 3, 1940: 20, 1950: 20}
    chances = sample.table.groupby("period")["probability"].unique()
    assert [float(one[0]) for one in chances] == [1.0, 0.5, 0.5]


def test_what_a_small_stratum_cannot_take_goes_to_others_and_nothing_is_lost():
    draw = np.random.default_rng(2)
    for _ in range(50):
        sizes = draw.integers(0, 30, 6).tolist()
        parts = allot(60, sizes)
        assert sum(parts) == min(60, sum(sizes))
        assert all(part <= size for part, size in zip(parts, sizes, strict=True))
        open_ones = [part for part, size in zip(parts, sizes, strict=True) if part < size]
        assert not open_ones or max(open_ones) - min(open_ones) <= 1


def test_each_item_is_drawn_as_often_as_its_chance_says():
    corpus = Corpus.from_texts(["sol"] * 12, year=1931)
    times = Counter()
    for seed in range(150):
        times.update(sample_query(corpus, "sol", draw=Draw(hits=4, seed=seed)).table["item"])
    assert len(times) == 12
    # 150 draws of a third: 50, give or take 4 standard deviations of 5.8.
    assert all(abs(n - 50) < 24 for n in times.values())


def test_same_seed_gives_the_same_sample_and_a_larger_one_begins_with_it():
    corpus = random_corpus()
    small, again = (sample_query(corpus, "sol", draw=Draw(hits=30)) for _ in range(2))
    large = sample_query(corpus, "sol", draw=Draw(hits=60, rest=20))
    assert small.table.equals(again.table)
    assert set(small.table["item"]) < set(large.table["item"])
    assert small.key == large.key
    for _, rows in large.table[large.table["kind"] == "hit"].groupby(["series", "period"]):
        ours = rows["item"].isin(small.table["item"]).tolist()
        assert ours == sorted(ours, reverse=True)


def test_corpus_saved_and_opened_again_gives_the_same_sample(tmp_path):
    corpus = random_corpus().filter(medium="speech")
    corpus.save(tmp_path / "speech")
    again = Corpus.open(tmp_path / "speech")
    samples = [
        sample_query(one, "sol", net="/sol|tåg/", draw=Draw(9, 9)) for one in (corpus, again)
    ]
    assert samples[0].key == samples[1].key
    assert samples[0].table.equals(samples[1].table)


def test_draw_is_the_same_in_every_version():
    """Marks are kept for years: a draw that changes would orphan them."""
    corpus = Corpus.from_texts(["sol"] * 100, year=1931)
    found = sample_query(corpus, "sol", draw=Draw(hits=5)).table["document"]
    assert [int(name.partition("/")[2]) for name in found] == [36, 89, 96, 73, 5]


def test_key_tells_other_samples():
    corpus = random_corpus()
    keys = {
        sample_query(corpus, "sol").key,
        sample_query(corpus, "regn").key,
        sample_query(corpus, "sol", net="/sol|tåg/").key,
        sample_query(corpus, "sol", per="year").key,
        sample_query(corpus, "sol", draw=Draw(seed=2)).key,
        sample_query(corpus.filter(medium="speech"), "sol").key,
    }
    assert len(keys) == 6


def test_line_shows_the_item_in_its_context_and_its_source():
    corpus = Corpus.from_texts(
        ["Det regnar.", "Se, solen går upp!", "Slut."],
        year=1931,
        title="T",
        start_s=[1.0, 62.0, 70],
    )
    sample = sample_query(corpus, "solen")
    line = sample.line(1, window=1)
    assert [line[part] for part in ("left", "hit", "right")] == ["Se,", "solen", "går"]
    assert line["time"] == "00:01:02"
    assert sample.source(1)["text"].tolist() == ["Det regnar.", "Se, solen går upp!", "Slut."]


def test_early_part_of_the_order_mixes_the_strata():
    corpus = Corpus.from_texts(["sol", "solen"] * 200, year=1931)
    sample = sample_query(corpus, "sol", net="sol*")
    assert 40 <= Counter(sample.table["kind"][:100])["hit"] <= 60


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda corpus: Draw(hits=-1), "hits is -1. A whole number from 0 on was expected."),
        (lambda corpus: Draw(misses=True), "misses is True."),
        (lambda corpus: Draw(0, 0, 0), "Nothing is to be drawn."),
        (lambda corpus: sample_query(corpus, "sol", net="sol"), "The net 'sol' finds nothing that"),
        (lambda corpus: sample_query(corpus, "sol", draw=30), "draw is 30. A Draw was expected."),
        (lambda corpus: sample_query(corpus, "snö"), "The word 'snö' is nowhere in corpus"),
        (lambda corpus: sample_query(corpus, "sol", media="refuse"), "media is 'refuse'."),
        (lambda corpus: sample_query(corpus, "sol").line(0), "There is no item 0."),
    ],
)
def test_bad_requests_are_answered_in_plain_words(wrong, said):
    with pytest.raises(CorpusError) as error:
        wrong(Corpus.from_texts(["sol", "regn"], year=1931))
    assert said in str(error.value)


def test_query_without_a_dated_hit_is_refused():
    corpus = Corpus.from_texts(["sol", "regn"], year=[None, 1931])
    with pytest.raises(CorpusError, match="The query 'sol' finds nothing of known"):
        sample_query(corpus, "sol")
