"""Words over time: sums, windows, mixes, bands."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError
from kblib.ngrams.resampling import Band
from kblib.ngrams.trends import ngram_trend
from tests.ngrams.naive import folded_words, naive_hits, random_corpus


def slow_rates(corpus, word, key):
    """Sum hits and words by a key of each document."""
    sums = {}
    for document in corpus:
        hits, words = sums.get(key(document), (0, 0))
        hits += naive_hits([document.text], word)[0]
        sums[key(document)] = hits, words + len(folded_words(document.text))
    return {name: sum_ for name, sum_ in sums.items() if sum_[1]}


def counted(table, *keys):
    there = table[table["words"] > 0]
    return {
        tuple(row[key] for key in keys): (row["hits"], row["words"]) for _, row in there.iterrows()
    }


def planted(hits_a_film, *, words=1_000, year=1940):
    """Make films of one document, with so many hits each."""
    texts = [" ".join(["sol"] * hits + ["och"] * (words - hits)) for hits in hits_a_film]
    films = [f"F{number}" for number in range(len(texts))]
    return Corpus.from_texts(texts, name="planted", film=films, year=year)


def test_trend_equals_slow_sums_of_each_medium_and_year():
    corpus = random_corpus()
    expected = slow_rates(corpus, "sol", lambda one: (one.origin["medium"], one.year))
    expected = {key: sums for key, sums in expected.items() if key[1] is not None}
    assert counted(ngram_trend(corpus, "sol").table, "series", "period") == expected


def test_trend_per_decade_and_per_column_equal_slow_sums():
    corpus = random_corpus().filter(medium="speech")
    decades = counted(ngram_trend(corpus, "sol", per="decade").table, "period")
    known = [sums for year, sums in slow_rates(corpus, "sol", lambda one: one.year).items() if year]
    assert decades == {(1930,): tuple(map(sum, zip(*known, strict=True)))}
    by_collection = slow_rates(corpus, "sol", lambda one: (one.origin["collection"],))
    assert counted(ngram_trend(corpus, "sol", per="collection").table, "period") == by_collection


def test_smoothing_sums_before_it_divides():
    corpus = random_corpus().filter(medium="speech")
    plain = slow_rates(corpus, "sol", lambda one: one.year)
    rows = ngram_trend(corpus, "sol", smooth=3).table.set_index("period")
    for year in range(1930, 1937):
        sums = [plain.get(near, (0, 0)) for near in (year - 1, year, year + 1)]
        hits, words = map(sum, zip(*sums, strict=True))
        assert rows.loc[year, "per_million"] == pytest.approx(1e6 * hits / words)


def test_media_are_separate_unless_asked_and_the_result_warns():
    corpus = random_corpus()
    assert set(ngram_trend(corpus, "sol").table["series"]) == {"intertitle", "speech"}
    together = ngram_trend(corpus, "sol", media="together")
    assert set(together.table["series"]) == {"all"}
    assert "a change of medium may look like a change of language" in together.warnings[0]
    with pytest.raises(CorpusError, match="Corpus 'reels' mixes intertitle, speech"):
        ngram_trend(corpus, "sol", media="refuse")


def test_words_of_unknown_year_are_counted_in_a_warning():
    corpus = random_corpus().filter(medium="speech")
    lost = sum(len(folded_words(one.text)) for one in corpus if one.year is None)
    assert f"{lost:,} words" in " ".join(ngram_trend(corpus, "sol").warnings)


def test_band_covers_the_films_own_spread():
    """Against the standard error of a ratio, by hand, for sixty films of equal length."""
    draw = random.Random(5)
    hits = [draw.choice([0, 0, 0, 5, 10]) for _ in range(60)]
    row = ngram_trend(planted(hits), "sol", band=Band(resamples=4000)).table.iloc[0]
    error = np.std(hits, ddof=1) / math.sqrt(60) * 1e3
    assert row["per_million"] == pytest.approx(np.mean(hits) * 1e3)
    assert (row["high"] - row["low"]) / 2 == pytest.approx(1.96 * error, rel=0.06)


def test_band_resamples_films_not_documents():
    texts, films = [], []
    for film in range(20):
        texts += ["sol sol och och" if film % 2 else "och och och och"] * 50
        films += [f"F{film}"] * 50
    corpus = Corpus.from_texts(texts, film=films, year=1940)
    by_film = ngram_trend(corpus, "sol").table.iloc[0]
    by_document = ngram_trend(corpus, "sol", band=Band(unit="id")).table.iloc[0]
    width = [row["high"] - row["low"] for row in (by_film, by_document)]
    assert width[0] == pytest.approx(width[1] * math.sqrt(50), rel=0.15)


def test_band_moves_numerator_and_denominator_together():
    """Films of very different length, all of one rate, leave no spread."""
    texts = [" ".join(["sol"] * size + ["och"] * size) for size in range(1, 31)]
    corpus = Corpus.from_texts(texts, film=list(map(str, range(30))), year=1940)
    row = ngram_trend(corpus, "sol").table.iloc[0]
    assert (row["low"], row["high"]) == (500_000.0, 500_000.0)


def test_band_holds_a_film_of_two_years_together():
    """Twelve films, each in both years: the resampled sums of the two years must agree."""
    texts, films, years = [], [], []
    for film in range(12):
        for year in (1940, 1941):
            texts.append(" ".join(["sol"] * (1 + 8 * (film % 2)) + ["och"] * 20))
            films.append(f"F{film}")
            years.append(year)
    corpus = Corpus.from_texts(texts, film=films, year=years)
    table = ngram_trend(corpus, "sol").table
    assert table.loc[0, ["low", "high"]].tolist() == table.loc[1, ["low", "high"]].tolist()


def test_many_units_are_grouped_without_changing_the_band():
    draw = random.Random(2)
    hits = [draw.choice([0, 0, 0, 2]) for _ in range(5_000)]
    row = ngram_trend(planted(hits, words=20), "sol").table.iloc[0]
    error = np.std(hits) / math.sqrt(5_000) / 20 * 1e6
    assert (row["high"] - row["low"]) / 2 == pytest.approx(1.96 * error, rel=0.1)


def test_no_interval_under_ten_units_nor_without_hits():
    few = ngram_trend(planted([1] * 9), "sol").table.iloc[0]
    assert math.isnan(few["low"])
    assert few["note"] == "fewer than 10 units (film): no interval"
    none = ngram_trend(planted([0] * 12), "järn", absent="zero").table.iloc[0]
    assert math.isnan(none["high"])
    assert none["note"] == "no hits: below 250 per million is possible"


def test_interval_is_the_same_for_the_same_seed_only():
    corpus = planted([0, 3] * 10)
    bands = [
        ngram_trend(corpus, "sol", band=Band(seed=seed)).table.loc[0, ["low", "high"]].tolist()
        for seed in (1, 1, 2)
    ]
    assert bands[0] == bands[1] != bands[2]


def mixed():
    """Two collections of constant rates whose shares change from year to year."""
    texts, films, years, collections = [], [], [], []
    for year, shares in ((1940, (20, 10)), (1941, (10, 20))):
        for collection, films_of_it, hits in zip(("sf", "kino"), shares, (1, 5), strict=True):
            for number in range(films_of_it):
                texts.append(" ".join(["sol"] * hits + ["och"] * (10 - hits)))
                films.append(f"{collection}{year}{number}")
                years.append(year)
                collections.append(collection)
    return Corpus.from_texts(texts, film=films, year=years, collection=collections)


def test_fixed_mix_takes_away_a_change_of_mix():
    plain = ngram_trend(mixed(), "sol").table["per_million"]
    fixed = ngram_trend(mixed(), "sol", mix="fixed").table["per_million"]
    assert plain.tolist() == pytest.approx([1e6 * 7 / 30, 1e6 * 11 / 30])
    assert fixed.tolist() == pytest.approx([1e6 * 0.3, 1e6 * 0.3])


def test_fixed_mix_says_what_of_it_is_missing():
    corpus = mixed()
    gone = corpus.filter(id=[one.id for one in corpus if one.origin["film"][:8] != "kino1940"])
    trend = ngram_trend(gone, "sol", mix="fixed")
    assert trend.table["mix_present"].tolist() == pytest.approx([0.6, 1.0])
    assert "In some periods only 60% of the fixed mix is there." in trend.warnings


def test_hits_outside_the_fixed_mix_are_no_rate_of_zero_without_a_word():
    few = [("sol sol", f"kino{n}", "kino") for n in range(9)]
    many = [("regn och", f"sf{n}", "sf") for n in range(10)]
    texts, films, collections = map(list, zip(*few, *many, strict=True))
    corpus = Corpus.from_texts(texts, film=films, collection=collections, year=1940)
    row = ngram_trend(corpus, "sol", mix="fixed").table.iloc[0]
    assert (row["hits"], row["per_million"]) == (18, 0)
    assert row["note"] == "no hits: below 1.5e+05 per million is possible"
    assert row[["low", "high"]].isna().all()


def test_cells_show_size_mix_and_noise():
    corpus = Corpus.from_texts(
        ["sol och sol", "sol xqz", "och"],
        year=[1940, 1940, 1942],
        film=["a", "b", "c"],
        medium=["speech", "intertitle", "speech"],
    )
    cells = ngram_trend(corpus, "sol").cells.set_index("period")
    assert cells.loc[1940, ["documents", "units", "words"]].tolist() == [2, 2, 5]
    assert cells.loc[1940, "medium intertitle"] == pytest.approx(2 / 5)
    assert cells.loc[1940, "rare_share"] == pytest.approx(1 / 5)
    assert cells.loc[1941, "words"] == 0


def test_year_without_films_answers_in_plain_words():
    trend = ngram_trend(random_corpus().filter(medium="speech"), "sol")
    with pytest.raises(CorpusError) as caught:
        trend.at(1934)
    assert str(caught.value) == (
        "Corpus 'reels' has no words of 1934. It has words of 1930 to 1936 (6 periods)."
    )
    assert trend.at(1930)["hits"].item() > 0


def test_query_that_was_not_asked_is_not_blamed_on_the_year():
    trend = ngram_trend(random_corpus(), "sol")
    with pytest.raises(CorpusError) as caught:
        trend.at(1930, "solen")
    assert str(caught.value) == "This trend is not of the query 'solen'. It is of sol."


def test_form_left_out_is_named_whole_in_the_provenance():
    corpus = random_corpus()
    trend = ngram_trend(corpus, "järnväg", forms="variants", without="Jernväg")
    assert trend.provenance["without"] == ["jernväg"]
    assert set(trend.forms["form"]) == {"järnväg"}


def test_forms_are_listed_and_provenance_says_what_was_asked():
    corpus = random_corpus()
    trend = ngram_trend(corpus, "järnväg", forms="variants", band=Band(seed=7))
    assert set(trend.forms["form"]) == {"järnväg", "jernväg"}
    said = trend.provenance
    assert (said["corpus"], said["seed"], said["unit"]) == ("reels", 7, "film")
    assert said["fingerprint"] == corpus.fingerprint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"queries": []}, "No query was given."),
        ({"queries": None}, "queries is None. A query or a list of them was expected."),
        ({"queries": ["sol", None]}, "The query is None."),
        ({"queries": "sol", "absent": "none"}, "absent is 'none'. There are: error, zero."),
        ({"queries": "sol", "per": None}, "per is None."),
        ({"queries": "sol", "band": 0.9}, "band is 0.9. A Band was expected."),
        ({"queries": ["sol", "sol"]}, "The query 'sol' was given twice."),
        ({"queries": "månsken"}, "The word 'månsken' is nowhere in corpus 'reels'."),
        ({"queries": "sol", "smooth": 2}, "smooth is 2."),
        ({"queries": "sol", "media": "both"}, "There are: separate, together, refuse."),
        ({"queries": "sol", "mix": "even"}, "There are: as is, fixed."),
        ({"queries": "sol", "per": "week"}, "has no column 'week'"),
        ({"queries": "sol", "band": Band(unit="films")}, "Did you mean 'film'?"),
    ],
)
def test_bad_arguments_answer_in_plain_words(arguments, message):
    with pytest.raises(CorpusError) as caught:
        ngram_trend(random_corpus(), **arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"confidence": 95}, "A share from 0.5 to below 1 was expected."),
        ({"confidence": "95"}, "confidence is '95'."),
        ({"seed": -1}, "seed is -1. A whole number from 0 on was expected."),
        ({"seed": "a"}, "seed is 'a'."),
        ({"resamples": 1000.5}, "resamples is 1000.5."),
        ({"resamples": 10}, "For 95% intervals at least 200 are needed."),
    ],
)
def test_band_that_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(CorpusError, match=message):
        Band(**arguments)


def test_corpus_without_years_answers_in_plain_words():
    with pytest.raises(CorpusError, match="has no column 'year'"):
        ngram_trend(Corpus.from_texts(["sol"]), "sol")
    with pytest.raises(CorpusError, match="has no document of known year"):
        ngram_trend(Corpus.from_texts(["sol"], year=[None]), "sol")
