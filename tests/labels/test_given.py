"""Labels given one by one, in a file that grows; several readers as one."""

from __future__ import annotations

import json

import polars as pl
import pytest

from kblib.corpora import Corpus
from kblib.errors import IntegrityError, LabelError
from kblib.labels import GivenLabels, merge_labels
from kblib.labels.given import version_of

IDS = ("f/1", "f/2", "f/3")
LABELS = ("fair", "foul")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "labels.jsonl"


@pytest.fixture
def given(path) -> GivenLabels:
    return GivenLabels.open(IDS, path, labels=LABELS)


def test_label_is_a_plain_line_with_who_when_and_which_guideline(given, path):
    given.add("f/1", "fair", who="Selma", guideline="dry", version="3")
    given.add("f/2", "foul", who="Selma", guideline="dry")
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert first | {"when": ""} == {
        "id": "f/1", "label": "fair", "who": "Selma", "when": "",
        "guideline": "dry", "version": "3", "shows": False,
    }  # fmt: skip
    assert second["version"] == version_of(" dry ") != version_of("wet")
    assert version_of("") == ""


def test_labels_are_there_when_the_file_is_opened_again_and_the_last_counts(given, path):
    given.add("f/1", "fair", who="Selma")
    given.add("f/1", "foul", who="Selma")
    again = GivenLabels.open(IDS, path, labels=LABELS)
    assert again.by("Selma") == {"f/1": "foul"}
    assert again.rows["label"].to_list() == ["fair", "foul"]
    assert again.table["label"].tolist() == ["foul"]
    assert again.readers == ["Selma"]
    assert repr(again).endswith(": 0 fair, 1 foul, 0 unsure; 1 of 3 texts")


def test_what_is_changed_after_a_model_was_shown_is_kept_and_does_not_count(given):
    given.add("f/1", "fair", who="Selma")
    given.add("f/1", "foul", who="Selma")
    given.add("f/2", "fair", who="Selma", shows=True)
    given.add("f/1", "fair", who="Selma", shows=True)
    given.add("f/2", "foul", who="Selma", shows=True)
    given.add("f/3", "fair", who="Selma")  # not seen when the model was shown
    given.add("f/3", "foul", who="Selma")
    given.add("f/1", "fair", who="Hjalmar")
    assert given.by("Selma") == {"f/1": "foul", "f/2": "fair", "f/3": "foul"}
    assert given.by("Hjalmar") == {"f/1": "fair"}
    assert given.rows.height == 8


def test_half_a_line_left_by_a_crash_is_cut_off(given, path):
    given.add("f/1", "fair", who="Selma")
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])
    again = GivenLabels.open(IDS, path, labels=LABELS)
    again.add("f/2", "foul", who="Selma")
    assert again.rows["label"].to_list() == ["fair", "foul"]


def test_line_that_is_no_label_is_named(given, path):
    given.add("f/1", "fair", who="Selma")
    path.write_text(path.read_text() + '{"label": "fair"}\n')
    with pytest.raises(IntegrityError, match=r"Line 2 of .* is no label"):
        GivenLabels.open(IDS, path, labels=LABELS)


def test_labels_of_other_texts_are_left_alone_and_refused_if_there_are_no_others(given, path):
    given.add("f/1", "fair", who="Selma")
    with pytest.raises(LabelError, match="holds 1 labels, all of other texts"):
        GivenLabels.open(["g/1"], path, labels=LABELS)
    larger = GivenLabels.open([*IDS, "f/4"], path, labels=LABELS)
    larger.add("f/4", "foul", who="Selma")
    assert GivenLabels.open(IDS, path, labels=LABELS).by("Selma") == {"f/1": "fair"}


