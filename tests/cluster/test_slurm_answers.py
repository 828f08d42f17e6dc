"""Recorded answers of several versions of Slurm."""

from __future__ import annotations

from datetime import datetime

import pytest

from kblib.cluster import slurm_answers as answers

SCONTROL_22 = (
    "JobId=3 JobName=films UserId=root(0) GroupId=root(0) MCS_label=N/A Priority=1 Nice=0 "
    "Account=(null) QOS=(null) JobState=RUNNING Reason=None Dependency=(null) Requeue=0 "
    "Restarts=0 BatchFlag=1 Reboot=0 ExitCode=0:0 RunTime=00:00:09 TimeLimit=00:30:00 TimeMin=N/A "
    "SubmitTime=2026-11-25T18:50:02 EligibleTime=2026-11-25T18:50:02 AccrueTime=Unknown "
    "StartTime=2026-11-25T18:50:02 EndTime=2026-11-25T19:20:02 Deadline=N/A Partition=gpu "
    "NodeList=gn[1-2] BatchHost=gn1 NumNodes=2 NumCPUs=4 TRES=cpu=4,mem=2G,node=2,gres/gpu=8 "
    "Command=/runs/a b/script.sh WorkDir=/runs StdErr=/runs/log.txt StdIn=/dev/null Power= "
)
SCONTROL_FAILED = (
    "JobId=812 JobName=a=b UserId=u(1) JobState=NODE_FAIL Reason=NodeDown ExitCode=0:15 "
    "StartTime=2026-11-25T18:50:02 EndTime=2026-11-25T18:52:02 NodeList=gn[1-2] Comment=x=y z"
)


def test_running_job_has_no_exit_code_yet() -> None:
    job = answers.job_of_scontrol(SCONTROL_22)
    assert (job.id, job.name, job.state, job.reason) == ("3", "films", "RUNNING", "")
    assert job.nodes == "gn[1-2]"
    assert job.start == datetime(2026, 11, 25, 18, 50, 2)
    assert (job.end, job.exit_code, job.over, job.waits) == (None, None, False, False)


def test_ended_job_has_one_and_the_time_of_its_end() -> None:
    job = answers.job_of_scontrol(SCONTROL_FAILED)
    assert (job.state, job.reason, job.exit_code, job.signal) == ("NODE_FAIL", "NodeDown", 0, 15)
    assert job.end == datetime(2026, 11, 25, 18, 52, 2)
    assert job.over


TIMES = "2026-11-25T18:50:02|2026-11-25T18:51:02"


@pytest.mark.parametrize(
    ("answer", "state", "code"),
    [
        ("81|r|CANCELLED by 1000|None|gn1|0:15|" + TIMES, "CANCELLED", 0),
        ("81|r|COMPLETED|None|gn[1-4]|0:0|" + TIMES, "COMPLETED", 0),
        ("81|r|OUT_OF_MEMORY|None|gn1|0:125|" + TIMES, "OUT_OF_MEMORY", 0),
        ("81|r|FAILED||gn1|86:0|" + TIMES, "FAILED", 86),
        ("81|r|PENDING|Resources|None assigned|0:0|Unknown|Unknown", "PENDING", None),
    ],
)  # fmt: skip
def test_accounting_is_read(answer: str, state: str, code: int | None) -> None:
    job = answers.job_of_sacct(answer)
    assert job is not None
    assert (job.state, job.exit_code) == (state, code)


def test_accounting_that_knows_no_job_gives_none() -> None:
    assert answers.job_of_sacct("") is None
    assert answers.job_of_sacct("Slurm accounting storage is disabled\n") is None


def test_queue_is_read_with_names_that_hold_a_bar() -> None:
    text = "12|PENDING|Dependency||N/A|a|b\n11|RUNNING|None|gn[1-2]|2026-11-25T18:50:02|a|b\n"
    first, second = answers.jobs_of_squeue(text)
    assert (first.id, first.reason, first.nodes, first.name) == ("12", "Dependency", "", "a|b")
    assert first.waits
    assert (second.nodes, second.waits) == ("gn[1-2]", False)


def test_nodes_that_do_not_answer_are_broken() -> None:
    text = (
        "gn10|idle|none\ngn2|mixed*|Not responding\ngn1|down*|NO NETWORK\n"
        "gn3|drained|bad GPU\ngn4|allocated#|none\n"
    )
    nodes = {node.name: node for node in answers.nodes_of_sinfo(text)}
    assert list(nodes) == ["gn1", "gn2", "gn3", "gn4", "gn10"]
    assert [name for name, node in nodes.items() if node.broken] == ["gn1", "gn2", "gn3"]
    assert nodes["gn3"].reason == "bad GPU"


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("srun: error: gn1: task 0: Exited with exit code 86", {0: 86}),
        ("srun: error: gn2: tasks 2-3: Killed", {2: -9, 3: -9}),
        ("srun: error: gn2: tasks 1,3: Segmentation fault (core dumped)", {1: -11, 3: -11}),
        ("srun: error: gn1: task 1: Out Of Memory", {1: 1}),
        ("srun: Job step aborted: Waiting up to 7 seconds for job step to finish.", {}),
    ],
)
def test_endings_of_tasks_are_read(line: str, codes: dict[int, int]) -> None:
    assert answers.endings_of_srun(line) == codes


def test_lost_node_is_named() -> None:
    assert answers.node_of_srun("srun: error: Node failure on gn2") == "gn2"
    assert answers.node_of_srun("srun: error: gn1: task 0: Killed") == ""


@pytest.mark.parametrize(
    ("nodes", "names"),
    [
        ("gn1", ["gn1"]),
        ("gn[08-10]", ["gn08", "gn09", "gn10"]),
        ("a[1,3-4]-x,b2", ["a1-x", "a3-x", "a4-x", "b2"]),
        ("r[1-2]n[1-2]", ["r1n1", "r1n2", "r2n1", "r2n2"]),
        ("", []),
    ],
)
def test_ranges_are_expanded(nodes: str, names: list[str]) -> None:
    assert answers.expanded(nodes) == names
