from __future__ import annotations

import gzip
import re

import pytest

from kblib.corpora import read_jsonl, read_subtitles, read_table, read_text
from kblib.corpora.sources import raw_lines
from kblib.errors import CorpusError

READERS = {
    ".txt": read_text,
    ".jsonl": read_jsonl,
    ".csv": read_table,
    ".parquet": read_table,
    ".srt": read_subtitles,
}
COLLECT = "To go on and list what is left out: on_error='collect'."
every_reader = pytest.mark.parametrize("suffix", READERS)
every_line_reader = pytest.mark.parametrize("suffix", [one for one in READERS if one != ".parquet"])


WHOLE = {  # head, row
    ".txt": ("", "rad\n"),
    ".jsonl": ("", '{"text": "rad"}\n'),
    ".csv": ("text\n", "rad\n"),
    ".srt": ("", "1\n00:00:01,000 --> 00:00:02,000\nrad\n\n"),
}


def refused(path, **settings):
    suffix = path.name.removesuffix(".gz")[path.name.index(".") :]
    with pytest.raises(CorpusError) as caught:
        READERS[suffix](path, **settings)
    return str(caught.value)


@every_reader
def test_an_empty_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.touch()
    assert refused(path) == (
        f"{path}: the file is empty. Get it again from where it came from, or take it away.\n"
        f"  {COLLECT}"
    )


@every_reader
def test_a_missing_file_of_a_list_is_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with pytest.raises(CorpusError) as caught:
        READERS[suffix]([path])
    assert str(caught.value) == (f"{path}: there is no such file. Look in {tmp_path}.\n  {COLLECT}")


@every_reader
def test_a_folder_where_a_file_belongs_is_refused(tmp_path, suffix):
    (tmp_path / f"a{suffix}").mkdir()
    with pytest.raises(CorpusError) as caught:
        READERS[suffix](f"{tmp_path}/*{suffix}")
    assert str(caught.value) == (
        f"{tmp_path}/a{suffix}: a folder stands where a file was expected. Name the files in it.\n"
        f"  {COLLECT}"
    )


@every_line_reader
def test_a_file_in_latin_1_is_refused_with_line_and_byte(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes("härlig\n".encode("latin-1"))
    assert refused(path) == (
        f"{path}, line 1: not utf-8: byte 0xe4 at character 2. "
        f"If the file is in another encoding, pass it: encoding='latin-1'.\n  {COLLECT}"
    )


@every_line_reader
def test_a_file_in_utf_16_names_its_encoding(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_text("hej", encoding="utf-16")
    assert refused(path) == (
        f"{path}, line 1: the file begins with the mark of utf-16. Pass encoding='utf-16'.\n"
        f"  {COLLECT}"
    )


@every_line_reader
def test_an_encoding_that_does_not_exist_is_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_text("hej")
    assert refused(path, encoding="utf-99") == (
        "There is no encoding 'utf-99'. "
        "Known are utf-8, utf-16, latin-1, cp1252, cp850 and many more."
    )


@every_line_reader
def test_a_binary_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"PK\x03\x04\x00\x00\n")
    assert "line 1: NUL bytes; this is not a text file" in refused(path)


@every_line_reader
def test_a_gzip_file_cut_short_is_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}.gz"
    head, row = WHOLE[suffix]
    whole = gzip.compress((head + row * 1_000).encode())
    path.write_bytes(whole[:-6])
    assert re.search(
        rf"{path}, line \d+: the compressed file is cut short or damaged", refused(path)
    )


@every_line_reader
def test_a_file_called_gz_that_is_none_is_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}.gz"
    path.write_text("hej")
    assert "line 1: the compressed file is cut short or damaged (Not a gzipped file" in refused(
        path
    )


@every_reader
def test_an_unknown_on_error_is_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.touch()
    assert refused(path, on_error="ignore") == (
        "on_error is 'ignore'. 'raise' or 'collect' was expected."
    )


@every_reader
def test_nothing_usable_is_an_error_even_when_collecting(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.touch()
    assert refused(path, on_error="collect") == (
        f"Nothing in {path} could be used; faults: 1. The first: {path}: the file is empty.\n"
        "  Get it again from where it came from, or take it away."
    )


LONG_LINE = """
import resource, sys
from kblib.corpora import read_jsonl, read_subtitles, read_table, read_text
reader, path = locals()[sys.argv[1]], sys.argv[2]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    reader(path)
except ValueError as error:
    more_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(round(more_mib), str(error).splitlines()[0])
"""


@every_line_reader
def test_a_line_of_200_mb_is_refused_without_being_held(tmp_path, fresh_python, suffix):
    path = tmp_path / f"a{suffix}"
    with open(path, "wb") as file:
        file.truncate(200_000_000)  # sparse: takes no room on the disk
    more_mib, said = fresh_python(LONG_LINE, READERS[suffix].__name__, path).split(" ", 1)
    assert said == (
        f"{path}, line 1: the line is longer than max_line_mib=16 MiB"
        f"{'; what follows it is not read' if suffix == '.csv' else ''}. Text with line ends was "
        "expected: divide it into lines, or pass a larger max_line_mib."
    )
    assert int(more_mib) < 60


def test_lines_after_one_too_long_are_read(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\n" + b"x" * 3_000_000 + b"\nthree\n" + b"y" * 3_000_000)
    lines = list(raw_lines(path, max_line_mib=1))
    assert [(line.number, line.text, line.fault is None) for line in lines] == [
        (1, "one", True),
        (2, "", False),
        (3, "three", True),
        (4, "", False),
    ]


def test_a_line_as_long_as_the_limit_is_read(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * (1 << 20))
    assert [len(line.text) for line in raw_lines(path, max_line_mib=1)] == [1 << 20]


def test_marks_and_line_ends_are_not_text(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\n\nfour")
    assert [line.text for line in raw_lines(path)] == ["one", "two", "", "four"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_wide_encodings_are_read_in_lines(tmp_path, encoding):
    path = tmp_path / "a.txt"
    path.write_text("häst\nö\n", encoding=encoding)
    lines = list(raw_lines(path, encoding=encoding))
    assert [(line.number, line.text) for line in lines] == [(1, "häst"), (2, "ö")]
