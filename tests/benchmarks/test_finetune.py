"""The benchmark of finetuning: what is averaged, what is chosen, and that films are kept apart."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks import finetune
from benchmarks.finetune_cells import METHODS, Answered, stored_bytes
from kblib.evaluation import matrices as m
from kblib.labels.parts import Parts
from kblib.tasks.asked import example_labels
from tests.tasks.made_cues import made_cues

metrics = pytest.importorskip("sklearn.metrics")


@pytest.fixture(scope="module")
def parts() -> Parts:
    labels = example_labels("sentences", corpus=made_cues(), texts=80)
    return labels.split(test=0.4, valid=0.2, seed=2)


def test_mean_over_seeds_has_an_interval_from_the_same_films() -> None:
    draw = np.random.default_rng(1)
    so = draw.choice(["speech", "intertitle"], 200).tolist()
    units = [str(n // 5) for n in range(200)]
    answers = [
        Answered(so, np.where(draw.random(200) < 0.8, so, "speech").tolist(), 10) for _ in range(3)
    ]
    mean, low, high, spread = finetune._over_seeds(answers, units, m.macro_f1)
    each = [metrics.f1_score(one.so, one.said, average="macro") for one in answers]
    assert mean == pytest.approx(np.mean(each))
    assert spread == pytest.approx(np.std(each, ddof=1))
    assert low < mean < high


@pytest.mark.parametrize(("best", "tried"), [(2e-4, 3), (2e-5, 5), (1.8e-3, 5)])
def test_rate_is_chosen_on_validation_films_with_worse_ones_on_both_sides(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, best: float, tried: int
) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_HOME", str(tmp_path))
    asked: list[float] = []

    def tuned(given: Parts, method: str, rate: float, *, quick: bool) -> float:
        asked.append(rate)
        return -abs(math.log(rate / best))

    monkeypatch.setattr(finetune, "tuned", tuned)
    cells = [finetune._Cells(parts, quick=False) for _ in range(2)]
    for one in cells:  # the second finds all on disk
        assert one.best_rate("full") == pytest.approx(best)
    assert len(asked) == tried
    assert cells[0].tried["full"] == sorted(asked)
    assert min(asked) < best < max(asked)


def test_best_rate_at_the_end_of_what_was_tried_is_told(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_HOME", str(tmp_path))
    monkeypatch.setattr(finetune, "tuned", lambda _parts, _method, rate, *, quick: rate)
    cells = finetune._Cells(parts, quick=False)
    assert cells.best_rate("probe") == cells.tried["probe"][-1]
    assert finetune._edges(cells).startswith("of probe the best is at an end of them")
    assert finetune._edges(finetune._Cells(parts, quick=False)) == ""


def test_what_is_stored_is_the_head_its_additions_or_all(parts: Parts) -> None:
    found = {method: stored_bytes(parts, method) for method in METHODS}
    assert found["probe"] < found["lora"] / 10 < found["full"] / 100


@pytest.mark.slow
def test_steps_are_timed_and_the_whole_is_a_table() -> None:
    outcome = finetune.measure(quick=True)
    assert [row[0] for row in outcome.result.rows] == [
        "lora",
        "full",
        "probe",
        "tf-idf",
        "frozen vectors",
        "majority",
    ]
    assert not outcome.missed
    assert all(len(row) == len(outcome.result.columns) for row in outcome.result.rows)


def test_too_few_windows_are_told(parts: Parts) -> None:
    assert finetune._too_few(parts) == (
        f"Missed: {len(parts.test)} test windows; 2,000 were asked.",
    )
