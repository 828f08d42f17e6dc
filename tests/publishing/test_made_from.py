"""What recipes say that a model was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kblib.corpora import Corpus
from kblib.models.catalog import find_model
from kblib.models.told import told_model
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


def test_model_with_more_pieces_is_its_parent_and_the_texts(open_texts: Corpus) -> None:
    parent = {"name": "KB/bert-base-swedish-cased", "fingerprint": "a" * 64}
    model, texts = sources_of({"extended_from": parent, "corpus": said(open_texts)}, [open_texts])
    assert (model.what, model.name, texts.name) == ("model", parent["name"], "weather")


def test_base_that_no_catalog_knows_is_what_it_was_made_from_itself(open_texts: Corpus) -> None:
    inner = {"job": {"corpus": said(open_texts), "continue_from": {"name": "a", "recipe": {}}}}
    base = {"name": "mine", "fingerprint": "b" * 64, "recipe": inner}
    found = sources_of({"made_from": {"base": base}}, [open_texts])
    assert [(one.what, one.name) for one in found] == [("texts", "weather"), ("model", "a")]
    assert found[1].stated is None


def test_base_that_is_named_like_one_of_the_catalog_and_is_another_is_not_known() -> None:
    base = {"name": "kb-mini-masked", "fingerprint": "b" * 64, "recipe": {}}
    (model,) = sources_of({"made_from": {"base": base}})
    assert (model.name, model.stated) == ("kb-mini-masked", None)
    told = told_model(find_model("kb-mini-masked"))
    (same,) = sources_of({"base": {**told, "licence": None}})
    assert same.stated is not None
    assert same.stated[0]["licence"] == told["licence"] == "CC-BY-NC-4.0"


def test_labels_come_with_the_texts_they_were_given_to(open_texts: Corpus) -> None:
    own = [{"licence": "CC0-1.0", "rights": "", "documents": 2}]
    told = {"name": "sky", "fingerprint": "c" * 64, "rights": own, "texts": said(open_texts)}
    labels, texts = sources_of({"made_from": {"labels": told}}, [open_texts])
    assert (labels.what, labels.stated) == ("labels", tuple(own))
    assert (texts.what, texts.fingerprint) == ("texts", open_texts.fingerprint)


@pytest.mark.parametrize(
    ("rights", "names"), [("InC", ["kb-mini-masked", "weather"]), ("CC0-1.0", ["kb-mini-masked"])]
)
def test_stricter_terms_of_what_a_base_read_count_beside_its_licence(
    rights: str, names: list[str], open_texts: Corpus
) -> None:
    """A folder of one's own may be called as a model of the catalog is."""
    read = {**said(open_texts), "rights": [{"licence": "", "rights": rights, "documents": 2}]}
    base = {**told_model(find_model("kb-mini-masked")), "recipe": {"job": {"corpus": read}}}
    assert [one.name for one in sources_of({"made_from": {"base": base}})] == names
