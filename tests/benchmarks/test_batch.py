"""The benchmark of batch inference: its texts, its ratio, and that answers are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from benchmarks.batch import _missed, _ratio, difference, mixed_texts
from benchmarks.batch_cases import Case
from benchmarks.outcome import BenchmarkError
from benchmarks.turns import Turn, best, take_turns
from kblib.models.catalog import find_model
from kblib.tokens.subwords import Tokenizer


def _lengths(texts: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame({"score": [len(text) / 100 for text in texts]})


def _read(given: Any) -> list[dict[str, float]]:
    scores = given["score"] if isinstance(given, pl.DataFrame) else given
    return [{"length": score} for score in scores]


def _case(extra: float = 0.0) -> Case:
    peers = {
        "kb.BatchPredict": _lengths,
        "pipeline, batches of 1": lambda texts: [len(text) / 100 + extra for text in texts],
    }
    bars = (("kb.BatchPredict", "pipeline", 2.0),)
    return Case("lengths", peers, bars, _read, exact={"kb.BatchPredict": "pipeline, batches of 1"})


WALLS = {
    "kb.BatchPredict": (1.0, 2.0, 9.0),
    "pipeline, batches of 1": (8.0, 8.0, 8.0),
    "pipeline, batches of 8": (5.0, 6.0, 7.0),
    "sentence-transformers, batches of 8": (1.0, 1.5, 9.0),
}
TURNS = {peer: Turn(wall, wall) for peer, wall in WALLS.items()}


def test_ratio_is_to_the_best_batch_size_by_medians() -> None:
    assert best(TURNS, "pipeline") == 6.0
    assert _ratio(TURNS, "kb.BatchPredict", "pipeline") == 3.0
    assert _ratio(TURNS, "kb.BatchPredict", "sentence-transformers") == 0.75
    assert _ratio(TURNS, "kb.BatchPredict", "onnx") is None


def test_missed_bar_is_told() -> None:
    assert list(_missed(_case(), TURNS)) == []
    slower = replace(_case(), bars=(("kb.BatchPredict", "pipeline", 3.5),))
    assert list(_missed(slower, TURNS)) == [
        "Missed: lengths, kb.BatchPredict is 3.00 times the best of pipeline; 3.5 was the aim."
    ]


def test_every_peer_has_its_turn_in_each_round() -> None:
    asked: list[str] = []
    turns = take_turns({name: lambda name=name: asked.append(name) for name in "abc"}, rounds=2)
    assert asked == list("abccba")
    assert {peer: len(turn.wall_s) for peer, turn in turns.items()} == {"a": 2, "b": 2, "c": 2}


def test_other_answers_are_no_comparison() -> None:
    assert difference(_case(), ["sol", "regn"]) == {"kb.BatchPredict": 0}
    near = difference(_case(5e-4), ["sol"])
    assert near == {"kb.BatchPredict": pytest.approx(5e-4)}
    with pytest.raises(BenchmarkError, match=r"lengths: numbers differ by 0\.1; 0\.001 is allowed"):
        difference(_case(0.1), ["sol"])


def test_texts_are_different_and_short_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"Kungen besökte stad {n} {'och Stockholm ' * (n % 5)}" for n in range(60)]
    sample = type("Sample", (), {"texts": lambda _: iter(lines)})
    monkeypatch.setattr("benchmarks.batch.load_sample", lambda _: sample())
    tokenizer = Tokenizer.open(find_model("kb-mini-masked"))
    texts = mixed_texts(tokenizer, 20, blank=True)
    assert len(set(texts)) == 20
    assert all(text.count("[MASK]") == 1 for text in texts)
    assert max(len(ids) for ids in tokenizer.encode_batch(texts, special=False)) <= 120
