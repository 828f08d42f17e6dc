"""The benchmark of entailment: its examples, its agreement with the pipeline, its bar."""

from __future__ import annotations

import random

import numpy as np
import pytest

from benchmarks.entailment import _missed, _rows
from benchmarks.entailment_models import LABELS, _example, check_spread
from benchmarks.outcome import BenchmarkError
from benchmarks.turns import Turn

PASSAGES = [f"Här är {word}." for word in LABELS] + ["Ingenting."]


def turns(ours: float) -> dict[str, Turn]:
    walls = {"kb.zero_shot": ours, "pipeline, batches of 1": 4.0, "pipeline, batches of 8": 2.0}
    return {who: Turn((wall,), (wall,)) for who, wall in walls.items()}


def test_bar_is_the_best_batch_of_the_pipeline() -> None:
    assert _missed("small", turns(1.0)) == []
    assert _missed("small", turns(1.6)) == [
        "Missed: small is 1.25 times the pipeline's best; 1.3 was the bar."
    ]
    assert _rows("small", turns(1.0), 10, 2e-6)[0] == ["small", "kb.zero_shot", 10.0, 1.0, 2.0,
                                                       "2e-06"]  # fmt: skip


def test_examples_say_whether_the_passage_has_the_word() -> None:
    draw = random.Random(1)
    has = {word: [text for text in PASSAGES if word.lower() in text.lower()] for word in LABELS}
    drawn = [_example(draw, has, PASSAGES) for _ in range(400)]
    for (text, sentence), answer in drawn:
        word = next(one for one in LABELS if sentence == f"Detta exempel handlar om {one}.")
        assert answer in (1, 2 if word.lower() in text.lower() else 0)
    assert {answer for _, answer in drawn} == {0, 1, 2}


def test_answers_that_are_all_alike_are_no_comparison() -> None:
    with pytest.raises(BenchmarkError, match=r"spread by 0\.10"):
        check_spread("small", np.array([0.0, 0.2]), quick=False)
    assert check_spread("small", np.array([0.0, 4.0]), quick=False) == 2.0
