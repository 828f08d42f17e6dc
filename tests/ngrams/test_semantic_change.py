"""Changes of company: contexts and statistics the slow way, exchanges counted, words planted."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError
from kblib.ngrams.change_points import change_points, comparable
from kblib.ngrams.contexts import Uses, at_home, uses_at
from kblib.ngrams.drift import like_words
from kblib.ngrams.exchanged_dates import (
    Films,
    distances,
    exchanged,
    family_wise,
    films_of,
    p_value,
    standardised,
)
from kblib.ngrams.index import index_corpus
from kblib.ngrams.semantic_change import semantic_change
from kblib.ngrams.word_vectors import COMMON, NEAR, SMOOTHING, word_vectors
from tests.ngrams.naive import folded_words, random_corpus

OLD = ["järn", "tung", "ånga", "hjul", "smed"]
NEW = ["luft", "vinge", "pilot", "himmel", "propeller"]
REST = ["och", "i", "på", "det", "är", "som", "en"]


def planted(first_new=1940, *, films=48, seed=5, medium=None, shift=True):
    """Make films of 1930 to 1949 with two uses each; the company is another from a year on."""
    draw = random.Random(seed)
    rows = []
    for film in range(films):
        year = 1930 + film % 20
        company = NEW if shift and year >= first_new else OLD
        for _ in range(2):
            words = [*draw.choices(company, k=3), "maskin", *draw.choices(REST, k=2)]
            rows.append((" ".join(words), year, f"SF{film:02d}"))
            rows.append((" ".join(draw.choices(OLD + NEW + REST, k=6)), year, f"SF{film:02d}"))
    table = pd.DataFrame(rows, columns=["text", "year", "film"])
    return Corpus.from_table(table if medium is None else table.assign(medium=medium), name="reels")


def vectors_the_slow_way(corpus, media=("speech", "intertitle")):
    """Count neighbours by walking each film's words, then take the whole singular decomposition."""
    frame = corpus.frame().collect()
    streams = []
    for row in frame.iter_rows(named=True):
        key = (row["film"], row["medium"], row["collection"])
        if not streams or streams[-1][0] != key:
            streams.append((key, []))
        streams[-1][1].extend(folded_words(row["text"]))
    streams = [(key, words) for key, words in streams if key[1] in media]
    counts = Counter(word for _, words in streams for word in words)
    kept = sorted(word for word, n in counts.items() if n >= 5)
    pairs = Counter()
    for _, words in streams:
        for at, word in enumerate(words):
            for other in words[max(at - NEAR, 0) : at] + words[at + 1 : at + 1 + NEAR]:
                pairs[word, other] += 1
    table = np.array([[pairs[a, b] for b in kept] for a in kept], dtype=float)
    rows = table.sum(1)
    share = rows**SMOOTHING / (rows**SMOOTHING).sum()
    ppmi = np.log(np.maximum(table / rows[:, None] / share, 1.0))
    left, strength, _ = np.linalg.svd(ppmi)
    vectors = left * np.sqrt(strength)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    weight = [COMMON / (COMMON + counts[word] / counts.total()) for word in kept]
    return dict(zip(kept, vectors * np.array(weight)[:, None], strict=True)), streams


def contexts_the_slow_way(streams, vectors, word, window):
    found = []
    size = len(next(iter(vectors.values())))
    for key, words in streams:
        for at, one in enumerate(words):
            if one == word:
                sides = np.zeros((2, size))
                for step in range(1, window + 1):
                    for side, place in ((0, at - step), (1, at + step)):
                        if 0 <= place < len(words) and words[place] in vectors:
                            sides[side] += vectors[words[place]] / step
                flat = sides.ravel()
                found.append((key, flat / max(np.linalg.norm(flat), 1e-9)))
    return found


def test_contexts_equal_a_walk_through_the_films():
    corpus = random_corpus()
    index = index_corpus(corpus)
    vectors, streams = vectors_the_slow_way(corpus)
    slow = contexts_the_slow_way(streams, vectors, "tåg", 3)
    at = index.text.positions_of(np.array([index.text.find("tåg")]))
    everywhere = np.zeros(len(index.document_words), dtype=np.int64)
    uses = uses_at(index, at, 1, everywhere, "film", word_vectors(index, "film"), 3)
    expected = np.array([vector for _, vector in slow])
    assert len(uses) == len(expected)
    # Singular vectors are given up to their sign, so products of contexts are compared.
    assert np.allclose(uses.vectors @ uses.vectors.T, expected @ expected.T, atol=2e-4)


