"""read_labels: tables, JSON lines, rows, joined to a corpus; faults are told with their line."""

from __future__ import annotations

import gzip
import json

import pandas as pd
import polars as pl
import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError, LabelError
from kblib.labels import read_labels

GENRES = (
    "text,genre,year\nEn bok,novel,1901\nRim,poem,1902\nAkt ett,play,1903\nKära du,letter,1904\n"
)


@pytest.fixture
def write(tmp_path):
    def written(name: str, content: str):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    return written


def jsonl(*rows: dict) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def refused(*args, **asked) -> str:
    with pytest.raises(LabelError) as error:
        read_labels(*args, **asked)
    return str(error.value)


def test_csv_becomes_texts_labels_ids_and_the_other_columns(write):
    labels = read_labels(write("genres.csv", GENRES), label="genre")
    assert labels.labels == ("novel", "poem", "play", "letter")
    assert labels.table.columns.tolist() == ["id", "text", "label", "year"]
    assert labels.table["label"].tolist() == ["novel", "poem", "play", "letter"]
    assert labels.table["id"].tolist() == [f"genres.csv#{line}" for line in (2, 3, 4, 5)]
    assert labels.kind == "texts"
    assert labels.counts["share"].tolist() == [0.25] * 4
    assert labels.provenance["format"] == "table"
    assert labels.provenance["texts"] == len(labels) == 4


def test_label_in_another_case_is_refused_with_row_and_what_to_do(write):
    path = write("genres.csv", GENRES + "En till,Novel,1905\n")
    assert refused(path, label="genre") == (
        "Row 6 of genres.csv has the label 'Novel', which is not among the 4 labels seen before: "
        "novel, poem, play, letter. Same word, other case? Pass casefold=True."
    )
    labels = read_labels(path, label="genre", casefold=True)
    assert labels.labels == ("novel", "poem", "play", "letter")
    assert labels.table["label"].tolist()[-1] == "novel"


def test_label_that_is_not_expected_is_refused_with_the_nearest(write):
    path = write("genres.csv", GENRES)
    said = refused(path, label="genre", labels=["novell", "poem", "play", "letter"])
    assert "Row 2 of genres.csv has the label 'novel'" in said
    assert "Did you mean 'novell'?" in said


def test_labels_that_are_expected_keep_their_order_and_take_numbers_as_places(write):
    path = write("a.jsonl", jsonl({"text": "sol", "label": 1}, {"text": "regn", "label": 0}))
    labels = read_labels(path, labels=["foul", "fair"])
    assert labels.labels == ("foul", "fair")
    assert labels.table["label"].tolist() == ["fair", "foul"]


def test_label_given_once_beside_a_similar_one_is_told(write):
    rows = [{"text": f"bok {n}", "label": "novel"} for n in range(12)]
    labels = read_labels(write("a.jsonl", jsonl(*rows, {"text": "bok", "label": "novvel"})))
    assert labels.warnings == ("'novvel' is a label given once, 'novel' 12 times: a slip?",)


def test_one_class_is_told(write):
    labels = read_labels(write("a.jsonl", jsonl({"text": "bok", "label": "novel"})))
    assert labels.warnings == ("Every label is 'novel': nothing can be told apart.",)


def test_tabs_semicolons_other_encodings_and_gzip(tmp_path, write):
    tabs = write("a.tsv", "text\tlabel\nsol; vind\tfair\n")
    assert read_labels(tabs).table["text"].tolist() == ["sol; vind"]
    other = write("a.csv", "text;label\nsol;fair\n")
    assert "pass separator=';'" in refused(other)
    assert read_labels(other, separator=";").labels == ("fair",)
    old = tmp_path / "old.csv"
    old.write_bytes("text,label\nsnö,foul\n".encode("latin-1"))
    assert "encoding='latin-1'" in refused(old)
    assert read_labels(old, encoding="latin-1").table["text"].tolist() == ["snö"]
    packed = tmp_path / "a.jsonl.gz"
    packed.write_bytes(gzip.compress(jsonl({"text": "sol", "label": "fair"}).encode()))
    assert read_labels(packed).labels == ("fair",)


