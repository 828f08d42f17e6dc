from __future__ import annotations

import json

import pytest

from kblib.corpora import read_jsonl
from kblib.errors import CorpusError

FAULTY = {
    '{"id": "a", "text": "igen"}': "the id 'a' stands twice, first in PATH, line 1",
    "[1]": "a JSON list",
    '{"text": 3}': "the text is 3",
    '{"text": " "}': "the text is empty",
    '{"body": "x"}': "no field 'text'; its fields: body",
    '{"text": "x", "year": "okänt"}': "the year is 'okänt'",
    '{"text": "x", "text": "y"}': "the field 'text' stands twice",
    '{"text": "\\ud800"}': "half of a character in 'text'",
    '{"id": "", "text": 1e999}': "the text is inf",
    "[" * 100_000: "JSON nested too deeply",
    '{"text": "avkort': "not JSON: Unterminated string starting at at character 10 of 16",
}


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "a.jsonl"

    def write(*records):
        texts = [one if isinstance(one, str) else json.dumps(one) for one in records]
        path.write_text("\n".join(texts))
        return path

    return write


def test_every_field_is_kept(lines):
    corpus = read_jsonl(
        lines(
            {"id": "a", "text": "ett", "date": "1931-05-01", "n": 1, "tags": ["x"]},
            {"id": 7, "text": "två", "n": 2.5, "title": 1984},
        )
    )
    assert [one.id for one in corpus] == ["a", "7"]
    assert [one.year for one in corpus] == [1931, None]
    assert corpus[1].title == "1984"
    assert corpus.table.n.tolist() == [1.0, 2.5]
    assert corpus[0].origin["tags"] == '["x"]'


def test_fields_can_be_named_and_hide_none(lines):
    record = {"nr": "x", "body": "ett", "text": "annat", "id": "y"}
    document = read_jsonl(lines(record), text="body", id="nr")[0]
    assert (document.id, document.text) == ("x", "ett")
    assert document.origin == {"original_text": "annat", "original_id": "y"}


def test_a_line_without_id_is_named_by_file_and_number(lines):
    corpus = read_jsonl(lines({"text": "ett"}, "", {"text": "två"}))
    assert corpus.table.id.tolist() == ["a.jsonl#1", "a.jsonl#3"]


def test_faulty_lines_are_listed_and_the_others_read(lines):
    path = lines({"id": "a", "text": "ett"}, *FAULTY, {"text": "sist"})
    corpus = read_jsonl(path, on_error="collect")
    assert list(corpus.texts()) == ["ett", "sist"]
    assert corpus.left_out.line.tolist() == list(range(2, 2 + len(FAULTY)))
    expected = [reason.replace("PATH", str(path)) for reason in FAULTY.values()]
    assert corpus.left_out.reason.tolist() == expected


@pytest.mark.parametrize("line", FAULTY)
def test_the_first_faulty_line_is_raised(lines, line):
    path = lines({"id": "a", "text": "ett"}, line, {"text": "sist"})
    with pytest.raises(CorpusError) as caught:
        read_jsonl(path)
    reason = FAULTY[line].replace("PATH", str(path))
    assert str(caught.value).startswith(f"{path}, line 2: {reason}.")


def test_a_wrong_field_name_shows_those_there_are(lines):
    path = lines({"nr": 1, "body": "ett"})
    with pytest.raises(CorpusError) as caught:
        read_jsonl(path)
    assert str(caught.value) == (
        f"{path}, line 1: no field 'text'; its fields: nr, body. "
        "Name them with text='...', id='...'.\n"
        "  To go on and list what is left out: on_error='collect'."
    )


def test_types_that_differ_between_pieces_are_kept_as_text(lines, home, monkeypatch):
    monkeypatch.setattr("kblib.corpora.sheet.SPILL_CHARACTERS", 2)
    corpus = read_jsonl(lines({"text": "ett", "n": 1}, {"text": "två", "n": "b"}, {"text": "tre"}))
    assert corpus.frame().collect()["n"].to_list() == ["1", "b", None]