def test_contexts_of_filtered_corpus_hold_its_own_words_only():
    whole = random_corpus()
    index = index_corpus(whole.filter(medium="speech"))
    vectors, streams = vectors_the_slow_way(whole, ["speech"])
    slow = contexts_the_slow_way(streams, vectors, "tåg", 5)
    at = index.in_corpus(index.text.positions_of(np.array([index.text.find("tåg")])))
    everywhere = np.zeros(len(index.document_words), dtype=np.int64)
    uses = uses_at(index, at, 1, everywhere, "film", word_vectors(index, "film"), 5)
    expected = np.array([vector for _, vector in slow])
    near = (uses.vectors @ uses.vectors.T, expected @ expected.T)
    assert np.allclose(*near, atol=2e-4)


def some_uses(n=60, seed=2, strata=2):
    draw = np.random.default_rng(seed)
    unit = np.sort(draw.integers(20, size=n))
    stratum = unit % strata
    return Uses(
        np.arange(n), unit, stratum, unit % 4, draw.standard_normal((n, 3)).astype(np.float32)
    )


def test_statistic_equals_a_walk_through_the_uses():
    uses = some_uses()
    films = films_of(uses)
    periods = exchanged(films, 20, 4, seed=3)
    found = distances(films, periods, 4)
    for row, dates in zip(found, periods, strict=True):
        date = dict(zip(films.unit.tolist(), dates.tolist(), strict=True))
        for last in range(3):
            total, spread = np.zeros(3), 0.0
            for stratum in (0, 1):
                mine = [k for k in range(len(uses)) if uses.stratum[k] == stratum]
                mean = np.mean([uses.vectors[k] for k in mine], axis=0)
                before = [k for k in mine if date[uses.unit[k]] <= last]
                total += sum((uses.vectors[k] - mean for k in before), np.zeros(3))
                spread += len(before) * (len(mine) - len(before)) / len(mine)
            assert row[last] == pytest.approx(total @ total / spread, rel=1e-4)


def test_exchanges_keep_each_blocks_dates_and_the_true_ones_come_first():
    films = films_of(some_uses())
    periods = exchanged(films, 20, 120, seed=1)
    assert (periods[0] == films.period).all()
    for block in np.unique(films.block):
        mine = films.block == block
        dealt = np.sort(periods[:, mine], axis=1)
        assert (dealt == np.sort(films.period[mine])).all()
    assert len(np.unique(periods, axis=0)) > 100


def test_every_order_of_a_blocks_dates_is_as_likely():
    films = Films(np.arange(3), np.arange(3), np.zeros(3, int), np.zeros((3, 1)), np.ones((3, 1)))
    dealt = Counter(map(tuple, exchanged(films, 3, 6_000, seed=7)[1:].tolist()))
    assert len(dealt) == 6
    # 1000 of each are expected; six standard deviations
    assert all(abs(n - 1_000) < 6 * 29 for n in dealt.values())


def test_words_that_share_films_are_exchanged_alike():
    films = films_of(some_uses(seed=2))
    other = Films(films.unit, films.period, films.block, films.sums[::-1], films.uses[::-1])
    assert (exchanged(films, 20, 30, seed=4) == exchanged(other, 20, 30, seed=4)).all()
    assert (exchanged(films, 20, 30, seed=4) != exchanged(films, 20, 30, seed=5)).any()


def test_films_are_exchanged_only_with_films_of_the_same_media():
    uses = Uses(
        np.arange(5),
        np.array([0, 0, 1, 2, 3]),
        np.array([0, 1, 0, 1, 0]),
        np.zeros(5, int),
        np.ones((5, 2), np.float32),
    )
    block = films_of(uses).block
    assert block[1] == block[3]
    assert len({block[0], block[1], block[2]}) == 3


def test_p_value_counts_the_true_dates():
    assert p_value(np.array([3.0, 1.0, 2.0, 3.0])) == 0.5
    assert p_value(np.array([3.0, 1.0, 2.0, 2.5])) == 0.25


def test_family_is_judged_by_the_largest_of_all():
    words = [np.array([3.0, 1.0, 2.0, 0.0]), np.array([1.0, 4.0, 0.0, 0.0])]
    # the largest of both: 3, 4, 2, 0
    assert family_wise(words) == [0.5, 0.75]