def test_pairs_have_two_texts(write):
    row = {"premise": "Det regnar", "hypothesis": "Det är vått", "label": "entailment", "id": 7}
    labels = read_labels(write("a.jsonl", jsonl(row)), text=("premise", "hypothesis"))
    assert labels.kind == "pairs"
    assert labels.table.iloc[0].tolist() == ["7", "Det regnar", "Det är vått", "entailment"]


def test_scale_is_asked_for_and_kept_as_numbers(write):
    path = write("a.jsonl", jsonl({"text": "bra", "label": 4.5}, {"text": "dåligt", "label": 1}))
    assert refused(path) == (
        "Line 1 of a.jsonl has the label 4.5, a number with decimals. "
        "If the labels are a scale: scale=True."
    )
    labels = read_labels(path, scale=True)
    assert labels.is_scale
    assert labels.table["label"].tolist() == [4.5, 1.0]
    assert "a scale, 1 to 4.5 used" in repr(labels)
    words = write("b.jsonl", jsonl({"text": "bra", "label": "good"}))
    assert "With scale=True a number was expected." in refused(words, scale=True)


def test_whole_numbers_with_a_point_are_names_as_they_are_without_it():
    """What pandas makes of ones and zeros if a row of the column is empty."""
    rows = [{"id": 1.0, "text": "sol", "label": 1.0}, {"id": 2.0, "text": "regn", "label": 0.0}]
    labels = read_labels(rows)
    assert labels.labels == ("1", "0")
    assert labels.table["id"].tolist() == ["1", "2"]


def test_lists_of_words_have_a_list_of_labels(write):
    row = {"tokens": ["Anna", "gick"], "ner_tags": [1, 0]}
    asked = {"text": "tokens", "label": "ner_tags", "labels": ["O", "B-PER"]}
    labels = read_labels(write("a.jsonl", jsonl(row)), **asked)
    assert labels.kind == "words"
    assert labels.rows["label"].to_list() == [["B-PER", "O"]]
    assert labels.rows["text"].to_list() == ["Anna gick"]
    short = write("b.jsonl", jsonl({"tokens": ["Anna", "gick"], "ner_tags": [1]}))
    assert "Line 1 of b.jsonl has 1 labels for 2 words." in refused(short, **asked)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": " ", "label": "a"}, "Line 2 of a.jsonl has no text."),
        ({"text": None, "label": "a"}, "Line 2 of a.jsonl has no text."),
        ({"text": "x", "label": ""}, "Line 2 of a.jsonl has no label."),
        ({"text": "x", "label": None}, "Line 2 of a.jsonl has no label."),
        ({"text": "x", "label": ["a"]}, "Line 2 of a.jsonl has a list as label."),
        ({"text": "x", "label": "a", "id": "1"}, "has the id '1' again, first in line 1"),
        ({"text": "x"}, "a.jsonl, line 2: no field 'label'; its fields: text."),
    ],
)
def test_wrong_row_is_told_or_collected(write, row, said):
    path = write("a.jsonl", jsonl({"text": "sol", "label": "a", "id": "1"}, row))
    assert said in refused(path)
    labels = read_labels(path, on_error="collect")
    assert len(labels) == 1
    assert labels.left_out["line"].tolist() == [2]
    assert labels.provenance["left_out"] == 1
    assert ".left_out; faults: 1." in repr(labels)


def test_nothing_usable_is_told_with_the_first_fault(write):
    path = write("a.jsonl", jsonl({"text": "", "label": "a"}))
    said = refused(path, on_error="collect")
    assert "There is no labelled text that can be used; faults: 1. The first fault:" in said


