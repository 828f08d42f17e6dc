"""Tables as historians type them: what is read as it was meant, and what is refused."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import polars as pl
import pytest

from kblib.corpora import Corpus
from kblib.errors import LabelError
from kblib.evaluation.confusion import adjusted_counts
from kblib.evaluation.counts import corrected_counts
from kblib.evaluation.scores import evaluate
from kblib.evaluation.stopping import when_to_stop
from kblib.evaluation.tables import check_spelling, frame_of
from kblib.evaluation.texts import sample_texts


def rows(table: pd.DataFrame | pl.DataFrame) -> list[tuple[str | None, str | None]]:
    return frame_of(table, "labels").select("id", "label").rows()


def test_whole_numbers_have_no_point_though_a_cell_of_their_column_is_empty():
    typed = pd.read_csv(io.StringIO("id;label\n12;1\n13;\n14;0\n"), sep=";")
    assert typed["label"].dtype == float
    assert rows(typed) == [("12", "1"), ("13", None), ("14", "0")]
    halves = pd.DataFrame({"id": [1.0, 2.0], "label": [0.5, 1.0]})
    assert rows(halves) == [("1", "0.5"), ("2", "1.0")]
    assert rows(pl.DataFrame({"id": [1, 2], "label": [True, None]})) == [("1", "true"), ("2", None)]


def test_numbers_and_text_mixed_in_a_column_are_text():
    mixed = pd.DataFrame({"id": [12, "12b"], "label": ["a", np.nan], "p": [1, "?"]})
    assert rows(mixed) == [("12", "a"), ("12b", None)]


def test_spaces_around_a_label_are_no_part_of_it_and_an_empty_one_is_none():
    typed = pd.DataFrame({"id": ["1", "2", "3"], "label": [" war ", "", "  "]})
    assert rows(typed) == [("1", "war"), ("2", None), ("3", None)]


@pytest.mark.parametrize(
    ("text", "how", "said", "advice"),
    [
        ("id;label\n1;a\n", {}, "have no column 'id'; they have: id;label.", 'sep=";"'),
        ("\ufeffid,label\n1,a\n", {"encoding": "latin-1"}, "they have: ï»¿id, label", "utf-8-sig"),
        ("ID,label\n1,a\n", {}, "have no column 'id'", '{"ID": "id"}'),
        ("id,etikett\n1,a\n", {}, "have no column 'label'", '{"etikett": "label"}'),
        ("id,label\n1,a\n,b\n", {}, "Row 2 of the labels has no id; 1 of 2 rows", "dropna"),
    ],
)
def test_table_that_was_read_wrongly_is_refused_with_how_to_read_it(
    text: str, how: dict[str, str], said: str, advice: str
):
    table = pd.read_csv(io.BytesIO(text.encode()), **how)
    with pytest.raises(LabelError) as caught:
        frame_of(table, "labels")
    assert said in caught.value.happened
    assert advice.replace('"', "'") in caught.value.next_step.replace('"', "'")


def test_large_ids_that_pandas_has_rounded_are_refused():
    typed = pd.read_csv(io.StringIO("id,label\n20240101000000001,a\n,b\n"))
    with pytest.raises(LabelError, match="decimal number 20240101000000000; of so") as caught:
        frame_of(typed.dropna(subset="id"), "labels")
    assert caught.value.next_step == 'pandas.read_csv(path, dtype={"id": str})'


def test_ids_without_their_zeros_in_front_are_refused_though_some_of_them_fit():
    texts = Corpus.from_table(pd.DataFrame({"id": ["01", "02", "10"], "text": list("abc")}))
    typed = pd.read_csv(io.StringIO("id,label\n01,a\n02,b\n10,a\n"))
    with pytest.raises(LabelError, match=r"'1' is no id of corpus .* and '01' is one; 2 labels"):
        evaluate(texts, typed, typed)
    written = typed.assign(id=["01", "02", "10"])
    assert evaluate(texts, written, written).rows["texts"][0] == 3


def test_a_mark_that_is_not_seen_is_shown():
    with pytest.raises(LabelError, match=r"they have: '\\ufeffid', label"):
        frame_of(pl.DataFrame({"\ufeffid": ["1"], "label": ["a"]}), "labels")


def test_two_columns_of_a_name_are_refused():
    table = pd.DataFrame([["1", "a", "b"]], columns=["id", "label", "label"])
    with pytest.raises(LabelError, match="Two columns of the labels are called 'label'"):
        frame_of(table, "labels")


def test_labels_that_differ_in_capitals_are_refused():
    with pytest.raises(LabelError, match="'War' and 'war' differ in capitals only"):
        check_spelling(["war", "peace", "War"])


@pytest.fixture(scope="module")
def numbered() -> Corpus:
    """400 texts with numbers for ids, every third of which is so."""
    table = pd.DataFrame({"id": range(400), "text": "brev", "year": 1914})
    return Corpus.from_table(table, name="letters")


@pytest.fixture(scope="module")
def thirds() -> pd.DataFrame:
    return pd.DataFrame({"id": range(400), "label": [int(n % 3 == 0) for n in range(400)]})


def test_zeros_and_ones_with_an_empty_cell_count_as_words_do(numbered, thirds):
    """Of the labels pandas makes 1.0; the predictions have 1; what is asked for is a number."""
    sample = sample_texts(numbered, 200)
    read = thirds[thirds["id"].astype(str).isin(sample.rows["id"].to_list())].reset_index(drop=True)
    typed = read.assign(label=read["label"].astype(float), id=read["id"].astype(float))
    typed.loc[len(typed)] = [np.nan, np.nan]
    typed = typed.dropna(subset="id")
    words = {0: "no", 1: "yes"}
    named = [one.assign(label=one["label"].map(words)) for one in (thirds, read)]
    asked = {"about": "corpus"}
    counts = corrected_counts(sample, thirds, typed, label=1, **asked)
    expected = corrected_counts(sample, *named, label="yes", **asked)
    assert counts.rows.equals(expected.rows)
    assert counts.rows["yes"].to_list() == [int(read["label"].sum())]


def test_id_of_a_table_and_of_a_corpus_are_written_alike(thirds):
    floats = thirds.assign(text="brev", id=thirds["id"].astype(float))
    assert Corpus.from_table(floats[["id", "text"]]).frame().collect()["id"][12] == "12"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda p, r: (p, r.assign(label=r["label"].str.upper())), "'RAIN' and 'rain' differ"),
        (lambda p, r: (p, r.replace({"rain": "regn", "sun": "sol"})), "The model says rain, sun; "),
        (lambda p, r: (p.assign(p="0,93"), r), "holds text, such as '0,93'"),
        (lambda p, r: (p[:0].assign(p=1.0), r), "The predictions have no row"),
    ],
)
def test_labels_that_are_not_those_of_the_model_are_refused(reports, predictions, spoil, said):
    sample = sample_texts(reports, 100)
    read = predictions[predictions["id"].isin(sample.rows["id"].to_list())]
    told, given = spoil(predictions.assign(p=0.5), read)
    with pytest.raises(LabelError, match=said):
        corrected_counts(sample, told, given, label="rain", score="p")


def test_labels_that_only_readers_give_are_told(reports, predictions):
    sample = sample_texts(reports, 100)
    read = predictions[predictions["id"].isin(sample.rows["id"].to_list())].copy()
    read.iloc[:3, read.columns.get_loc("label")] = "vet ej"
    counts = corrected_counts(sample, predictions, read, label="rain")
    assert counts.warnings == (
        "Labels that only readers give count as no: vet ej (3). Who cannot tell says 'unsure'.",
    )


def test_what_is_no_sample_or_no_corpus_is_refused(reports, predictions):
    with pytest.raises(LabelError, match="The sample is a Corpus"):
        corrected_counts(reports, predictions, predictions, label="rain")
    with pytest.raises(LabelError, match="The corpus is a DataFrame"):
        sample_texts(reports.table)
    with pytest.raises(LabelError, match="The corpus is a DataFrame"):
        evaluate(reports.table, predictions, predictions)


def test_scores_with_a_decimal_comma_are_refused(reports, predictions):
    with pytest.raises(LabelError, match="Column 'score' of the predictions holds text"):
        evaluate(reports, predictions.assign(score="0,9"), predictions)


def test_periods_that_are_none_are_refused(reports):
    with pytest.raises(LabelError, match=r"per is 'decennium'\. year, decade or a column"):
        sample_texts(reports, per="decennium")
    with pytest.raises(LabelError, match="No text of corpus 'letters' has a decade"):
        sample_texts(Corpus.from_texts(["brev"], name="letters"))


def test_results_of_another_kind_are_refused(reports, predictions):
    scores = evaluate(reports, predictions, predictions)
    with pytest.raises(LabelError, match="adjusted_counts got a Scores"):
        adjusted_counts(scores)
    with pytest.raises(LabelError, match="when_to_stop got a NoneType"):
        when_to_stop(None)


def test_one_label_throughout_is_told(reports, predictions):
    same = predictions.assign(label="rain")
    (told,) = evaluate(reports, same, same).warnings
    assert told.startswith("Every text has the label 'rain', and the model says nothing else")
    assert evaluate(reports, predictions, same).warnings == ()
