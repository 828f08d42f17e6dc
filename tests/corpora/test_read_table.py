from __future__ import annotations

import csv
import io

import polars as pl
import pytest

from kblib.corpora import read_table
from kblib.errors import CorpusError

COLLECT = "To go on and list what is left out: on_error='collect'."


@pytest.fixture
def written(tmp_path):
    def write(content, name="a.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def parquet(tmp_path):
    def write(name="a.parquet", **columns):
        path = tmp_path / name
        pl.DataFrame(columns).write_parquet(path)
        return path

    return write


def test_csv_equals_the_csv_module(written):
    content = 'id,text,year\n1,"hej, ""du""\noch du",1931\n007,sol,\n'
    rows = list(csv.DictReader(io.StringIO(content)))
    corpus = read_table(written(content))
    assert corpus.frame().select("id", "text").collect().to_dicts() == [
        {"id": row["id"], "text": row["text"]} for row in rows
    ]
    assert [one.year for one in corpus] == [1931, None]


@pytest.mark.parametrize(("name", "mark"), [("a.tsv", "\t"), ("a.tab", "\t"), ("a.csv", ",")])
def test_the_ending_says_the_separator(written, name, mark):
    assert read_table(written(f"id{mark}text\n1{mark}sol\n", name))[0].text == "sol"


def test_wrong_columns_name_a_likelier_separator(written):
    path = written("id;text;year\n1;sol;1931\n")
    with pytest.raises(CorpusError) as caught:
        read_table(path)
    assert str(caught.value) == (
        f"{path}, line 1: no column 'text'; its columns: id;text;year. "
        f"The values seem to be divided by semicolons: pass separator=';'.\n  {COLLECT}"
    )
    assert read_table(path, separator=";")[0].year == 1931


def test_faulty_records_are_listed_with_the_line_they_begin_in(written):
    rows = [
        '1,"hej\nhopp",1931',
        "2,a,b,c",
        "3,d,",
        "3,e,1",
        "4,f,19x",
        "",
        "5, ,1",
        '6,"oavslutad',
    ]
    path = written("\n".join(["id,text,year", *rows, "7,g,"]))
    corpus = read_table(path, on_error="collect")
    assert [one.id for one in corpus] == ["1", "3"]
    assert list(corpus.left_out[["line", "reason"]].itertuples(index=False, name=None)) == [
        (4, "4 values where the head has 3 columns"),
        (6, f"the id '3' stands twice, first in {path}, line 5"),
        (7, "the year is '19x'"),
        (9, "the text is empty"),
        (
            10,
            (
                "a quoted value begins in this record and does not end; "
                "the 2 documents before it are kept"
            ),
        ),
    ]


def test_a_line_in_another_encoding_takes_its_record_with_it(written):
    path = written('id,text\n1,sol\n2,"snö\noch is"\n3,regn\n'.encode("latin-1"))
    corpus = read_table(path, on_error="collect")
    assert [one.id for one in corpus] == ["1", "3"]
    assert corpus.left_out.reason.tolist() == ["not utf-8: byte 0xf6 at character 6"]


def test_an_unfinished_quote_is_raised_with_what_to_do(written):
    path = written('id,text\n1,"hej\n2,du\n')
    with pytest.raises(CorpusError) as caught:
        read_table(path)
    assert str(caught.value) == (
        f"{path}, line 2: a quoted value begins in this record and does not end. "
        f"If quotes are part of the text and nothing is quoted, pass quote=None.\n  {COLLECT}"
    )
    assert read_table(path, quote=None)[0].text == '"hej'


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("text,text\n1,2\n", "line 1: two columns are called 'text'"),
        ("text,\nsol,1\n", "line 1: column 2 of 2 has no name"),
        ("id,text\n", "the table has a head and no rows"),
        ("\n\n", "the file holds nothing but blank lines"),
    ],
)
def test_a_head_that_is_none_is_refused(written, head, reason):
    with pytest.raises(CorpusError, match=reason):
        read_table(written(head))


