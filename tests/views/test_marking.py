"""MarkView: one line after another, by buttons and by keys, each mark saved at once."""

from __future__ import annotations

import json
import re

import pytest

from kblib.corpora import Corpus
from kblib.ngrams.samples import Draw, sample_query
from kbnotebooks._words import language
from kbnotebooks.marking import MarkView


@pytest.fixture
def sample(films: Corpus):
    return sample_query(films, "kungen", net="spelarna", draw=Draw(10, 10, 3))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "king.jsonl"


@pytest.fixture
def view(sample, path) -> MarkView:
    return MarkView(sample, path, who="Selma", guideline="the king himself")


def saved(path):
    return [json.loads(line)["mark"] for line in path.read_text().splitlines()]


def test_line_is_shown_with_what_was_found_its_source_and_its_time(view, sample, structure):
    view.selection = sample.table["kind"].tolist().index("hit") + 1
    line = sample.line(view.selection)
    shown = view._line.value
    (found,) = re.findall(r"<p>([^<]*) <mark[^>]*>(.*)</mark>(.*)</p>", shown)
    assert [part.strip() for part in found] == [line["left"], line["hit"], line["right"]]
    assert f"{line['film']} · {line['year']}" in shown
    assert line["time"] in shown
    assert "Yes means: the king himself" in view._progress.value
    assert structure(shown).all("details")


def test_corpus_without_title_and_medium_is_shown_with_its_neighbours(path):
    texts = Corpus.from_texts(["sol", "en sol", "sol och regn", "bro"] * 3, year=1931)
    view = MarkView(sample_query(texts, "sol"), path, who="Selma")
    assert view.error is None
    assert "The same source" in view._line.value
    view._keys.value = "ynuyy"
    assert saved(path) == ["yes", "no", "unsure", "yes", "yes"]


def test_passage_of_the_rest_is_shown_whole_and_plain(view, sample, structure):
    view.selection = sample.table["kind"].tolist().index("rest") + 1
    assert structure(view._line.value).all("mark") == []
    assert sample.line(view.selection)["hit"] in view._line.value


def test_nothing_says_whether_the_query_found_the_line(view):
    for word in ("hit", "miss", "rest", "net"):
        assert f">{word}<" not in view.html
        assert f" {word} " not in view._line.value


def test_button_marks_saves_and_goes_on(view, path):
    view._buttons["yes"].click()
    assert saved(path) == ["yes"]
    assert view.selection == 2
    assert f"1 of {view.sample.n} lines marked by Selma" in view._progress.value


def test_keys_mark_and_backspace_goes_back(view, path):
    view._keys.value = "y"
    view._keys.value = "yn"
    view._keys.value = "ynu"
    assert saved(path) == ["yes", "no", "unsure"]
    view._keys.value = "yn"
    assert view.selection == 3
    assert "marked: Unsure" in view._line.value
    view._keys.value = "yny"
    assert view.marks.settled()[view.sample.table["item"][2]] == "yes"
    assert view.selection == 4


def test_letters_that_come_together_mark_one_line_each(view, path):
    view._keys.value = "JNO"
    assert saved(path) == ["yes", "no", "unsure"]


def test_unknown_key_is_answered_in_a_sentence_and_marks_nothing(view, path):
    view._keys.value = "x"
    assert "The key &#x27;x&#x27; means nothing here." in view._message.value.replace("'", "&#x27;")
    assert not path.exists()
    view._keys.value = "xy"
    assert view._message.value == ""
    assert saved(path) == ["yes"]


def test_work_goes_on_where_it_stopped(view, sample, path):
    view._keys.value = "yn"
    again = MarkView(sample, path, who="Selma")
    assert again.selection == 3
    assert MarkView(sample, path, who="Hjalmar").selection == 1


def test_back_stops_at_the_first_line(view):
    view._back.click()
    assert view.selection == 1


def test_all_marked_stays_at_the_last_line(view):
    view._keys.value = "y" * view.sample.n
    assert len(view.table) == view.sample.n
    assert view.selection == view.sample.n
    assert f"{view.sample.n} of {view.sample.n}" in view._progress.value


def test_selection_can_be_set_by_code(view, sample):
    view.selection = 3
    assert f">{sample.line(3)['hit']}<" in view._line.value
    view.selection = 99
    assert f"Items are numbered from 1 to {sample.n}." in view._message.value
    assert view.selection == 3


def test_failing_save_is_told_below_the_view_and_the_line_stays(view, monkeypatch):
    monkeypatch.setattr("kblib.ngrams.marks.journal.append", lambda *_: 1 / 0)
    view._buttons["no"].click()
    assert "ZeroDivisionError" in view._message.value
    assert view.selection == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"who": ""}, "It is not said who marks."),
        ({"who": None}, "It is not said who marks."),
        ({"path": "marks.csv"}, "Marks cannot be kept in 'marks.csv'."),
    ],
)
def test_view_that_cannot_save_says_so_before_a_line_is_read(sample, path, changes, said):
    view = MarkView(sample, **{"path": path, "who": "Selma", **changes})
    assert said in view._message.value
    assert view._line.value == ""
    view._buttons["yes"].click()
    assert "No marks are open." in view._message.value
    assert view.html


def test_corpus_in_the_place_of_a_sample_is_answered_in_a_sentence(films, path):
    view = MarkView(films, path, who="Selma")
    assert str(view.error).startswith("MarkView got Corpus. What sample_query draws was expected.")


def test_text_of_a_line_is_shown_as_text_not_as_html(films, path, structure):
    sample = sample_query(films, "feet", draw=Draw(5))
    view = MarkView(sample, path, who="Selma")
    assert structure(view._line.value).all("b") == []
    assert "&lt;b&gt;" in view._line.value


def test_view_speaks_swedish(sample, path, monkeypatch):
    monkeypatch.setattr("kbnotebooks._words._chosen", [])
    language("sv")
    view = MarkView(sample, path, who="Selma")
    assert view._buttons["unsure"].description == "Osäker"
    assert f"0 av {sample.n} rader markerade av Selma" in view._progress.value