def test_label_in_the_file_that_is_none_of_these_is_refused_with_its_line(given, path):
    given.add("f/1", "fair", who="Selma")
    with pytest.raises(LabelError, match=r"Line 1 of .* has the label 'fair'"):
        GivenLabels.open(IDS, path, labels=["wet", "dry"])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda given: given.add("f/9", "fair", who="Selma"), "There is no text 'f/9' here."),
        (lambda given: given.add("f/1", "wet", who="Selma"), "The label is 'wet'."),
        (lambda given: given.add("f/1", "fair", who=" "), "It is not said who labels."),
        (lambda given: GivenLabels.open(IDS, "a.csv", labels=LABELS), "cannot be kept in 'a.csv'"),
        (lambda given: GivenLabels.open(IDS, given.path, labels="fair"), "The labels are 'fair'."),
        (lambda given: GivenLabels.open(IDS, given.path, labels=["a", "unsure"]), "of itself"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_anything_is_written(given, path, wrong, said):
    with pytest.raises(LabelError) as error:
        wrong(given)
    assert said in str(error.value)
    assert not path.exists()


@pytest.fixture
def two(given) -> GivenLabels:
    for who, said in (("Selma", ("fair", "fair", "foul")), ("Hjalmar", ("fair", "foul", "foul"))):
        for one, label in zip(IDS, said, strict=True):
            given.add(one, label, who=who, version=who[0])
    return given


def test_readers_who_differ_make_a_text_unsure(two):
    merged = two.merged
    assert merged.settled == {"f/1": "fair", "f/2": "unsure", "f/3": "foul"}
    assert merged.table["differ"].tolist() == [False, True, False]
    (row,) = merged.disagreements.to_dict("records")
    assert row == {"id": "f/2", "Selma": "fair", "Hjalmar": "foul"}
    # Of six labels three are fair: 18 of 30 ordered pairs differ; of the three pairs one does.
    assert merged.alpha == pytest.approx(1 - (1 / 3) / (18 / 30))
    (pair,) = merged.agreement.to_dict("records")
    assert (pair["items"], pair["equal"]) == (3, pytest.approx(2 / 3))
    assert merged.warnings == ("The labels follow 2 versions of the guideline.",)
    assert "by Selma, Hjalmar: 1 differ, Krippendorff's alpha 0.444" in repr(merged)


def test_unsure_is_no_label_where_agreement_is_measured(given):
    for who in ("Selma", "Hjalmar"):
        given.add("f/1", "fair", who=who)
        given.add("f/2", "foul", who=who)
    given.add("f/3", "fair", who="Selma")
    given.add("f/3", "unsure", who="Hjalmar")
    assert given.merged.alpha == 1
    assert given.merged.settled["f/3"] == "unsure"


def test_what_was_settled_becomes_labels_with_texts(two):
    films = Corpus.from_texts(["sol", "dis", "regn"], name="f", year=[1931, 1932, 1933])
    labels = two.merged.labels(films)
    assert labels.table[["id", "text", "label", "year"]].to_numpy().tolist() == [
        ["f/1", "sol", "fair", 1931],
        ["f/3", "regn", "foul", 1933],
    ]
    assert labels.provenance["unsure"] == 1
    assert labels.provenance["readers"] == ["Hjalmar", "Selma"]


def test_tables_of_readers_are_merged():
    selma = pl.DataFrame({"id": ["a", "b", "c"], "label": ["x", "y", "x"]})
    hjalmar = pl.DataFrame({"id": ["b", "c"], "label": ["y", "z"]}).to_pandas()
    merged = merge_labels({"Selma": selma, "Hjalmar": hjalmar})
    assert merged.settled == {"a": "x", "b": "y", "c": "unsure"}
    assert merged.table["readers"].tolist() == [1, 2, 2]
    one = pl.concat([
        selma.with_columns(who=pl.lit("Selma")),
        pl.from_pandas(hjalmar).with_columns(who=pl.lit("Hjalmar")),
    ])  # fmt: skip
    assert merge_labels(one).settled == merged.settled
    with pytest.raises(LabelError, match="Under 'Selma' stand labels by Hjalmar, Selma"):
        merge_labels({"Selma": one, "Hjalmar": one})  # one file of both: they would agree in all
    with pytest.raises(LabelError, match="The labels are "):
        merge_labels("labels.csv")


def test_one_reader_or_a_table_without_labels_is_refused():
    selma = pl.DataFrame({"id": ["a"], "label": ["x"]})
    with pytest.raises(LabelError, match="There are labels of 1 reader: Selma"):
        merge_labels({"Selma": selma})
    with pytest.raises(LabelError, match="There are labels of 0 reader: nobody"):
        merge_labels({})
    with pytest.raises(LabelError, match="no column 'who'; it has: id, label"):
        merge_labels(selma)
