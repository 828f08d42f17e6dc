from __future__ import annotations

import re

import pytest

from kblib.corpora import read_subtitles
from kblib.errors import CorpusError

SRT = """\ufeff1
00:00:01,000 --> 00:00:02,500
<i>Hej</i>
på dig!

2
00:01:03,040 --> 00:01:04,000
{\\an8}- Ja.

"""
VTT = """WEBVTT - nyheter

NOTE
inte en text

STYLE
::cue { color: red }

00:01.000 --> 00:02.500 align:start position:10%
<v Anna>Hej <00:01.500>du

sju
01:00:03.000 --> 01:00:04.000
- Ja
"""


@pytest.fixture
def written(tmp_path):
    def write(content, name="a.srt"):
        path = tmp_path / name
        path.write_text(content)
        return path

    return write


def naive_cues(text):
    """Read SRT another way: one regular expression over the whole file."""
    pattern = r"(\d+):(\d+):(\d+),(\d+) --> (\d+):(\d+):(\d+),(\d+)\n(.+?)(?=\n\n|\n*\Z)"
    for found in re.findall(pattern, text.replace("\r", ""), flags=re.DOTALL):
        h1, m1, s1, t1, h2, m2, s2, t2 = map(int, found[:8])
        start, end = h1 * 3600 + m1 * 60 + s1 + t1 / 1000, h2 * 3600 + m2 * 60 + s2 + t2 / 1000
        yield round(start, 3), round(end, 3), found[8].replace("\n", " ")


def found_cues(corpus):
    return [(one.origin["start_s"], one.origin["end_s"], one.text) for one in corpus]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_srt_equals_a_parser_of_one_regular_expression(tmp_path, end):
    path = tmp_path / "a.srt"
    path.write_bytes(SRT.replace("\n", end).encode())
    assert found_cues(read_subtitles(path, strip_tags=False)) == list(naive_cues(SRT))


def test_tags_are_taken_out(written):
    assert list(read_subtitles(written(SRT)).texts()) == ["Hej på dig!", "- Ja."]


def test_signs_that_are_no_tags_stay(written):
    text = "a < b > c <3 <hej> [musik]"
    path = written(f"1\n00:00:01,000 --> 00:00:02,000\n{text}\n")
    assert list(read_subtitles(path).texts()) == [text]


def test_vtt_is_read_without_notes_styles_and_settings(written):
    corpus = read_subtitles(written(VTT, "a.vtt"))
    assert found_cues(corpus) == [(1.0, 2.5, "Hej du"), (3603.0, 3604.0, "- Ja")]
    assert [one.origin["line"] for one in corpus] == [9, 12]


def test_a_file_can_be_a_document(written):
    corpus = read_subtitles(written(SRT), per="file")
    assert found_cues(corpus) == [(1.0, 64.0, "Hej på dig!\n- Ja.")]
    assert corpus[0].id == "a.srt"


def test_ids_are_unique_where_numbers_are_not(written):
    path = written(SRT.replace("\n2\n", "\n1\n"))
    assert [one.id for one in read_subtitles(path)] == ["a.srt#1", "a.srt#2"]


FAULTY = {
    "2\n00:00:03,000 -> x\nfel": (7, "times that cannot be read: '00:00:03,000 -> x'"),
    "2\n00:00:05,000 --> 00:00:04,000\nbak": (
        7,
        "a cue that ends before it begins: '00:00:05,000 --> 00:00:04,000'",
    ),
    "2\n00:00:07,000 --> 00:00:08,000": (7, "a cue without text; the file may have been cut short"),
    "2": (6, "a block without times: '2'"),
    "2\n00:00:07,000 --> 00:0": (7, "times that cannot be read: '00:00:07,000 --> 00:0'"),
}


@pytest.mark.parametrize("block", FAULTY)
def test_a_faulty_cue_is_left_out_and_listed(written, block):
    first, last = SRT.strip("\n\ufeff").split("\n\n")
    path = written(f"{first}\n\n{block}\n\n{last}\n")
    corpus = read_subtitles(path, on_error="collect")
    line, reason = FAULTY[block]
    assert len(corpus) == 2
    assert corpus.left_out[["line", "reason"]].to_numpy().tolist() == [[line, reason]]
    with pytest.raises(CorpusError) as caught:
        read_subtitles(path)
    assert str(caught.value) == (
        f"{path}, line {line}: {reason}. A cue is a number, a line "
        "'00:00:01,000 --> 00:00:02,500', and its text.\n"
        "  To go on and list what is left out: on_error='collect'."
    )


def test_a_file_without_cues_is_refused(written):
    with pytest.raises(CorpusError, match="the file has no cue that can be used"):
        read_subtitles(written("WEBVTT\n\nNOTE tom\n", "a.vtt"))


def test_a_cue_with_a_line_in_another_encoding_is_left_out(tmp_path):
    path = tmp_path / "a.srt"
    path.write_bytes(SRT.encode().replace("på".encode(), "på".encode("latin-1")))
    corpus = read_subtitles(path, on_error="collect")
    assert list(corpus.texts()) == ["- Ja."]
    assert corpus.left_out.line.tolist() == [4]
