"""What attempts took, against arithmetic by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from kblib.cluster import Run
from kblib.cluster.attempts import attempts_table
from kblib.runs import RunFolder
from tests.cluster.recorded import BEGUN, attempt, recorded, runs_at, two_node_run


def gpu_hours(run: RunFolder) -> float:
    return float(attempts_table(run)["gpu_hours"].sum())


def test_gpu_hours_are_those_of_all_attempts(tmp_path: Path):
    recorded(tmp_path / "run")
    table = attempts_table(RunFolder(tmp_path / "run"))
    # 36 s and 72 s on two nodes of two GPUs.
    assert list(table["hours"]) == pytest.approx([0.01, 0.02])
    assert gpu_hours(RunFolder(tmp_path / "run")) == pytest.approx(4 * (36 + 72) / 3600)
    assert list(table["exit_code"]) == [85, 0]
    assert list(table["job"]) == ["11", "12"]


def test_attempt_that_goes_on_counts_until_it_was_last_heard(tmp_path: Path):
    run = two_node_run(tmp_path / "run")
    attempt(run, 1, 0.0)
    runs_at(run, 1, 18.0)
    table = Run(run).attempts()
    assert gpu_hours(run) == pytest.approx(4 * 18 / 3600)
    assert table["ended"].isna().all()
    assert table["exit_code"].isna().all()
    assert table["begun"][0].timestamp() == BEGUN


def test_attempt_of_which_nobody_told_the_end_was_over_when_the_next_began(tmp_path: Path):
    run = two_node_run(tmp_path / "run")
    attempt(run, 1, 0.0)
    attempt(run, 2, 36.0)
    runs_at(run, 2, 108.0)
    assert list(attempts_table(run)["hours"]) == pytest.approx([0.01, 0.02])


def test_steps_that_are_done_again_can_be_counted(tmp_path: Path):
    run = two_node_run(tmp_path / "run")
    attempt(run, 1, 0.0, ended=BEGUN + 9, exit_code=86, step=132, saved=120)
    attempt(run, 2, 9.0)
    table = attempts_table(run)
    assert table["step"][0] - table["saved"][0] == 12
    assert table["step"].isna()[1]


def test_run_without_attempts_took_nothing(tmp_path: Path):
    run = two_node_run(tmp_path / "run")
    assert attempts_table(run).empty
    assert gpu_hours(run) == 0.0


def test_nodes_without_gpus_take_hours_and_no_gpu_hours(tmp_path: Path):
    run = two_node_run(tmp_path / "run", resources={"nodes": 2, "gpus_per_node": 0})
    attempt(run, 1, 0.0, ended=BEGUN + 3600, exit_code=0)
    (row,) = attempts_table(run).itertuples()
    assert (row.hours, row.gpus, row.gpu_hours) == (1.0, 0, 0.0)


def test_run_of_this_machine_has_attempts_too(tmp_path: Path):
    run = RunFolder.create(tmp_path / "run", {"job": {}, "site": "local", "ranks": 1})
    assert run.begin_attempt(0, {"site": "local", "host": "here"}) == 1
    (row,) = attempts_table(run).itertuples()
    assert (row.attempt, row.job, row.nodes, row.gpus) == (1, "", "", 0)


def test_what_a_site_bills_and_what_the_ranks_had_are_both_named(tmp_path: Path):
    held = {"nodes": 2, "gpus_per_node": 4, "ranks_per_node": 1}
    run = two_node_run(tmp_path / "run", ranks=2, resources=held)
    attempt(run, 1, 0.0, ended=BEGUN + 1800, exit_code=85)
    attempt(run, 2, 5000.0, ended=BEGUN + 5000 + 3600, exit_code=0)
    table = attempts_table(run)
    assert list(table["gpu_hours"]) == [4.0, 8.0]
    assert list(table["rank_hours"]) == [1.0, 2.0]
    assert Run(run).gpu_hours() == table["gpu_hours"].sum()


def test_without_gpus_a_run_counts_its_ranks(tmp_path: Path):
    run = two_node_run(tmp_path / "run", resources={"nodes": 2, "gpus_per_node": 0})
    attempt(run, 1, 0.0, ended=BEGUN + 3600, exit_code=0)
    assert Run(run).gpu_hours() == attempts_table(run)["rank_hours"].sum() == 4.0
