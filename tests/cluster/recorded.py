"""A run of a cluster written by hand, and a recording of it as it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kblib import files
from kblib.runs import Phase, RunFolder, RunState, journal
from kblib.runs.recording import Recorder, Recording

BEGUN = 1_700_000_000.0
"""Seconds of Unix time at which the first attempt began: 2023-11-14, 22:13:20 UTC."""
CONFIG: dict[str, Any] = {
    "job": {"kind": "pretrain"},
    "site": "emulator",
    "ranks": 4,
    "resources": {"nodes": 2, "gpus_per_node": 2, "ranks_per_node": 2},
}


def two_node_run(path: Path, **config: Any) -> RunFolder:
    """Make a run of two nodes that waits for its first attempt."""
    run = RunFolder.create(path, {**CONFIG, **config})
    run.write_state(RunState(Phase.QUEUED, "Job 7 waits.", attempt=0, heartbeat=BEGUN - 60))
    return run


def attempt(run: RunFolder, number: int, begun_s: float, **outcome: Any) -> None:
    """Write the record of an attempt that began so many seconds after the first."""
    about = {"attempt": number, "job": str(10 + number), "nodes": f"gn[{number}-{number + 1}]"}
    path = run.attempts / f"{number:04d}.json"
    files.write_json(path, {"submitted": BEGUN + begun_s, **about, **outcome})


def runs_at(run: RunFolder, step: int, at_s: float, **changes: Any) -> None:
    """Write the state, and the journal's line, of a step."""
    line = {"step": step, "loss": 9.0 - step / 10, "tokens_per_s": 1000.0, "attempt": 1}
    journal.append(run.metrics_file, line)
    told = {"attempt": 1, "steps": 10, "host": "gn1", **changes}
    phase = told.pop("phase", Phase.RUNNING)
    run.write_state(RunState(phase, step=step, heartbeat=BEGUN + at_s, **told))


def lost_a_node(path: Path) -> RunFolder:
    """Make a run of two attempts that is over: the first lost a node, at step 33."""
    run = two_node_run(path)
    for step in range(1, 34):
        runs_at(run, step, step, steps=60)
    why = "Lost: gn2. The next job goes on without."
    attempt(run, 1, 0.0, ended=BEGUN + 36, exit_code=86, why=why, step=33, saved=30)
    evidence = {"attempt": 1, "job": "11", "seen": "Slurm: DOWN Not responding", "time": BEGUN}
    files.write_json(run.bad_nodes_file, {"gn2": {**evidence, "time": BEGUN + 35}})
    journal.append(run.metrics_file, {"event": "resumed", "step": 30, "attempt": 2})
    for step in range(31, 61):
        runs_at(run, step, 70.0 + step, attempt=2, steps=60)
    done = {"exit_code": 0, "why": "", "step": 60, "saved": 60, "nodes": "gn[1,3]"}
    attempt(run, 2, 100.0, ended=BEGUN + 172, **done)
    for node, used in (("gn1", 3.25), ("gn3", 2.5)):
        reading = {"attempt": 2, "time": BEGUN + 170, "node": node, "cpu_percent": 97.0}
        memory = {"memory_gib": used, "memory_total_gib": 480.0}
        gpus = {"gpu_memory_gib": 61.5, "gpu_memory_total_gib": 80.0}
        journal.append(run.telemetry_file, {**reading, **memory, **gpus})
    runs_at(run, 60, 172.0, attempt=2, steps=60, phase=Phase.DONE)
    return run


def recorded(path: Path) -> Recording:
    """Record a run that is stopped at step 3, goes on, and ends at step 10."""
    run = two_node_run(path)
    recorder = Recorder(run, {str(path.parent): "HOME"})
    run.log_file.write_text(f"logs go to {path}\n", encoding="utf-8")
    recorder.look()
    attempt(run, 1, 0.0)
    for step in (1, 2):
        runs_at(run, step, step * 10.0)
        recorder.look()
    attempt(run, 1, 0.0, ended=BEGUN + 36, exit_code=85, why="Stopped on request.")
    runs_at(run, 3, 36.0, phase=Phase.STOPPED, why="Stopped on request.")
    recorder.look()
    attempt(run, 2, 100.0)
    runs_at(run, 4, 110.0, attempt=2)
    recorder.look()
    attempt(run, 2, 100.0, ended=BEGUN + 172, exit_code=0, why="")
    runs_at(run, 10, 172.0, attempt=2, phase=Phase.DONE)
    recorder.look()
    return recorder.recording(site="emulator")
