"""Corrected counts: against hand arithmetic, and against texts whose truth is known."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError
from kblib.ngrams.corrected import corrected_trend, query_quality
from kblib.ngrams.marks import Marks
from kblib.ngrams.resampling import Band
from kblib.ngrams.samples import Draw, sample_query
from kblib.ngrams.stratified import wilson
from kblib.ngrams.trends import ngram_trend

Z = 1.959963984540054
SHARES = {"sol": (0.5, 0.9), "solen": (0.2, 0.6), "regn": (0.0, 0.02)}
"""How often each word is meant, in the 1930s and the 1940s: precision and recall drift."""


def films_of_two_decades(seed=1, films=30):
    """Make one-word documents of films that differ, and say which are meant."""
    draw = random.Random(seed)
    texts, years, names, meant = [], [], [], []
    for film in range(2 * films):
        own = draw.gauss(0, 0.12)
        for _ in range(draw.randint(5, 25)):
            word = draw.choices(list(SHARES), [3, 4, 5])[0]
            texts.append(word)
            years.append(1930 + 10 * (film % 2))
            names.append(f"F{film}")
            meant.append(draw.random() < SHARES[word][film % 2] + (own if word == "sol" else 0))
    return Corpus.from_texts(texts, year=years, film=names), meant


@pytest.fixture(scope="module")
def world():
    return films_of_two_decades()


def marked(sample, path, judge, *, first=None):
    """Mark the first items of a sample as `judge` says of their documents."""
    rows = sample.rows.head(sample.n if first is None else first)
    lines = [
        {
            "sample": sample.key,
            **{name: row[name] for name in ("item", "document", "word")},
            "mark": judge(int(row["document"].partition("/")[2]) - 1),
            "who": "Selma",
            "when": "1940-01-01",
            "guideline": "",
        }
        for row in rows.iter_rows(named=True)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Marks.open(sample, path)


def truly(meant):
    return lambda at: "yes" if meant[at] else "no"


def truth(corpus, meant, *words):
    """Count what is meant, by decade, among documents of some words: the slow way."""
    table = corpus.table
    sums = {}
    for at, (text, year) in enumerate(zip(table["text"], table["year"], strict=True)):
        if text in words and meant[at]:
            sums[year] = sums.get(year, 0) + 1
    return sums


def values(table, column, **where):
    for name, value in where.items():
        table = table[table[name] == value]
    return table[column].tolist()


def test_all_marked_gives_the_true_numbers(world, tmp_path):
    corpus, meant = world
    sample = sample_query(corpus, "sol", net="sol*", draw=Draw(10**6, 10**6, 10**6))
    marks = marked(sample, tmp_path / "m.jsonl", truly(meant))
    trend = ngram_trend(corpus, "sol", per="decade")
    words = trend.table["words"]
    for scope, counted in (("net", ("sol", "solen")), ("corpus", ("sol", "solen", "regn"))):
        true = truth(corpus, meant, *counted)
        table = corrected_trend(trend, marks, scope=scope, about="corpus").table
        expected = [1e6 * true[year] / n for year, n in zip((1930, 1940), words, strict=True)]
        for column in ("per_million", "low", "high", "least", "most"):
            assert table[column].tolist() == pytest.approx(expected), column
    table = query_quality(marks, about="corpus").table
    hits, found = truth(corpus, meant, "sol"), truth(corpus, meant, "sol", "solen")
    everything = truth(corpus, meant, "sol", "solen", "regn")
    n_hits = [corpus.table[corpus.table["year"] == y]["text"].eq("sol").sum() for y in hits]
    for measure, below in (
        ("precision", dict(zip(hits, n_hits, strict=True))),
        ("recall in the net", found),
        ("recall in the corpus", everything),
    ):
        shown = values(table, "value", measure=measure)
        expected = [sum(hits.values()) / sum(below.values())]
        expected += [hits[year] / below[year] for year in (1930, 1940)]
        assert shown == pytest.approx(expected), measure


def test_counted_curve_is_the_trend_as_it_was(world, tmp_path):
    corpus, meant = world
    marks = marked(sample_query(corpus, "sol", net="sol*"), tmp_path / "m.jsonl", truly(meant))
    trend = ngram_trend(corpus, ["regn", "sol"], per="decade")
    table = corrected_trend(trend, marks).table
    own = trend.table[trend.table["query"] == "sol"]
    for ours, theirs in (
        ("hits", "hits"),
        ("words", "words"),
        ("counted_per_million", "per_million"),
        ("counted_low", "low"),
        ("counted_high", "high"),
    ):
        assert table[ours].tolist() == own[theirs].tolist()
    assert table["marked"].sum() == 200


def test_estimate_and_interval_equal_hand_arithmetic(world, tmp_path):
    """One decade: share of the marked, Wilson's ends with what is left."""
    corpus, meant = world
    sample = sample_query(corpus.filter(years=(1930, 1939)), "sol", draw=Draw(hits=40))
    marks = marked(sample, tmp_path / "m.jsonl", truly(meant))
    (row,) = query_quality(marks, about="corpus").table.to_dict("records")
    yes = sum(mark == "yes" for mark in marks.settled().values())
    n = sample.frames["hit"].n
    low, high = wilson(yes / 40, 40 * (n - 1) / (n - 40), Z)
    assert row["value"] == pytest.approx(yes / 40)
    assert (row["low"], row["high"]) == pytest.approx((low, high))
    assert row["marked"] == 40


