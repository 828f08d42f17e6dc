from __future__ import annotations

import gzip

import pytest

from kblib.corpora import read_text
from kblib.errors import CorpusError


@pytest.fixture
def pages(tmp_path):
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "a.txt").write_text("Första stycket,\nandra raden.\n\n \nAndra stycket.\n")
    (folder / "b.txt").write_bytes("på latin\n".encode("latin-1"))
    (folder / "c.txt").touch()
    (folder / "d.txt.gz").write_bytes(gzip.compress(b"Packad.\n"))
    return folder


def test_a_file_is_a_document(pages):
    corpus = read_text(pages / "a.txt", columns={"language": "sv", "year": "1905"})
    assert corpus[0].text == "Första stycket,\nandra raden.\n\n \nAndra stycket."
    assert (corpus[0].id, corpus[0].title, corpus[0].language) == ("a.txt", "a", "sv")
    assert corpus[0].year == 1905


@pytest.mark.parametrize(
    ("per", "ids"),
    [("paragraph", ["a.txt#1", "a.txt#5"]), ("line", ["a.txt#1", "a.txt#2", "a.txt#5"])],
)
def test_paragraphs_and_lines_are_documents_named_by_their_line(pages, per, ids):
    corpus = read_text(pages / "a.txt", per=per)
    assert corpus.table.id.tolist() == ids
    assert corpus.table.line.tolist() == [int(one.split("#")[1]) for one in ids]
    lines = (pages / "a.txt").read_text().split("\n")
    assert all(document.text.startswith(lines[document.origin["line"] - 1]) for document in corpus)


def test_collect_lists_what_was_left_out(pages):
    corpus = read_text(pages, on_error="collect")
    assert list(corpus.texts())[-1] == "Packad."
    assert corpus.left_out.reason.tolist() == [
        "not utf-8: byte 0xe5 at character 2",
        "the file is empty",
    ]
    assert corpus.left_out.file.tolist() == [str(pages / "b.txt"), str(pages / "c.txt")]
    assert corpus.manifest["left_out"][0]["line"] == 1
    assert corpus.steps[0].about["left_out"] == 2


def test_left_out_is_saved_with_the_corpus(pages, home):
    corpus = read_text(pages, on_error="collect")
    assert corpus.save().left_out.equals(corpus.left_out)


def test_a_gzip_file_cut_short_keeps_what_was_read_and_says_so(tmp_path):
    path = tmp_path / "a.txt.gz"
    whole = gzip.compress(b"".join(b"rad %d\n" % n for n in range(10_000)))
    path.write_bytes(whole[:-4_000])
    corpus = read_text(path, per="line", on_error="collect")
    reason = corpus.left_out.reason[0]
    assert reason.startswith("the compressed file is cut short or damaged")
    assert reason.endswith(f"the {len(corpus)} documents before it are kept")
    assert list(corpus.texts()) == [f"rad {n}" for n in range(len(corpus))]


def test_a_gzip_file_cut_short_is_no_document(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"rad\n" * 10_000)[:-6])
    with pytest.raises(CorpusError, match="the compressed file is cut short or damaged"):
        read_text(path)


@pytest.mark.parametrize("per", ["file", "paragraph", "line"])
def test_a_file_of_blank_lines_is_refused(tmp_path, per):
    path = tmp_path / "a.txt"
    path.write_text("\n \n\t\n")
    with pytest.raises(
        CorpusError, match=r"a\.txt: (the file holds nothing but blank|the text is)"
    ):
        read_text(path, per=per)


def test_an_unknown_unit_is_refused(pages):
    with pytest.raises(CorpusError) as caught:
        read_text(pages, per="page")
    assert str(caught.value) == "per is 'page'. One of file, paragraph, line was expected."


def test_a_column_for_all_rows_cannot_be_the_id(pages):
    with pytest.raises(CorpusError, match="'id' cannot be the same for all rows"):
        read_text(pages / "a.txt", columns={"id": "x"})


def test_a_large_sheet_goes_to_disk_and_comes_back_whole(tmp_path, home, monkeypatch):
    monkeypatch.setattr("kblib.corpora.sheet.SPILL_CHARACTERS", 1_000)
    path = tmp_path / "a.txt"
    lines = [f"rad {n} " + "ord " * 20 for n in range(100)]
    path.write_text("\n".join(lines))
    corpus = read_text(path, per="line")
    assert list((home / "corpora").glob(".reading-*/*.parquet"))
    assert list(corpus.texts()) == lines
    part = corpus.filter(line=[1, 100])
    del corpus
    assert len(list(part.texts())) == 2
    del part
    assert not list((home / "corpora").glob(".reading-*"))
