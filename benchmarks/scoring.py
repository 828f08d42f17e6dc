"""Scoring the lines of a text with our model and with KenLM's, in turns, in one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.kenlm_built import Kenlm
from benchmarks.outcome import BenchmarkError
from benchmarks.tables import ROOT
from kblib.ngrams.language_model import NgramLM
from kblib.ngrams.threads import cores

TOLERANCE = 1e-3  # log10, of a line; KenLM adds up in single precision


@dataclass(frozen=True)
class Scoring:
    """Seconds of each round, and how well both sides agree.

    Parameters
    ----------
    our_cpu_s, their_cpu_s
        CPU seconds on one core.
    our_wall_s, their_wall_s
        Seconds with all cores, of which KenLM's method uses one.
    cores
        How many there were.
    difference
        Largest difference between the scores of a line, log10.
    """

    our_cpu_s: list[float]
    their_cpu_s: list[float]
    our_wall_s: list[float]
    their_wall_s: list[float]
    cores: int
    n_lines: int
    difference: float


def scoring(text: Path, folder: Path, tools: Kenlm, *, rounds: int) -> Scoring:
    """Score the lines of a text with the models beside it, in a process of its own.

    Raises
    ------
    BenchmarkError
        If that fails, or the scores of a line differ by more than `TOLERANCE`.
    """
    models = [folder / f"{text.name}.ours", folder / f"{text.name}.probing"]
    paths = map(str, (text, *models, tools.module))
    command = [sys.executable, "-m", "benchmarks.scoring", *paths, str(rounds)]
    done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT, text=True)
    if done.returncode:
        raise BenchmarkError(f"Scoring failed: {done.stderr[-500:]}")
    found = Scoring(**json.loads(done.stdout))
    if not found.difference <= TOLERANCE:
        raise BenchmarkError(f"The scores of a line differ by {found.difference}.")
    return found


def _measured(text: Path, ours: Path, theirs: Path, module: Path, *, rounds: int) -> Scoring:
    sys.path.insert(0, str(module))
    lines = text.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    model, other = NgramLM.open(ours), import_module("kenlm").Model(str(theirs))
    first = model.log10_scores(lines)
    difference = float(np.abs(first - [other.score(line) for line in lines]).max())
    sides: dict[str, Callable[[], Any]] = {
        "our": lambda: model.log10_scores(lines),
        "their": lambda: [other.score(line) for line in lines],
    }
    usable = sorted(os.sched_getaffinity(0))
    seconds: dict[str, list[float]] = {}
    for number in range(rounds):
        for cpus, clock, name in (
            (usable[:1], time.process_time, "cpu_s"),
            (usable, time.perf_counter, "wall_s"),
        ):
            os.sched_setaffinity(0, cpus)
            for side in list(sides)[:: -1 if number % 2 else 1]:
                began = clock()
                sides[side]()
                seconds.setdefault(f"{side}_{name}", []).append(clock() - began)
    return Scoring(**seconds, cores=cores(), n_lines=len(lines), difference=difference)


if __name__ == "__main__":
    found = _measured(*map(Path, sys.argv[1:5]), rounds=int(sys.argv[5]))
    print(json.dumps(asdict(found)))