def test_unsure_stays_among_the_marked_and_widens_both_ends(world, tmp_path):
    corpus, meant = world
    sample = sample_query(corpus, "sol", net="sol*", draw=Draw(80, 80))
    judges = {
        "no": lambda at: "yes" if meant[at] and at % 5 else "no",
        "yes": lambda at: "yes" if meant[at] or not at % 5 else "no",
        "unsure": lambda at: "unsure" if not at % 5 else truly(meant)(at),
    }
    rows = {
        name: query_quality(marked(sample, tmp_path / f"{name}.jsonl", judge)).table
        for name, judge in judges.items()
    }
    ours, least, most = (
        rows[name][rows[name]["measure"] == "precision"] for name in ("unsure", "no", "yes")
    )
    assert ours["value"].tolist() == least["value"].tolist() == ours["least"].tolist()
    assert ours["most"].tolist() == most["value"].tolist()
    assert ours["low"].tolist() == least["low"].tolist()
    assert ours["high"].tolist() == most["high"].tolist()
    recall = rows["unsure"][rows["unsure"]["measure"] == "recall in the net"]
    assert (recall["least"] <= recall["value"]).all()
    assert (recall["value"] <= recall["most"]).all()


def test_items_passed_over_count_as_unsure_and_those_after_the_last_do_not(world, tmp_path):
    corpus, meant = world
    sample = sample_query(corpus, "sol", draw=Draw(hits=60))
    path = tmp_path / "m.jsonl"
    marks = marked(sample, path, truly(meant), first=40)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:10], *lines[13:]]) + "\n")
    found = query_quality(marks)
    assert "3 of 40 marks count as unsure; the interval spans both ends." in found.warnings
    assert "Of these 3 were passed over." in found.warnings
    assert values(found.table, "marked", measure="precision")[0] == 40


def test_precision_that_drifts_turns_a_trend(world, tmp_path):
    """Half of the hits of the 1930s are meant, nine in ten of those of the 1940s."""
    corpus, meant = world
    sample = sample_query(corpus, "sol", net="sol*", draw=Draw(200, 200))
    marks = marked(sample, tmp_path / "m.jsonl", truly(meant))
    table = corrected_trend(ngram_trend(corpus, "sol", per="decade"), marks).table
    counted = table["counted_per_million"]
    assert counted[1] / counted[0] < 1.2
    assert table["low"][1] > table["high"][0]


@pytest.mark.parametrize("draw", [Draw(40, 40), Draw(60, 60, 60)])
def test_intervals_hold_the_true_rate_of_the_corpus(world, tmp_path, draw):
    """Twenty samples of one corpus; of 40 intervals, fewer than 33 would be 1 in 10,000 at 95 %."""
    corpus, meant = world
    scope = "corpus" if draw.rest else "net"
    true = truth(corpus, meant, "sol", "solen", *(["regn"] if draw.rest else []))
    trend = ngram_trend(corpus, "sol", per="decade", band=Band(resamples=200))
    held = []
    for seed in range(20):
        drawn = Draw(draw.hits, draw.misses, draw.rest, seed=seed)
        sample = sample_query(corpus, "sol", net="sol*", draw=drawn)
        marks = marked(sample, tmp_path / f"{seed}.jsonl", truly(meant))
        table = corrected_trend(trend, marks, scope=scope, about="corpus").table
        rates = 1e6 * np.array([true[1930], true[1940]]) / table["words"]
        held += ((table["low"] <= rates) & (rates <= table["high"])).tolist()
    assert len(held) == 40
    assert sum(held) >= 33


