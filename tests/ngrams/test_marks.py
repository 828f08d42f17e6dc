"""Marks in a file: nothing is lost, nothing is written over, and readers are told apart."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError, IntegrityError
from kblib.ngrams.marks import FIELDS, Marks
from kblib.ngrams.samples import sample_query


@pytest.fixture
def sample():
    return sample_query(Corpus.from_texts(["sol", "en sol", "sol och regn"], year=1931), "sol")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "sun.jsonl"


def test_marks_are_a_plain_table_that_pandas_reads(sample, path):
    marks = Marks.open(sample, path)
    marks.add(1, "yes", who="Selma", guideline="the star")
    marks.add(3, "unsure", who="Selma")
    table = pd.read_json(path, lines=True)
    assert list(table.columns) == list(FIELDS)
    assert table["mark"].tolist() == ["yes", "unsure"]
    assert table["item"].tolist() == [sample.table["item"][0], sample.table["item"][2]]
    assert table["document"][0] == sample.table["document"][0]
    assert table["word"][0] == sample.table["word"][0]
    assert table["guideline"].tolist() == ["the star", ""]
    assert pd.to_datetime(table["when"]).notna().all()


def test_marks_are_there_when_the_file_is_opened_again(sample, path):
    Marks.open(sample, path).add(2, "no", who="Selma")
    again = Marks.open(sample, path)
    again.add(1, "yes", who="Selma")
    items = sample.table["item"]
    assert again.settled() == {items[1]: "no", items[0]: "yes"}
    assert Marks.open(sample, path).by("Selma") == again.settled()


def test_last_mark_of_a_reader_counts_and_the_first_stays_in_the_file(sample, path):
    marks = Marks.open(sample, path)
    marks.add(1, "yes", who="Selma")
    marks.add(1, "no", who="Selma")
    assert marks.settled() == {sample.table["item"][0]: "no"}
    assert marks.rows["mark"].to_list() == ["yes", "no"]
    assert marks.table["mark"].tolist() == ["no"]


def test_readers_who_differ_make_an_item_unsure(sample, path):
    marks = Marks.open(sample, path)
    for who, said in (("Selma", ("yes", "yes", "no")), ("Hjalmar", ("yes", "no", "no"))):
        for number, mark in enumerate(said, start=1):
            marks.add(number, mark, who=who)
    assert [marks.settled()[item] for item in sample.table["item"]] == ["yes", "unsure", "no"]
    assert marks.readers == ["Hjalmar", "Selma"]
    assert marks.differing == 1
    (row,) = marks.agreement.to_dict("records")
    # By chance 1/3 * 2/3 + 2/3 * 1/3 = 4/9 would agree; 2/3 do.
    assert (row["items"], row["equal"]) == (3, pytest.approx(2 / 3))
    assert row["kappa"] == pytest.approx((2 / 3 - 4 / 9) / (1 - 4 / 9))


def test_half_a_line_left_by_a_crash_is_cut_off(sample, path):
    marks = Marks.open(sample, path)
    marks.add(1, "yes", who="Selma")
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])
    again = Marks.open(sample, path)
    again.add(2, "no", who="Selma")
    assert again.rows["mark"].to_list() == ["yes", "no"]


def test_line_that_is_no_mark_is_named(sample, path):
    marks = Marks.open(sample, path)
    marks.add(1, "yes", who="Selma")
    path.write_text(path.read_text() + '{"mark": "yes"}\n')
    with pytest.raises(IntegrityError, match="Line 2 of"):
        Marks.open(sample, path)
    line = json.loads(path.read_text().splitlines()[0])
    path.write_text(json.dumps({**line, "mark": "maybe"}) + "\n")
    with pytest.raises(IntegrityError, match="has the mark 'maybe'"):
        Marks.open(sample, path)


def test_marks_of_another_sample_are_refused_and_left_alone(sample, path):
    Marks.open(sample, path).add(1, "yes", who="Selma")
    other = sample_query(sample.index.corpus, "regn")
    with pytest.raises(CorpusError) as error:
        Marks.open(other, path)
    assert f"holds marks of another sample: {sample.key}" in str(error.value)
    assert len(path.read_text().splitlines()) == 1


def test_two_samples_may_share_a_file_begun_for_both(sample, path):
    other = sample_query(sample.index.corpus, "regn")
    marks = [Marks.open(one, path) for one in (sample, other)]
    marks[0].add(1, "yes", who="Selma")
    marks[1].add(1, "no", who="Selma")
    assert list(marks[0].settled().values()) == ["yes"]
    assert list(Marks.open(other, path).settled().values()) == ["no"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda marks: marks.add(1, "maybe", who="Selma"), "The mark is 'maybe'."),
        (lambda marks: marks.add(1, "yes", who=" "), "It is not said who marks."),
        (lambda marks: marks.add(1, "yes", who=None), "It is not said who marks."),
        (lambda marks: marks.add(4, "yes", who="Selma"), "There is no item 4."),
        (lambda marks: Marks.open(marks.sample, "marks.xlsx"), "cannot be kept in 'marks.xlsx'"),
    ],
)
def test_bad_marks_are_refused_before_anything_is_written(sample, path, wrong, said):
    marks = Marks.open(sample, path)
    with pytest.raises(CorpusError) as error:
        wrong(marks)
    assert said in str(error.value)
    assert not path.exists()
