"""LabelView: one text after another, by buttons and keys, before any model has spoken."""

from __future__ import annotations

import json

import polars as pl
import pytest

from kblib.corpora import Corpus
from kblib.evaluation.counts import corrected_counts
from kblib.evaluation.label_next import label_next
from kblib.evaluation.texts import sample_texts
from kbnotebooks._words import language
from kbnotebooks.label_view import LabelView

LABELS = ("weather", "trade")
RULE = "Weather: what falls from the sky."


@pytest.fixture
def corpus() -> Corpus:
    texts = [f"text {n} om <b>regn</b>" for n in range(8)]
    return Corpus.from_texts(texts, name="brev", year=[1914] * 4 + [1925] * 4, language="sv")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "labels.jsonl"


@pytest.fixture
def view(corpus, path) -> LabelView:
    return LabelView(
        sample_texts(corpus, 4), path, labels=LABELS, who="Selma", guideline=RULE, version="2"
    )


def saved(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_text_is_shown_in_the_order_of_the_sample_with_source_and_guideline(view, corpus):
    sample = sample_texts(corpus, 4).table
    for number, text in enumerate(sample["text"], start=1):
        view.selection = number
        assert text.replace("<", "&lt;").replace(">", "&gt;") in view._line.value
    assert f"Text 4 · {corpus.table.set_index('id')['year'][sample['id'][3]]}" in view._line.value
    assert RULE in view._progress.value
    assert 'lang="sv"' in view._line.value


def test_texts_to_label_next_come_without_a_word_on_why_they_were_drawn(corpus, path):
    sample = sample_texts(corpus, 2)
    given = sample.table[["id"]].assign(label="weather")
    said = corpus.table[["id"]].assign(label="trade", score=0.6)
    texts = label_next(sample, given, 5, predictions=said, seed=3)
    assert {*texts.rows["part"]} == {"random", "chosen"}
    view = LabelView(texts, path, labels=LABELS, who="Selma")
    for number, text in enumerate(texts.rows["text"], start=1):
        view.selection = number
        assert text.replace("<", "&lt;").replace(">", "&gt;") in view._line.value
        assert "chosen" not in view._line.value
    assert f"0 of {texts.rows.height} texts labelled" in view._progress.value


def test_key_labels_saves_who_and_which_guideline_and_goes_on(view, path):
    view._keys.value = "1"
    (line,) = saved(path)
    assert (line["label"], line["who"], line["version"]) == ("weather", "Selma", "2")
    assert line["guideline"] == RULE
    assert view.selection == 2
    assert "1 of 4 texts labelled by Selma" in view._progress.value


def test_keys_buttons_unsure_and_back(view, path):
    view._buttons["trade"].click()
    view._keys.value = "u"
    view._keys.value = ""
    assert view.selection == 2
    assert "label: Unsure" in view._line.value
    view._keys.value = "1"
    assert [line["label"] for line in saved(path)] == ["trade", "unsure", "weather"]
    assert list(view.labels.by("Selma").values()) == ["trade", "weather"]


def test_key_without_a_label_is_answered_and_saves_nothing(view, path):
    view._keys.value = "3"
    assert "The key '3' means nothing here." in view._message.value
    assert not path.exists()


def test_key_without_a_label_is_taken_away_without_going_back(view, path):
    view._keys.value = "1"
    view._keys.value = "1x2"
    assert [line["label"] for line in saved(path)] == ["weather"]
    assert view.selection == 2
    view._keys.value = "1x"
    view._keys.value = "1"
    assert view.selection == 2
    view._keys.value = ""
    assert view.selection == 1


def test_one_key_too_many_does_not_change_the_last_label(view, path):
    view._keys.value = "12121"
    assert [line["label"] for line in saved(path)] == ["weather", "trade", "weather", "trade"]
    assert "All 4 have an answer; the last key was not taken." in view._message.value
    view.back()
    view._keys.value = "121212"
    assert [line["label"] for line in saved(path)][4:] == ["trade"]
    assert view.selection == 4
    view._keys.value = "1212121"
    assert [line["label"] for line in saved(path)][5:] == ["weather"]


@pytest.mark.parametrize("labels", ["weather", None, 5])
def test_labels_that_are_no_list_are_answered_below_the_view(corpus, path, labels):
    view = LabelView(sample_texts(corpus, 4), path, labels=labels, who="Selma")
    assert f"The labels are {labels!r}." in view._message.value.replace("&#x27;", "'")
    assert [*view._buttons] == ["unsure"]


def test_failing_save_is_told_below_the_view_and_the_text_stays(view, monkeypatch):
    monkeypatch.setattr("kblib.labels.given.said.add", lambda *_: 1 / 0)
    view._buttons["trade"].click()
    assert "ZeroDivisionError" in view._message.value
    assert view.selection == 1


def test_what_a_model_says_is_shown_after_the_last_label_and_not_before(corpus, path):
    says = pl.DataFrame({"id": corpus.table["id"].tolist(), "label": ["opera"] * 8})
    sample = sample_texts(corpus, 3)
    view = LabelView(sample, path, labels=LABELS, who="Selma", predictions=says)
    assert "opera" not in view.html
    view._keys.value = "12"
    view.selection = 1
    assert "opera" not in view.html
    view._keys.value = "122"  # changed before anything was seen: it counts
    view._keys.value = "1221"
    view.selection = 1
    assert "The model says: opera" in view._line.value
    view._buttons["weather"].click()
    assert [line["label"] for line in saved(path)][-1] == "weather"
    given = view.labels.by("Selma")
    assert [given[one] for one in sample.rows["id"]] == ["trade", "trade", "weather"]


def test_labels_feed_corrected_counts(corpus, path):
    sample = sample_texts(corpus, 8)
    view = LabelView(sample, path, labels=LABELS, who="Selma")
    view._keys.value = "11221122"
    truth = corpus.table.assign(label=["weather", "trade"] * 4)[["id", "label"]]
    counts = corrected_counts(sample, truth, view.table, label="weather", about="corpus")
    assert counts.table["share"].iloc[-1] == pytest.approx(0.5)
    assert counts.provenance["labels"] == 8


def test_two_readers_are_merged(corpus, path):
    for who, keys in (("Selma", "1122"), ("Hjalmar", "1112")):
        view = LabelView(sample_texts(corpus, 4), path, labels=LABELS, who=who)
        view._keys.value = keys
    assert list(view.labels.merged.settled.values()) == ["weather", "weather", "unsure", "trade"]


def test_work_goes_on_where_it_stopped(view, corpus, path):
    view._keys.value = "12"
    again = LabelView(sample_texts(corpus, 4), path, labels=LABELS, who="Selma")
    assert again.selection == 3
    # A larger sample of the same seed holds the smaller one: its labels stay.
    larger = LabelView(sample_texts(corpus, 8), path, labels=LABELS, who="Selma")
    assert "2 of 8 texts labelled" in larger._progress.value


def test_corpus_is_labelled_in_its_own_order(corpus, path):
    view = LabelView(corpus, path, labels=LABELS, who="Selma")
    view._keys.value = "1"
    assert saved(path)[0]["id"] == corpus.table["id"][0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"who": " "}, "It is not said who marks."),
        ({"labels": ["one"]}, "At least two names were expected"),
        ({"labels": [f"label {n}" for n in range(12)]}, "There are 12 labels."),
        ({"texts": ["text"]}, "LabelView got list."),
        ({"path": "labels.csv"}, "Labels cannot be kept in 'labels.csv'."),
    ],
)
def test_view_that_cannot_begin_says_so(corpus, path, changes, said):
    asked = {"texts": corpus, "path": path, "labels": LABELS, "who": "Selma", **changes}
    view = LabelView(asked.pop("texts"), asked.pop("path"), **asked)
    assert said in str(view.error)
    assert said.replace("'", "&#x27;") in view._message.value.replace("'", "&#x27;")
    view._buttons["unsure"].click()
    assert "No labels are open." in view._message.value
    assert view.html


def test_number_that_is_not_there_is_refused_and_the_text_stays(view):
    view.selection = 2
    view.selection = 9
    assert "Texts are numbered from 1 to 4." in view._message.value
    assert view.selection == 2


def test_long_text_scrolls_and_is_reached_by_keyboard(view, structure):
    ((_, attributes),) = [
        one for one in structure(view._line.value).tags if one[0] == "div" and "tabindex" in one[1]
    ]
    assert attributes["tabindex"] == "0"
    assert "max-height" in attributes["style"]


def test_view_speaks_swedish(corpus, path, monkeypatch):
    monkeypatch.setattr("kbnotebooks._words._chosen", [])
    language("sv")
    view = LabelView(sample_texts(corpus, 4), path, labels=LABELS, who="Selma")
    assert view._buttons["unsure"].description == "Osäker"
    assert "0 av 4 texter märkta av Selma" in view._progress.value
    again = LabelView(corpus, path.with_suffix(".csv"), labels=LABELS, who="Selma")
    assert "Etiketter kan inte sparas i 'labels.csv'." in again._message.value
