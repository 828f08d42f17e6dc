"""The benchmark of batch inference: its texts, its ratio, and that answers are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from benchmarks.batch import Case, Turn, best_ratio, difference, mixed_texts, take_turns
from benchmarks.outcome import BenchmarkError
from kblib.models.catalog import find_model
from kblib.tokens.subwords import Tokenizer


def _lengths(texts: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame({"score": [len(text) / 100 for text in texts]})


def _read(given: Any) -> list[dict[str, float]]:
    scores = given["score"] if isinstance(given, pl.DataFrame) else given
    return [{"length": score} for score in scores]


CASE = Case("lengths", "labels", _lengths, lambda texts, _: [len(t) / 100 for t in texts], _read)


def test_ratio_is_to_the_best_batch_size_by_medians() -> None:
    walls = {0: (1.0, 2.0, 9.0), 1: (8.0, 8.0, 8.0), 8: (5.0, 6.0, 7.0), 32: (6.5, 7.0, 7.5)}
    assert best_ratio({peer: Turn(wall, wall) for peer, wall in walls.items()}) == 3.0


def test_every_peer_has_its_turn_in_each_round() -> None:
    asked: list[int] = []
    case = replace(CASE, theirs=lambda _, size: asked.append(size))
    turns = take_turns(case, ["sol"], rounds=2)
    assert asked == [1, 8, 32] * 2
    assert {peer: len(turn.wall_s) for peer, turn in turns.items()} == {0: 2, 1: 2, 8: 2, 32: 2}


def test_other_answers_are_no_comparison() -> None:
    assert difference(CASE, ["sol", "regn"]) == 0
    near = replace(CASE, theirs=lambda texts, _: [len(text) / 100 + 5e-4 for text in texts])
    assert difference(near, ["sol"]) == pytest.approx(5e-4)
    far = replace(CASE, theirs=lambda texts, _: [len(text) / 100 + 0.1 for text in texts])
    with pytest.raises(BenchmarkError, match=r"lengths: scores differ by 0\.1; 0\.001 is allowed"):
        difference(far, ["sol"])


def test_texts_are_different_and_short_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"Kungen besökte stad {n} {'och Stockholm ' * (n % 5)}" for n in range(60)]
    sample = type("Sample", (), {"texts": lambda _: iter(lines)})
    monkeypatch.setattr("benchmarks.batch.load_sample", lambda _: sample())
    tokenizer = Tokenizer.open(find_model("kb-mini-masked"))
    texts = mixed_texts(tokenizer, 20, blank=True)
    assert len(set(texts)) == 20
    assert all(text.count("[MASK]") == 1 for text in texts)
    assert max(len(ids) for ids in tokenizer.encode_batch(texts, special=False)) <= 120