def test_p_values_of_unchanged_words_are_spread_evenly():
    low = 0
    for seed in range(200):
        films = films_of(some_uses(seed=seed, strata=1))
        scores = standardised(distances(films, exchanged(films, 20, 19, seed=seed), 4))
        low += p_value(scores.max(axis=1)) <= 0.2
    # 40 of 200 are expected; four standard deviations
    assert abs(low - 40) < 4 * 5.7


def test_home_is_the_period_of_most_uses():
    uses = some_uses()
    moved = Uses(uses.positions, uses.unit, uses.stratum, uses.positions % 3, uses.vectors)
    homes = {}
    for unit in set(moved.unit.tolist()):
        count = Counter(moved.period[moved.unit == unit].tolist())
        homes[unit] = min(count, key=lambda period: (-count[period], period))
    kept = [k for k in range(60) if moved.period[k] == homes[moved.unit[k]]]
    assert at_home(moved).positions.tolist() == kept


def test_only_films_of_media_on_both_sides_can_be_compared():
    period, block = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 0, 0, 2])
    films = Films(np.arange(5), period, block, np.zeros((5, 1)), np.ones((5, 1)))
    assert comparable(films, 0) == (1, 2)
    assert change_points(films, 1930, 5) == ()


def test_planted_change_is_found_with_its_date():
    found = semantic_change(planted(), "maskin", exchanges=199, peers=0)
    assert found.table.loc[0, ["before", "after", "p"]].tolist() == ["1935-39", "1940-44", 0.005]
    assert found.points["after"].tolist() == ["1935-39", "1940-44", "1945-49"]
    years = [1930 + film % 20 for film in range(48)]
    assert found.points["uses_before"].tolist() == [
        sum(2 for year in years if year < after) for after in (1935, 1940, 1945)
    ]


def test_words_that_came_and_went_are_those_that_were_planted():
    found = semantic_change(planted(), "maskin", exchanges=99, peers=0)
    words = found.changed().head(len(OLD + NEW)).set_index("word")
    assert set(words.index[words["way"] == "came"]) <= set(NEW)
    assert set(words.index[words["way"] == "went"]) <= set(OLD)
    assert len(words) == len(OLD + NEW)


def test_films_are_counted_once_for_each_word_near():
    corpus = planted()
    found = semantic_change(corpus, "maskin", exchanges=99, peers=0).changed()
    frame = corpus.frame().collect()
    films = {"before": set(), "after": set()}
    by_film = {}
    for row in frame.iter_rows(named=True):
        by_film.setdefault((row["film"], row["year"]), []).extend(row["text"].split())
    for (film, year), words in by_film.items():
        for at, word in enumerate(words):
            if word == "maskin" and "pilot" in words[max(at - 5, 0) : at] + words[at + 1 : at + 6]:
                films["after" if year >= 1940 else "before"].add(film)
    row = found.set_index("word").loc["pilot"]
    assert row["films_before"] == len(films["before"])
    assert row["films_after"] == len(films["after"])


def test_lines_are_of_their_side_and_of_different_films():
    found = semantic_change(planted(), "maskin", exchanges=99, peers=0)
    before, after = (found.lines(side, n=4).table for side in ("before", "after"))
    assert (before["year"] < 1940).all()
    assert (after["year"] >= 1940).all()
    assert before["film"].is_unique
    assert len(before) == len(after) == 4
    assert any(word in " ".join(after["left"]) for word in NEW)


def test_word_that_keeps_its_company_is_not_found():
    found = semantic_change(planted(shift=False), "maskin", exchanges=199, peers=0)
    assert found.table.loc[0, "p"] > 0.05


def mixed_reels():
    """Make films whose medium decides the company, and whose media come at different times."""
    draw = random.Random(3)
    rows = []
    for film in range(80):
        late = film % 2 == 1
        medium = "speech" if draw.random() < (0.75 if late else 0.25) else "intertitle"
        company = NEW if medium == "speech" else OLD
        words = [*draw.choices(company, k=4), "maskin", *draw.choices(REST, k=2)]
        rows += [(" ".join(words), 1945 if late else 1930, f"SF{film:02d}", medium)] * 2
    return pd.DataFrame(rows, columns=["text", "year", "film", "medium"])


