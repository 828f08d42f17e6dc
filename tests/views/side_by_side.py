"""Two runs written by hand, of a job without and with replay; for tests and pictures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from kblib.cluster import Run
from kblib.cluster.comparison import Comparison, compare
from kblib.runs import Phase, RunFolder, RunState, journal

CORPUS = {"name": "titles", "fingerprint": "0123456789abcdef"}
JOB: dict[str, Any] = {"corpus": CORPUS, "learning_rate": 1e-3}
REPLAY = [{"name": "replay", "share": 0.25, "corpus": {**CORPUS, "name": "speech"}}]


def written(path: Path, job: dict[str, Any], *, forgets: float, learns: float) -> RunFolder:
    """Write a run of 300 steps that is scored on its own texts and on old ones."""
    folder = RunFolder.create(path, {"job": job, "site": "local", "ranks": 1})
    for step in range(1, 301):
        own = 4.0 + 1.5 * math.exp(-learns * step)
        wobble = 0.08 * math.sin(step * 1.7)
        line = {"step": step, "loss": own + wobble, "tokens": step * 1024, "attempt": 1}
        journal.append(folder.metrics_file, line)
        if step % 50 == 0:
            old = 4.6 + forgets * (1 - math.exp(-step / 60))
            scores = {"eval_loss": own + 0.1, "eval_loss_old": old}
            journal.append(folder.metrics_file, {"step": step, **scores, "attempt": 1})
    folder.write_state(RunState(Phase.DONE, step=300, steps=300))
    return folder


def two_runs(runs: Path) -> tuple[Run, Run]:
    """Write both runs into a folder."""
    alone = written(runs / "alone", JOB, forgets=0.3, learns=0.03)
    replayed = written(runs / "replayed", {**JOB, "mixture": REPLAY}, forgets=0.12, learns=0.025)
    return Run(alone), Run(replayed)


def compared(runs: Path) -> Comparison:
    """Return both side by side."""
    return compare(*two_runs(runs))
