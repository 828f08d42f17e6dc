"""What a run took, against arithmetic by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kblib.runs import RunFolder, RunState, journal
from kblib.runs.hours import counted, gpus_held, gpus_of_a_worker, seconds_of, spent_gpu_hours
from kblib.runs.state import Phase

NODES = {"nodes": 2, "gpus_per_node": 4, "ranks_per_node": 1}


def run_of(path: Path, **config: Any) -> RunFolder:
    return RunFolder.create(path / "run", {"job": {}, **config})


def attempt(run: RunFolder, number: int, **about: Any) -> float:
    """Let an attempt begin; return when."""
    run.begin_attempt(number - 1, about)
    return float(run.attempt_records()[-1]["submitted"])


@pytest.mark.parametrize(
    ("config", "held", "each_hour"),
    [
        pytest.param({"ranks": 2, "resources": NODES}, 8, 8, id="more GPUs held than used"),
        pytest.param({"ranks": 6, "resources": {**NODES, "gpus_per_node": 0}}, 0, 6, id="no GPUs"),
        pytest.param({"ranks": 3}, 0, 3, id="this machine"),
        pytest.param({"resources": {**NODES, "nodes": 1}}, 4, 4, id="no ranks"),
    ],
)
def test_site_counts_what_is_held_and_ranks_where_nothing_is(
    config: dict[str, Any], held: int, each_hour: int
) -> None:
    assert (gpus_held(config), counted(config)) == (held, each_hour)


def test_run_that_uses_one_gpu_of_four_is_billed_for_all(tmp_path: Path) -> None:
    run = run_of(tmp_path, ranks=2, resources=NODES)
    begun = attempt(run, 1)
    run.end_attempt(1, ended=begun + 1800)
    assert spent_gpu_hours(run) == pytest.approx(2 * 4 * 0.5)


def test_attempt_without_an_end_lasted_until_it_was_heard_last(tmp_path: Path) -> None:
    run = run_of(tmp_path, ranks=1)
    begun = [attempt(run, 1, submitted=1e9), attempt(run, 2, submitted=1e9 + 900)]
    journal.append(run.metrics_file, {"attempt": 1, "time": begun[0] + 30})
    run.write_state(RunState(Phase.RUNNING, attempt=2, heartbeat=begun[1] + 50))
    assert seconds_of(run, run.attempt_records()) == pytest.approx([30, 50])


def test_attempt_that_was_never_heard_lasted_until_the_next_began(tmp_path: Path) -> None:
    run = run_of(tmp_path, ranks=1)
    begun = [attempt(run, 1, submitted=1e9), attempt(run, 2, submitted=1e9 + 900)]
    run.write_state(RunState(Phase.RUNNING, attempt=2, heartbeat=begun[1]))
    assert seconds_of(run, run.attempt_records()) == [900, 0]


@pytest.mark.parametrize(
    ("resources", "gpus"),
    [
        pytest.param({**NODES, "ranks_per_node": 4}, 1.0, id="one each"),
        pytest.param({**NODES, "ranks_per_node": 1}, 4.0, id="a node with four"),
        pytest.param({**NODES, "gpus_per_node": 0}, 1.0, id="without counts as one"),
        pytest.param({}, 1.0, id="this machine"),
    ],
)
def test_worker_holds_its_part_of_a_node(resources: dict[str, Any], gpus: float) -> None:
    assert gpus_of_a_worker({"pool": {"resources": resources}}) == gpus


def test_batch_has_taken_what_its_heads_counted(tmp_path: Path) -> None:
    run = run_of(tmp_path, pool={"workers": 2}, resources={**NODES, "gpus_per_node": 0})
    assert spent_gpu_hours(run) == 0.0
    for number, hours in ((1, 0.5), (1, 1.25), (2, 2.0)):
        journal.append(run.metrics_file, {"attempt": number, "gpu_hours": hours, "time": 1.0})
    assert spent_gpu_hours(run) == 2.0
    assert spent_gpu_hours(run, before=2) == 1.25
