"""What recipes say that a model was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kblib.corpora import Corpus
from kblib.publishing.made_from import sources_of


@pytest.fixture
def open_texts(tmp_home: Path) -> Corpus:
    return Corpus.from_texts(["sol", "regn"], name="weather", licence="CC0-1.0")


def said(corpus: Corpus) -> dict[str, Any]:
    return {"name": corpus.name, "fingerprint": corpus.fingerprint}


def test_texts_that_nobody_has_are_not_known(open_texts: Corpus) -> None:
    (source,) = sources_of({"job": {"corpus": said(open_texts)}})
    assert (source.what, source.name, source.stated) == ("texts", "weather", None)


def test_texts_are_found_among_those_that_are_given(open_texts: Corpus) -> None:
    (source,) = sources_of({"job": {"corpus": said(open_texts)}}, [open_texts])
    assert source.stated == ({"licence": "CC0-1.0", "rights": "", "documents": 2},)


def test_texts_are_found_among_those_that_are_saved(open_texts: Corpus) -> None:
    saved = open_texts.save()
    (source,) = sources_of({"corpus": said(saved)})
    assert source.stated == ({"licence": "CC0-1.0", "rights": "", "documents": 2},)


def test_recipe_may_tell_the_rights_itself(open_texts: Corpus) -> None:
    told = [{"licence": "CC-BY-4.0", "rights": "", "documents": 9}]
    (source,) = sources_of({"job": {"corpus": {**said(open_texts), "rights": told}}})
    assert source.stated == tuple(told)


def test_texts_of_a_mixture_count_and_those_that_are_only_scored_do_not(open_texts: Corpus) -> None:
    old = {"name": "old", "fingerprint": "a" * 64}
    recipe = {
        "job": {
            "corpus": said(open_texts),
            "mixture": [{"name": "replay", "share": 0.1, "corpus": old}],
            "monitor": {"web": {"name": "web", "fingerprint": "b" * 64}},
        }
    }
    assert [source.name for source in sources_of(recipe)] == ["weather", "old"]


def test_model_to_go_on_from_counts(open_texts: Corpus) -> None:
    origin = {"name": "KB/bert-base-swedish-cased", "folder": None, "fingerprint": None}
    recipe = {"job": {"corpus": said(open_texts), "continue_from": origin}}
    _, model = sources_of(recipe, [open_texts])
    assert (model.what, model.name) == ("model", "KB/bert-base-swedish-cased")
    assert model.stated is not None
    assert model.stated[0]["licence"] == "none stated on the card"


def test_model_that_no_catalog_knows_is_not_known() -> None:
    (model,) = sources_of({"recipe": {"base": "somebody/some-model"}})
    assert (model.name, model.stated) == ("somebody/some-model", None)