def test_too_few_marks_are_answered_in_the_note(world, tmp_path):
    corpus, meant = world
    sample = sample_query(corpus, "sol", net="sol*", draw=Draw(20, 20))
    trend = ngram_trend(corpus, "sol", per="decade")
    path = tmp_path / "m.jsonl"
    table = corrected_trend(trend, marked(sample, path, truly(meant), first=14)).table
    hits = [sample.rows.head(14).filter(kind="hit", period=year).height for year in (1930, 1940)]
    assert min(hits) < 5
    for n, note, low in zip(hits, table["note"], table["low"], strict=True):
        assert ("no interval" in note) or n >= 5
        assert math.isnan(low) == bool(note)
    table = corrected_trend(trend, marked(sample, path, lambda at: "no")).table
    assert set(table["note"]) == {"only 0 marked yes, 5 are needed: no interval"}
    assert table["per_million"].tolist() == [0, 0]


def test_stratum_without_a_mark_gives_no_estimate(world, tmp_path):
    corpus, meant = world
    sample = sample_query(corpus, "sol", net="sol*", draw=Draw(hits=20, misses=1))
    marks = marked(sample, tmp_path / "m.jsonl", truly(meant))
    table = corrected_trend(ngram_trend(corpus, "sol", per="decade"), marks).table
    unmarked = [
        sample.rows.filter(kind="miss", period=year).height == 0 for year in table["period"]
    ]
    assert sum(unmarked) == 1
    assert [math.isnan(one) for one in table["per_million"]] == unmarked
    assert any("misses marked: no estimate" in note for note in table["note"])


def test_few_films_give_no_interval_about_films_but_one_about_the_corpus(tmp_path):
    corpus, meant = films_of_two_decades(films=8)
    sample = sample_query(corpus, "sol", net="sol*")
    marks = marked(sample, tmp_path / "m.jsonl", truly(meant))
    trend = ngram_trend(corpus, "sol", per="decade")
    assert set(corrected_trend(trend, marks).table["note"]) == {
        "fewer than 10 units (film): no interval"
    }
    assert corrected_trend(trend, marks, about="corpus").table["low"].notna().all()


def test_decade_without_hits_has_no_recall_about_films(world, tmp_path):
    """The query finds nothing of the 1940s: of these texts that is a recall of 0, no more."""
    corpus, meant = world
    table = corpus.table
    kept = [
        at for at in range(len(meant)) if table["year"][at] < 1940 or table["text"][at] != "sol"
    ]
    parts = [table[name].iloc[kept].tolist() for name in ("text", "year", "film")]
    fewer = Corpus.from_texts(parts[0], year=parts[1], film=parts[2])
    sample = sample_query(fewer, "sol", net="sol*")
    marks = marked(sample, tmp_path / "m.jsonl", truly([meant[at] for at in kept]))
    recall = [
        query_quality(marks, about=about)
        .table.set_index(["measure", "period"])
        .loc[("recall in the net", 1940)]
        for about in ("films", "corpus")
    ]
    assert recall[0]["note"] == "no hits: no interval"
    assert math.isnan(recall[0]["high"])
    assert [recall[1][name] for name in ("value", "low", "high")] == [
        0,
        0,
        pytest.approx(0, abs=1e-6),
    ]


def test_a_mark_of_the_rest_that_weighs_much_is_said(world, tmp_path):
    corpus, meant = world
    sample = sample_query(corpus, "sol", net="sol*", draw=Draw(50, 50, 5))
    marks = marked(sample, tmp_path / "m.jsonl", truly(meant))
    trend = ngram_trend(corpus, "sol", per="decade")
    said = " ".join(corrected_trend(trend, marks, scope="corpus").warnings)
    assert "About the whole corpus." in said
    assert "One mark stands for up to" in said
    assert "One mark stands" not in " ".join(corrected_trend(trend, marks).warnings)