def test_broken_json_and_a_row_with_too_many_values_are_told_with_their_line(write):
    assert "a.jsonl, line 1: not JSON" in refused(write("a.jsonl", "{'text'}\n"))
    said = refused(write("a.csv", "text,label\nsol,fair\nregn,och,blåst\n"))
    assert "a.csv, line 3: 3 values where the head has 2 columns." in said


def test_missing_column_is_told_with_those_there_are(write):
    said = refused(write("a.csv", GENRES))
    assert "no column 'label'; its columns: text, genre, year" in said
    assert "label='...'" in said


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"sep": ";"}, "read_labels has no argument 'sep'."),
        ({"format": "xml"}, "format is 'xml'. There are: table, jsonl, conllu, conll."),
        ({"encoding": "swedish"}, "There is no encoding 'swedish'."),
        ({"on_error": "skip"}, "on_error is 'skip'."),
        ({"labels": "novel"}, "labels is 'novel'."),
        ({"labels": ["a", "A"]}, "labels is ['a', 'A']."),
        ({"text": None}, "text is None. One column was expected, or two for pairs."),
        ({"corpus": "films"}, "corpus is 'films'. A Corpus was expected."),
        ({"text": ("a", "b", "c")}, "One column was expected, or two for pairs."),
    ],
)
def test_wrong_argument_is_told_before_anything_is_read(asked, said):
    assert said in refused("nowhere.csv", **asked)


def test_file_that_is_not_there_or_of_unknown_form_is_told(write):
    assert "There is no file or folder" in refused("nowhere.csv")
    said = refused(write("a.xml", "<a/>"))
    assert "do not say how the labels are written" in said


def test_corpus_gives_texts_and_columns_by_id(write):
    films = Corpus.from_texts(["sol", "regn", "snö"], name="f", year=[1931, 1932, 1933])
    path = write("a.csv", "id,label,note\nf/3,foul,kall\nf/1,fair,\n")
    labels = read_labels(path, corpus=films)
    assert labels.rows.select("id", "text", "label", "year", "note").rows() == [
        ("f/3", "snö", "foul", 1933, "kall"),
        ("f/1", "sol", "fair", 1931, ""),
    ]
    assert labels.provenance["of_corpus"] == films.fingerprint
    other = write("b.csv", "id,label\nf/9,foul\n")
    assert "Row 2 of b.csv is of 'f/9', which is no text of the corpus." in refused(
        other, corpus=films
    )


@pytest.mark.parametrize("table", [pd.DataFrame, pl.DataFrame, lambda columns: [
    dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
]])  # fmt: skip
def test_tables_and_rows_are_read_like_files(table):
    labels = read_labels(
        table({"body": ["sol", "regn"], "so": ["a", "b"]}), text="body", label="so"
    )
    assert labels.labels == ("a", "b")
    assert labels.table["text"].tolist() == ["sol", "regn"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": ["sol"], "label": ["a"]}, "Row 2 of labels has another kind of text."),
        ({"text": "so\ud800", "label": "a"}, "Row 2 of labels has half of a character."),
    ],
)
def test_row_unlike_the_others_is_told(row, said):
    assert said in refused([{"text": "sol", "label": "a"}, row])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (7, "Labels cannot be read from int."),
        ({"text": "a"}, "Labels cannot be read from dict."),
        (["a", 3], "Row 1 is 'a'. A dictionary was expected."),
        ([], "There is no labelled text that can be used; faults: 0. At least one was expected."),
    ],
)
def test_what_is_no_table_is_refused(given, said):
    assert said in refused(given)


def test_saved_labels_are_read_again_with_the_same_fingerprint(tmp_path, write):
    labels = read_labels(write("genres.csv", GENRES), label="genre")
    for name in ("a.csv", "a.jsonl"):
        again = read_labels(labels.save(tmp_path / name))
        assert again.provenance["fingerprint"] == labels.provenance["fingerprint"]
    with pytest.raises(LabelError, match="cannot be saved as 'a"):
        labels.save(tmp_path / "a.xlsx")


