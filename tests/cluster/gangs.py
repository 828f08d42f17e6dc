"""What tests of gangs share: how a run is sent, struck, and looked at afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from kblib.hpc.emulator import Emulator

from kblib.cluster import Run, submit
from kblib.cluster.slurm_answers import expanded
from kblib.jobs.specs import Pretrain
from kblib.runs import RunFolder
from tests.watching import rank_processes, until

START_S = 420.0
"""Longest wait for a run, or the next attempt at it: four ranks start on a busy machine."""
NODES, RANKS_PER_NODE = 2, 2


ASKED: dict[str, Any] = {
    "site": "emulator",
    "nodes": NODES,
    "ranks_per_node": RANKS_PER_NODE,
    "gpus_per_node": RANKS_PER_NODE,
    "cores_per_node": RANKS_PER_NODE,
    "memory_gib": 4,
    "walltime_hours": 0.5,
    "dask": False,
}
_ANOTHER_PYTHON = """\
import json, pathlib, sys, time
from kblib.cluster import submit
from kblib.jobs.specs import Pretrain

content = json.load(sys.stdin)
job = Pretrain.from_dict(content["job"])


def send():
    return submit(job, **content["asked"])


"""


def send(job: Pretrain, **resources: Any) -> Run:
    """Send a job to two emulated nodes, two ranks on each; Dask stands beside where it is asked."""
    return submit(job, **(ASKED | resources))


def another_python(code: str, job: Pretrain, *arguments: str) -> subprocess.Popen[str]:
    """Start code in a Python and a session of its own; there ``send()`` sends the job."""
    process = subprocess.Popen(
        [sys.executable, "-c", _ANOTHER_PYTHON + code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process.stdin:
        json.dump({"job": job.with_saved_corpus().to_dict(), "asked": ASKED}, process.stdin)
    return process


def reached(run: Run, step: int) -> Run:
    """Wait until a run has done so many steps."""
    until(lambda: run.state.step >= step or run.state.over, patience_s=START_S)
    assert not run.state.over, f"{run!r}\n{run.log(60)}"
    return run


def ended(run: Run) -> Run:
    """Wait until a run is over; it should be done."""
    until(lambda: run.state.over, patience_s=2 * START_S)
    assert run.state.phase.value == "done", f"{run!r}\n{run.log(80)}"
    return run


def attempts(run: Run) -> list[dict[str, Any]]:
    """Return the records of all attempts, the first one first."""
    return RunFolder(run.folder).attempt_records()


def nodes_of(run: Run) -> list[str]:
    """Return the nodes that the ranks of a run are on, the head first."""
    return expanded(attempts(run)[-1]["nodes"])


def ranks_of(run: Run) -> list[Any]:
    """Return the processes that train, on all nodes."""
    found = [one for one in rank_processes(run.folder) if one.name() != "srun"]
    assert len(found) == NODES * RANKS_PER_NODE
    return found


def dask_process(run: Run, role: str, node: str) -> psutil.Process:
    """Return Dask's scheduler beside a run, or its worker on a node."""
    words = ("kblib.cluster.beside", role, str(run.folder))
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            beside = process.name() != "srun" and set(words) <= set(process.cmdline())
            if beside and process.environ().get("SLURMD_NODENAME") == node:
                return process
    raise AssertionError(f"no {role} on {node}")


def seen_since(run: Run, moment: float) -> set[str]:
    """Return the nodes that telemetry tells of since a moment."""
    table = run.telemetry()
    return set(table["node"][table["time"] > moment])


def flip_a_bit(path: Path) -> None:
    """Damage a file as a disk does."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def repair(emulator: Emulator, *nodes: str) -> None:
    """Boot nodes again and wait until Slurm trusts them."""
    for node in nodes:
        emulator.start_node(node)
    until(lambda: set(nodes) <= set(emulator.idle()), patience_s=START_S)