def test_media_are_corrected_each_by_its_own_marks(tmp_path):
    texts = ["sol"] * 400
    media = ["speech", "intertitle"] * 200
    corpus = Corpus.from_texts(
        texts, year=1931, medium=media, film=[f"F{n // 10}" for n in range(400)]
    )
    sample = sample_query(corpus, "sol", draw=Draw(hits=120))
    marks = marked(sample, tmp_path / "m.jsonl", lambda at: "no" if at % 4 == 1 else "yes")
    corrected = corrected_trend(ngram_trend(corpus, "sol", per="decade"), marks)
    assert "intertitle and speech are separate series" in " ".join(corrected.warnings)
    table = corrected.table
    rates = dict(zip(table["series"], table["per_million"], strict=True))
    assert rates["speech"] == pytest.approx(1e6)
    assert rates["intertitle"] == pytest.approx(5e5, rel=0.3)


def test_provenance_says_how_and_by_whom(world, tmp_path):
    corpus, meant = world
    sample = sample_query(corpus, "sol", net="sol*")
    marks = marked(sample, tmp_path / "m.jsonl", truly(meant))
    about = corrected_trend(ngram_trend(corpus, "sol", per="decade"), marks).provenance
    assert about["fingerprint"] == corpus.fingerprint
    assert (about["query"], about["net"], about["scope"]) == ("sol", "sol*", "net")
    assert (about["readers"], about["marked"], about["sample"]) == (["Selma"], 200, sample.key)


@pytest.mark.parametrize(
    ("trend", "said"),
    [
        ({"queries": "regn"}, "The trend is of regn, the marks are of 'sol'."),
        ({"per": "year"}, "The trend has per 'year'. For these marks 'decade' was expected."),
        ({"smooth": 3}, "The trend has smooth 3. For these marks 1 was expected."),
        ({"forms": "variants"}, "The trend has forms 'variants: old spellings"),
    ],
)
def test_trend_of_something_else_is_refused(world, tmp_path, trend, said):
    corpus, meant = world
    marks = marked(sample_query(corpus, "sol"), tmp_path / "m.jsonl", truly(meant))
    asked = {"queries": "sol", "per": "decade", **trend}
    with pytest.raises(CorpusError) as error:
        corrected_trend(ngram_trend(corpus, **asked), marks)
    assert said in str(error.value)
    assert 'kb.ngram_trend(corpus, "sol", per="decade")' in str(error.value)


def test_trend_of_other_texts_is_refused(world, tmp_path):
    corpus, meant = world
    marks = marked(sample_query(corpus, "sol"), tmp_path / "m.jsonl", truly(meant))
    other = ngram_trend(corpus.filter(years=(1930, 1939)), "sol", per="decade")
    with pytest.raises(CorpusError, match="The trend is of other texts"):
        corrected_trend(other, marks)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"about": "films?"}, "about is 'films?'. There are: films, corpus."),
        ({"scope": "all"}, "scope is 'all'. There are: net, corpus."),
        ({"scope": "corpus"}, "No passage outside query and net was drawn."),
    ],
)
def test_bad_requests_are_answered_in_plain_words(world, tmp_path, asked, said):
    corpus, meant = world
    marks = marked(sample_query(corpus, "sol"), tmp_path / "m.jsonl", truly(meant))
    with pytest.raises(CorpusError) as error:
        corrected_trend(ngram_trend(corpus, "sol", per="decade"), marks, **asked)
    assert said in str(error.value)


def test_nothing_marked_is_refused_with_what_to_do(world, tmp_path):
    marks = Marks.open(sample_query(world[0], "sol"), tmp_path / "m.jsonl")
    with pytest.raises(CorpusError) as error:
        query_quality(marks)
    assert "No hit of 'sol' is marked in" in str(error.value)
    assert "kb.MarkView" in str(error.value)


def test_quality_prints_as_a_table(tmp_path):
    corpus = Corpus.from_texts(["sol"] * 12, name="weather", year=1931)
    marks = Marks.open(sample_query(corpus, "sol"), tmp_path / "marks.jsonl")
    marks.add(1, "yes", who="Selma")
    first, *_ = repr(query_quality(marks)).splitlines()
    assert first == "Quality of 'sol' in 'weather'"