def test_parquet_is_read_where_it_lies(parquet):
    path = parquet(nr=[1, 2], text=["sol", "regn"], date=["1931-05", None])
    corpus = read_table(path, id="nr", columns={"language": "sv"})
    assert [(one.id, one.text, one.year, one.language) for one in corpus] == [
        ("1", "sol", 1931, "sv"),
        ("2", "regn", None, "sv"),
    ]
    assert "Parquet SCAN" in corpus.frame().explain()


def test_parquet_without_id_is_numbered_by_row(parquet):
    assert [one.id for one in read_table(parquet(text=["sol", "regn"]))] == [
        "a.parquet/1",
        "a.parquet/2",
    ]


def test_parquet_files_of_different_columns_go_together(parquet, tmp_path):
    parquet("a.parquet", id=["1"], text=["sol"], n=[1])
    parquet("b.parquet", id=["2"], text=["regn"], n=["x"])
    corpus = read_table(tmp_path)
    assert corpus.frame().collect()["n"].to_list() == ["1", "x"]


def test_faulty_rows_of_parquet_are_listed(parquet):
    path = parquet(
        id=["a", "b", "a", None, "c"], text=["x", None, "z", "q", "r"], year=[1, 2, 3, 4, 5]
    )
    corpus = read_table(path, on_error="collect")
    assert [one.id for one in corpus] == ["a", "c"]
    assert len(corpus) == 2
    assert list(corpus.left_out[["line", "reason"]].itertuples(index=False, name=None)) == [
        (2, "the text is empty"),
        (4, "the id is empty"),
        (3, "the id 'a' stands a second time"),
    ]


def test_a_faulty_row_of_parquet_is_raised(parquet):
    path = parquet(id=["a", "b"], text=["x", " "])
    with pytest.raises(CorpusError) as caught:
        read_table(path)
    assert str(caught.value) == (
        f"{path}, row 2: the text is empty. Every document needs a text and an id.\n  {COLLECT}"
    )


def test_an_id_used_in_two_parquet_files_is_found(parquet, tmp_path):
    parquet("a.parquet", id=["1"], text=["sol"])
    second = parquet("b.parquet", id=["1"], text=["regn"])
    with pytest.raises(CorpusError, match=rf"{second}, row 1: the id '1' stands a second time"):
        read_table(tmp_path)


@pytest.mark.parametrize("cut", [4, 100, 500])
def test_a_parquet_file_cut_short_is_refused(parquet, cut):
    path = parquet(text=[f"rad {n}" for n in range(1_000)])
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(CorpusError, match=r"a\.parquet: not a whole Parquet file"):
        read_table(path)


def test_a_damaged_page_is_found_when_reading(parquet):
    path = parquet(text=[f"rad {n}" for n in range(1_000)])
    data = bytearray(path.read_bytes())
    data[40:400] = bytes(360)
    path.write_bytes(data)
    with pytest.raises(CorpusError, match=r"a\.parquet: not a whole Parquet file"):
        read_table(path)


def test_a_parquet_file_that_is_another_is_left_out_and_the_rest_read(parquet, tmp_path):
    parquet("a.parquet", text=["sol"])
    (tmp_path / "b.parquet").write_text("id,text\n1,sol\n")
    parquet("c.parquet", body=["sol"])
    corpus = read_table(tmp_path, on_error="collect")
    assert len(corpus) == 1
    assert [path.rsplit("/", 1)[1] for path in corpus.left_out.file] == ["b.parquet", "c.parquet"]
    assert corpus.left_out.reason[1] == "no column 'text'; its columns: body"


def test_text_that_is_no_text_is_refused(parquet):
    with pytest.raises(CorpusError, match="column 'text' holds Int64"):
        read_table(parquet(text=[1, 2]))


def test_kinds_are_not_mixed(parquet, written, tmp_path):
    parquet(text=["sol"])
    written("id,text\n1,sol\n")
    with pytest.raises(CorpusError, match="holds Parquet and delimited tables"):
        read_table(tmp_path)
