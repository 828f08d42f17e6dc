"""Hits as a reference manager reads them."""

from __future__ import annotations

import json

import pytest

from kblib.corpora import Corpus
from kblib.ngrams.concordance import concordance
from kblib.ngrams.references import write_csl_json, write_ris


@pytest.fixture
def found():
    corpus = Corpus.from_texts(
        ["Nu går\nsolen upp.", "Och solen ned."],
        title=["SF769C", "SF770"],
        date=["1935-04", ""],
        film=["SF769", "SF770"],
        kind="newsreel",
        source="Journal Digital",
        licence="CC-BY-NC-4.0",
        medium="speech",
        start_s=[83.4, 5.0],
        end_s=[85.0, 7.0],
    )
    return concordance(corpus, "solen")


def test_csl_json_holds_every_hit_with_its_place(found, tmp_path):
    items = json.loads(write_csl_json(found, tmp_path / "hits.json").read_text("utf-8"))
    assert len({item["id"] for item in items}) == found.n == 2
    assert items[0]["type"] == "motion_picture"
    assert items[0]["issued"] == {"date-parts": [[1935, 4]]}
    assert items[0]["abstract"] == "Nu går [solen] upp."
    assert items[0]["note"] == (
        "film: SF769; medium: speech; time: 00:01:23-00:01:25; licence: CC-BY-NC-4.0"
    )
    assert "issued" not in items[1]


def test_ris_holds_every_hit_a_tag_a_line(found, tmp_path):
    text = write_ris(found, tmp_path / "hits.ris").read_bytes().decode()
    records = text.split("ER  - \r\n")[:-1]
    assert len(records) == 2
    fields = dict(line.split("  - ", 1) for line in records[0].split("\r\n") if line)
    assert (fields["TY"], fields["PY"], fields["TI"]) == ("VIDEO", "1935", "SF769C")
    assert fields["AB"] == "Nu går [solen] upp."


def test_ris_has_the_day_where_it_is_known(tmp_path):
    corpus = Corpus.from_texts(["sol", "sol"], date=["1935-04-09", "1935-04"])
    text = write_ris(concordance(corpus, "sol"), tmp_path / "hits.ris").read_text("utf-8")
    assert [line for line in text.splitlines() if line.startswith("DA")] == ["DA  - 1935/04/09/"]


def test_no_hits_are_an_empty_list(tmp_path):
    none = concordance(Corpus.from_texts(["sol"]), "regn", absent="zero")
    assert json.loads(write_csl_json(none, tmp_path / "none.json").read_text("utf-8")) == []
    assert write_ris(none, tmp_path / "none.ris").read_bytes() == b""
