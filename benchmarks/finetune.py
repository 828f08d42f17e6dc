"""Finetuning with LoRA, of everything, and of the head alone, beside tf-idf on the same films.

Spoken or shown: windows of twenty words without capitals or marks. Each method's learning rate is
chosen on the validation films; each is then trained from five seeds and asked about the test films
once. Cells are kept on disk, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median
from typing import Any

import numpy as np

from benchmarks import finetune_cells
from benchmarks.finetune_cells import (
    METHODS,
    MODEL,
    RATES,
    Answered,
    Step,
    peak_mib,
    step_seconds,
    stored_bytes,
    tested,
    tuned,
)
from benchmarks.finetune_data import parts_of
from benchmarks.kept_parts import forget, kept
from benchmarks.outcome import Outcome, measured
from benchmarks.tables import Cell
from kblib.baselines import linear as baseline_linear
from kblib.evaluation import matrices as m
from kblib.evaluation.baselines import baselines
from kblib.evaluation.scores import RESAMPLES, SEED
from kblib.finetuning import training
from kblib.labels.parts import Parts
from kblib.tasks import material as task_material
from kblib.tasks import passages
from kblib.tasks import windows as task_windows

SEEDS = (1, 2, 3, 4, 5)
LEAST_TESTED = 2_000
BASELINES = ("tf-idf", "frozen vectors", "majority")
STEP = 3.0
MOST_LONGER = 4
CODE = (finetune_cells, baseline_linear, passages, task_material, task_windows, training)


def measure(*, quick: bool = False) -> Outcome:
    """Tune, train, ask and weigh each method; no bar: the truth is the table."""
    parts = parts_of(quick=quick)
    cells = _Cells(parts, quick=quick)
    rates = {method: cells.best_rate(method) for method in METHODS}
    seeds = SEEDS[:1] if quick else SEEDS
    answers = {one: [cells.answered(one, rates[one], seed) for seed in seeds] for one in METHODS}
    answers |= {name: [answer] for name, answer in cells.counted().items()}
    steps = cells.steps()
    rows = [_row(name, answers[name], rates, cells, steps) for name in (*METHODS, *BASELINES)]
    result = measured(
        "finetune",
        "Finetuning a small model: spoken or shown",
        ["method", "macro F1, %", "accuracy, %", "seeds apart", "learning rate",
         "trained numbers", "stored, kB", "peak, MiB", "a step, ms"],
        rows,
        f"{_verdict(answers, parts)} {_saved(cells, steps)} {_note(cells, seeds)}",
        ["torch", "transformers", "peft", "scikit-learn"],
    )  # fmt: skip
    missed = _too_few(parts) if not quick else ()
    if not quick:
        forget("finetune")
    return Outcome(result, missed)


class _Cells:
    """What is measured, each cell kept as it ends."""

    def __init__(self, parts: Parts, *, quick: bool) -> None:
        self.parts, self.quick = parts, quick
        self.tried: dict[str, list[float]] = {}
        self.at_edge: list[str] = []
        self.about = {
            "fingerprint": parts.test.provenance["fingerprint"],
            "texts": [len(part) for part in parts],
            "quick": quick,
        }

    def best_rate(self, method: str) -> float:
        """Return the rate that is best on the validation films, with worse ones on both sides.

        Where the best is at an end of the grid, the grid is made longer there, a few times; if the
        best is still at its end then, `at_edge` names the method, and the table says so.
        """
        scores = {rate: self._tuned(method, rate) for rate in RATES[method]}
        for _ in range(MOST_LONGER):
            best = max(scores, key=lambda rate: scores[rate])
            if self.quick or min(scores) < best < max(scores):
                break
            further = best / STEP if best == min(scores) else best * STEP
            scores[further] = self._tuned(method, further)
        self.tried[method] = sorted(scores)
        found = max(scores, key=lambda rate: scores[rate])
        if found in (min(scores), max(scores)):
            self.at_edge.append(method)
        return found

    def _tuned(self, method: str, rate: float) -> float:
        name = f"tune-{method}-{rate:g}"
        return float(self._kept(name, tuned, method, rate, quick=self.quick))

    def answered(self, method: str, rate: float, seed: int) -> Answered:
        """Return what a training said of the test films."""
        return Answered(
            **self._kept(
                f"test-{method}-{rate:g}-{seed}", tested, method, rate, seed, quick=self.quick
            )
        )

    def counted(self) -> dict[str, Answered]:
        """Return what the baselines said of the test films."""
        found = baselines(self.parts, only=BASELINES)
        so = self.parts.test.rows["label"].to_list()
        return {
            name: Answered(so, said["label"].to_list(), 0)
            for name, said in found.predictions.items()
        }

    def steps(self) -> dict[str, list[float]]:
        """Return seconds a step of each method, taken in turns."""
        found: dict[str, list[float]] = self._kept("steps", step_seconds, quick=self.quick)
        return found

    def stored(self, method: str) -> int:
        """Return the bytes of the weights that a method stores."""
        return int(self._kept(f"stored-{method}", stored_bytes, method))

    def peak(self, method: str) -> float:
        """Return the peak memory of a process that finetunes a few steps."""
        return float(self._kept(f"peak-{method}", peak_mib, method))

    def _kept(self, name: str, work: Step, *asked: Any, **how: Any) -> Any:
        about = {**self.about, "cell": name}
        print(f"finetune: {name}", flush=True)
        return kept(
            name,
            about,
            lambda: work(self.parts, *asked, **how),
            benchmark="finetune",
            code=CODE,
        )


def _row(
    name: str,
    answers: Sequence[Answered],
    rates: dict[str, float],
    cells: _Cells,
    steps: dict[str, list[float]],
) -> list[Cell]:
    units = cells.parts.test.rows["film"].to_list()
    f1, right = (_over_seeds(answers, units, read) for read in (m.macro_f1, m.accuracy))
    apart = "" if len(answers) < 2 else f"{100 * f1[3]:.1f}"
    row: list[Cell] = [name, _percent(f1), _percent(right), apart]
    if name not in rates:
        return [*row, "", "", "", round(cells.peak(name)), ""]
    return [
        *row,
        f"{rates[name]:g}",
        f"{answers[0].trained:,}",
        f"{cells.stored(name) / 1_000:,.0f}",
        round(cells.peak(name)),
        f"{1_000 * median(steps[name]):.0f}",
    ]


def _over_seeds(
    answers: Sequence[Answered], units: Sequence[str], read: Any
) -> tuple[float, float, float, float]:
    """Return the mean over seeds, its interval when films are drawn anew, and the seeds' spread."""
    names = sorted({*answers[0].so, *(one for answer in answers for one in answer.said)})
    counted = [m.matrices(answer.so, answer.said, units, names) for answer in answers]
    each = [float(read(one.whole)) for one in counted]
    # The draws are the same for all seeds: they depend on the number of films alone.
    drawn = np.mean([read(one.resampled(RESAMPLES, SEED)) for one in counted], axis=0)
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return (
        fmean(each),
        float(low),
        float(high),
        float(np.std(each, ddof=1)) if len(each) > 1 else 0.0,
    )