def test_change_of_medium_is_no_change_of_the_word():
    table = mixed_reels()
    kept_apart = semantic_change(Corpus.from_table(table), "maskin", exchanges=199, peers=0)
    assert kept_apart.table.loc[0, "p"] > 0.05
    assert kept_apart.warnings[0] == (
        "Uses are compared within intertitle 1930-1945, speech 1930-1945: a change from one to "
        "another is not seen."
    )
    unseen = Corpus.from_table(table.drop(columns="medium"))
    assert semantic_change(unseen, "maskin", exchanges=199, peers=0).table.loc[0, "p"] == 0.005


def test_several_words_are_tested_together():
    found = semantic_change(planted(), ["maskin", "och"], exchanges=99, peers=0)
    assert found.table["query"].tolist() == ["maskin", "och"]
    assert (found.table["p_all"] >= found.table["p"]).all()
    assert found.provenance["queries"] == ["maskin", "och"]
    assert found.of("och").hits.query == "och"


def test_peers_are_words_of_nearest_count_without_the_own():
    index = index_corpus(Corpus.from_texts(["a a a a b b b c c d"]))
    own = np.array([index.text.find("b")])
    assert [index.text.words[word] for word in like_words(index, 3, own, 2)] == ["a", "c"]


def test_drift_needs_nineteen_words_of_like_frequency():
    found = semantic_change(planted(), "maskin", years=10, exchanges=99, peers=40)
    assert 0 < len(found.of().peers) <= len(OLD + NEW + REST) < 19
    assert found.rows["drift"].to_list() == [None]


def test_statistic_of_a_peer_is_that_of_the_word_asked_alone():
    corpus = planted()
    asked = semantic_change(corpus, "och", exchanges=199, peers=0)
    peers = semantic_change(corpus, "maskin", exchanges=199, peers=40).of().peers
    assert np.isclose(peers, asked.of().largest[0]).any()


def test_same_seed_gives_the_same_numbers():
    one, other = (semantic_change(planted(), "maskin", exchanges=99, peers=0) for _ in range(2))
    pd.testing.assert_frame_equal(one.points, other.points)


def test_too_few_films_are_refused():
    with pytest.raises(CorpusError) as caught:
        semantic_change(planted(films=9), "maskin")
    assert str(caught.value) == (
        "'maskin' has 18 uses of known year in 9 units (film), too few to compare two times. At "
        "least 10 units before a date and 10 after it are needed.\n"
        "  Longer periods: years=10. More forms: forms='variants', or a wildcard, 'flyg*'"
    )


def test_media_that_do_not_meet_are_refused():
    table = mixed_reels()
    table["year"] = np.where(table["medium"] == "speech", 1945, 1930)
    with pytest.raises(CorpusError, match="10 units of the same medium and collection before"):
        semantic_change(Corpus.from_table(table), "maskin")


def test_units_of_several_dates_are_refused():
    corpus = planted().frame().collect().to_pandas().assign(film="one paper")
    corpus.loc[corpus["year"] > 1939, "film"] = "another"
    with pytest.raises(CorpusError, match="Dates are exchanged for whole units, which must have"):
        semantic_change(Corpus.from_table(corpus.drop(columns=["id"])), "maskin")


def test_unknown_word_and_corpus_without_years_are_refused():
    with pytest.raises(CorpusError, match="The word 'trafik' is nowhere in corpus 'reels'"):
        semantic_change(planted(), "trafik")
    with pytest.raises(CorpusError, match="has no column 'year'"):
        semantic_change(Corpus.from_texts(["sol och regn"] * 30), "sol")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"years": 0}, "years is 0. A whole number of at least 1 was expected."),
        ({"window": 2.5}, "window is 2.5. A whole number of at least 1 was expected."),
        ({"exchanges": 10}, "exchanges is 10. A whole number of at least 99 was expected."),
        ({"peers": -1}, "peers is -1. A whole number of at least 0 was expected."),
    ],
)
def test_numbers_that_make_no_sense_are_refused(asked, said):
    with pytest.raises(CorpusError) as caught:
        semantic_change(planted(), "maskin", **asked)
    assert str(caught.value) == said


def test_no_query_unknown_query_and_unknown_side_are_refused():
    with pytest.raises(CorpusError, match="No query was given"):
        semantic_change(planted(), [])
    found = semantic_change(planted(), "maskin", exchanges=99, peers=0)
    with pytest.raises(CorpusError, match=r"'sol' is not among the queries. There are: maskin."):
        found.changed("sol")
    with pytest.raises(CorpusError, match=r"There is no side 'now'. There are: before, after."):
        found.lines("now")
