"""DeepSpeed's loss curves beside one by hand: four layouts, four stages of ZeRO, 1, 2 and 4 ranks.

Each case trains, is resumed from half-way with another number of ranks, and is exported. The tests
of every change do the same with a few of the cases (``tests/training/test_curves.py``).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.curve_ranks import CONFIG, HALF, SHAPE, STEPS, WORLDS, Case, by_hand, name_of
from benchmarks.outcome import BenchmarkError, Outcome, measured
from benchmarks.tables import Cell

ARCHITECTURES = ("gpt_neox", "llama", "bert", "modernbert")
STAGES = (0, 1, 2, 3)
TOLERANCE_NATS = 5e-6
"""Sums in another order: ten units in the last place of a float32 near 5."""
_RESUMED_WITH = {1: 2, 2: 4, 4: 1}
_PLACES = [(world, rank) for world in WORLDS for rank in range(world)]
_FEW = 8
_PATIENCE_S = 1800.0
_LOOK_S = 0.2
Seen = dict[str, dict[str, Any]]
"""What the first rank saw of each case."""


def all_cases() -> list[Case]:
    """Return each layout at each stage on each number of ranks."""
    return [
        {
            "architecture": architecture,
            "zero_stage": stage,
            "ranks": world,
            "resumed_with": _RESUMED_WITH[world],
        }
        for architecture, stage, world in product(ARCHITECTURES, STAGES, WORLDS)
    ]


def few_cases() -> list[Case]:
    """Return eight cases of which no two agree in two of layout, stage and ranks."""
    wanted = [(ARCHITECTURES[n % 4], STAGES[(n - n // 4) % 4], WORLDS[n % 3]) for n in range(_FEW)]
    return [
        case
        for case in all_cases()
        if (case["architecture"], case["zero_stage"], case["ranks"]) in wanted
    ]


def run_cases(folder: Path, cases: Sequence[Case]) -> Seen:
    """Carry out cases in the ranks of three groups at once; return what the first of each saw.

    Raises
    ------
    BenchmarkError
        If a process fails, with the end of what it said.
    """
    (folder / "cases.json").write_text(json.dumps(list(cases)))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "LOCAL_RANK": "0", "DS_ACCELERATOR": "cpu"}
    words = [sys.executable, "-m", "benchmarks.curve_ranks", str(folder)]
    processes = []
    for place in _PLACES:
        with open(folder / f"said-{place[0]}-{place[1]}.txt", "wb") as out:
            processes.append(
                subprocess.Popen(
                    [*words, *map(str, place)], env=environment, stdout=out, stderr=out
                )
            )
    failed = _first_to_fail(processes)
    if failed is not None:
        world, rank = _PLACES[failed]
        said = (folder / f"said-{world}-{rank}.txt").read_text()[-1500:]
        raise BenchmarkError(f"Rank {rank} of {world} did not come to its end. {said}")
    seen: Seen = {name_of(case): {} for case in cases}
    for world in WORLDS:
        for name, told in json.loads((folder / f"seen-{world}.json").read_text()).items():
            seen[name] |= told
    return seen


def _first_to_fail(processes: Sequence[subprocess.Popen[bytes]]) -> int | None:
    """Wait for all ranks; where one fails its peers would wait for ever, so they are ended."""
    ends_at = time.monotonic() + _PATIENCE_S
    try:
        codes = [process.poll() for process in processes]
        while None in codes and not any(codes) and time.monotonic() < ends_at:
            time.sleep(_LOOK_S)
            codes = [process.poll() for process in processes]
    finally:
        for process in processes:
            process.kill()
    failed = [rank for rank, code in enumerate(codes) if code]
    return next(iter(failed), codes.index(None) if None in codes else None)


def measure(*, quick: bool = False) -> Outcome:
    """Carry out all cases, or a few, and hold their losses against those by hand."""
    cases = few_cases() if quick else all_cases()
    with tempfile.TemporaryDirectory() as folder:
        seen = run_cases(Path(folder), cases)
    hand = {architecture: by_hand(architecture) for architecture in ARCHITECTURES}
    rows, missed = [], []
    for case in cases:
        told = seen[name_of(case)]
        row, fine = _row(case, told, hand[case["architecture"]])
        rows.append(row)
        if not fine:
            missed.append(
                f"Missed: {name_of(case)} left the curve, or its export is another model."
            )
    result = measured(
        "curves",
        "Loss curves under ZeRO, resumed with other numbers of ranks",
        ["layout", "ZeRO", "ranks", "then", "off by (nats)", "resumed, off by", "exported"],
        rows,
        _note(hand),
        ["torch", "transformers", "deepspeed"],
    )
    return Outcome(result, tuple(missed))


def off_by(losses: Sequence[float], by_hand: Sequence[float]) -> float:
    """Return the largest difference of two curves."""
    return max(abs(one - two) for one, two in zip(losses, by_hand, strict=True))


def _row(case: Case, told: dict[str, Any], hand: Sequence[float]) -> tuple[list[Cell], bool]:
    whole, resumed = off_by(told["losses"], hand), off_by(told["resumed"], hand[HALF:])
    same = told["same_logits"] and not told["missing"]
    row: list[Cell] = [case["architecture"], case["zero_stage"], case["ranks"]]
    row += [case["resumed_with"], f"{whole:.1e}", f"{resumed:.1e}"]
    row.append("equal logits" if same else "another model")
    return row, same and max(whole, resumed) <= TOLERANCE_NATS


def _note(hand: dict[str, list[float]]) -> str:
    falls = ", ".join(f"{name} {curve[0]:.2f} to {curve[-1]:.2f}" for name, curve in hand.items())
    return (
        f"Layouts of {SHAPE.n_layer} x {SHAPE.n_embd}, {STEPS} steps of {CONFIG.batch_size} x "
        f"{CONFIG.seq_len} tokens in two pieces a rank, float32, gloo, clipped gradients, a cosine "
        f"schedule; losses by hand fall in nats: {falls}. The curve by hand is torch's AdamW and "
        "transformers' own loss on one process. 'Then' is the number of ranks that take up the "
        f"checkpoint of step {HALF} and go on along the curve; all must stay within "
        f"{TOLERANCE_NATS:g} nats. The exported model is opened by transformers alone, misses no "
        "key, and gives the same bits as logits."
    )