def test_labels_are_a_corpus_without_their_labels(write):
    labels = read_labels(write("genres.csv", GENRES), label="genre")
    assert list(labels.corpus.texts()) == ["En bok", "Rim", "Akt ett", "Kära du"]
    assert "label" not in labels.corpus.columns
    assert labels.corpus.columns[:2] == ("id", "text")


def test_column_of_a_corpus_is_a_label():
    films = Corpus.from_texts(["sol", "Slut"], name="f", medium=["speech", "intertitle"], year=1931)
    labels = read_labels(films, label="medium")
    assert labels.rows.select("id", "text", "label", "year").rows() == [
        ("f/1", "sol", "speech", 1931),
        ("f/2", "Slut", "intertitle", 1931),
    ]
    assert labels.name == "f"
    assert labels.provenance["of_corpus"] == films.fingerprint


def test_some_labels_can_be_taken(write):
    labels = read_labels(write("genres.csv", GENRES), label="genre").take(["poem", "play"])
    assert labels.labels == ("poem", "play")
    assert len(labels) == 2
    with pytest.raises(LabelError, match="'song' cannot be taken"):
        labels.take(["song"])


def test_html_shows_texts_as_texts(write):
    labels = read_labels([{"text": "<b>sol</b>", "label": "a"}])
    assert "&lt;b&gt;sol" in labels._repr_html_()


def test_dot_leads_into_an_object(write):
    rows = [
        {"first": {"context": one}, "second": {"context": other}, "label": label}
        for one, other, label in [("En älg", "Ett skott.", "a"), ("Blad", "Nya skott.", "b")]
    ]
    path = write("swewic.jsonl", jsonl(*rows))
    labels = read_labels(path, text=("first.context", "second.context"))
    assert labels.table["text_pair"].tolist() == ["Ett skott.", "Nya skott."]
    said = refused(path, text=("first.context", "second.word"))
    assert "no field 'second.word'; its fields: first, second, label" in said


def test_list_where_a_text_was_expected_is_told(write):
    path = write("faq.jsonl", jsonl({"question": "Hur?", "answers": ["Så.", "Nej."], "label": 0}))
    said = refused(path, text=("question", "answers"))
    assert said.startswith("Line 1 of faq.jsonl has a list where a text was expected.")


def test_one_list_in_a_file_and_words_in_a_table_are_told_what_to_do(write):
    said = refused(write("a.json", json.dumps([{"text": "sol", "label": "a"}])))
    assert "a JSON list. An object a line was expected; of one list: read_labels(json.load(" in said
    assert len(read_labels(write("b.json", jsonl({"text": "sol", "label": "a"})))) == 1
    said = refused(write("ner.tsv", "Anna\tB-PER\nkom\tO\n"))
    assert said.endswith("Of a word a line: format='conll'.\n  To go on and list what is left out: "
                         "on_error='collect'.")  # fmt: skip


def test_decimals_that_are_taken_as_names_are_told(write):
    labels = read_labels(write("a.csv", "text,label\nen,1.5\ntvå,2\n"))
    assert labels.warnings[-1].startswith("Labels such as '1.5' look like points on a scale")
    whole = read_labels(write("b.csv", "text,label\nen,1\ntvå,2\n"))
    assert not any("scale" in one for one in whole.warnings)


def test_separator_is_one_mark(write):
    for mark in (";;", "\\t", 5):
        with pytest.raises(CorpusError, match="One mark was expected, such as a comma"):
            read_labels(write("a.csv", "text;label\nen;1\n"), separator=mark)


def test_decimal_comma_and_workbook_are_told(tmp_path):
    said = refused([{"text": "en", "label": "1,5"}], scale=True)
    assert "Decimals stand after a point: 1.5, not 1,5." in said
    (tmp_path / "betyg.xlsx").write_bytes(b"PK")
    assert "betyg.xlsx is a workbook of a spreadsheet program." in refused(tmp_path / "betyg.xlsx")