def _percent(found: tuple[float, float, float, float]) -> str:
    return f"{100 * found[0]:.1f} ({100 * found[1]:.1f} to {100 * found[2]:.1f})"


def _verdict(answers: dict[str, list[Answered]], parts: Parts) -> str:
    units = parts.test.rows["film"].to_list()
    means = {name: _over_seeds(some, units, m.macro_f1)[0] for name, some in answers.items()}
    order = sorted(means, key=lambda name: means[name], reverse=True)
    said = ", ".join(f"{name} {100 * means[name]:.1f}" for name in order)
    return f"From best to worst: {said}."


def _saved(cells: _Cells, steps: dict[str, list[float]]) -> str:
    """Return what LoRA saves here, beside training everything."""
    time = median(steps["lora"]) / median(steps["full"])
    stored = cells.stored("full") / cells.stored("lora")
    memory = cells.peak("lora") / cells.peak("full")
    return (
        f"Beside training everything, LoRA stores {stored:.0f} times fewer bytes, takes {time:.2f} "
        f"times as long for a step and {memory:.2f} times the memory, on this small model."
    )


def _note(cells: _Cells, seeds: Sequence[int]) -> str:
    parts = cells.parts
    grid = "; ".join(
        f"{name} {', '.join(f'{one:.2g}' for one in cells.tried[name])}" for name in METHODS
    )
    films = parts.test.rows["film"].n_unique()
    valid = parts.valid
    assert valid is not None  # noqa: S101  asked for
    return (
        f"{len(parts.train):,} windows to learn from, {len(valid):,} to choose the learning rate "
        f"and the best step by, {len(parts.test):,} of {films} films to test, each film in one "
        "part; about half of them intertitles. Intervals of 95 % from drawing films anew, for the "
        f"mean of {len(seeds)} seeds; 'seeds apart' is their standard deviation in points. "
        f"Learning rates tried, with one seed: {grid}; {_edges(cells)}the others chose a penalty "
        "by cross-validation. Memory is that of a whole process with Python and what it imports; "
        "stored are the weights alone; "
        f"steps (16 windows) were taken in turns, in {_threads()}. {MODEL} was pretrained on most "
        "of these films, without labels."
    )


def _edges(cells: _Cells) -> str:
    """Return of which methods a further rate might have been better still."""
    if not cells.at_edge:
        return ""
    return f"of {', '.join(cells.at_edge)} the best is at an end of them, and may lie beyond; "


def _threads() -> str:
    import torch

    n = torch.get_num_threads()
    return "one thread" if n == 1 else f"{n} threads"


def _too_few(parts: Parts) -> tuple[str, ...]:
    n = len(parts.test)
    return (
        () if n >= LEAST_TESTED else (f"Missed: {n:,} test windows; {LEAST_TESTED:,} were asked.",)
    )
