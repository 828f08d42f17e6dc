from __future__ import annotations

import pytest

from kblib.cluster.diagnose import why_it_ended, why_it_waits
from kblib.cluster.slurm_answers import SlurmJob


def job(state: str, reason: str = "", **more: object) -> SlurmJob:
    return SlurmJob("81234", "run", state, reason, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Priority", "other jobs come first."),
        ("Resources", "not enough nodes are free."),
        ("Dependency", "it goes on when the job before it is over."),
        ("PartitionNodeLimit", "it will never begin."),
        ("QOSMaxWallDurationPerJobLimit", "its wall time is longer than its quality of service"),
        ("QOSMaxJobsPerUserLimit", "allows no more jobs at a time"),
        ("AssocGrpBillingMinutes", "the compute time of its account is used up"),
        ("AssocGrpCPURunMinutesLimit", "the compute time of its account is used up"),
        ("QOSGrpNodeLimit", "other jobs have all that its quality of service allows at a time"),
        ("MaxGRESPerAccount", "other jobs have all that its account allows at a time"),
        ("PartitionConfig", "more nodes or time than the partition allows"),
        ("AccountNotAllowed", "may not use this partition, so it will never begin."),
        ("QOSNotAllowed", "is not allowed in this partition"),
        ("InvalidAccount", "its account is not valid here"),
        ("InvalidQOS", "its quality of service is not valid here"),
        ("MaxMemPerLimit", "more memory than the partition gives"),
        ("JobHeldAdmin", "it was held by the site."),
        ("launch failed requeued held", "its nodes could not start it"),
        ("AssocSomethingOfTomorrow", "a limit of its account holds it back"),
        ("ReqNodeNotAvail, UnavailableNodes:gn[1-2]", "is down or reserved"),
        ("SomethingNew", "Slurm's reason is SomethingNew."),
        ("", "the scheduler has not looked at it yet."),
    ],
)
def test_reason_for_waiting_is_told_in_plain_words(reason: str, words: str) -> None:
    told = why_it_waits(job("PENDING", reason))
    assert words in told.sentence
    assert told.next_step


@pytest.mark.parametrize(
    ("reason", "never"),
    [
        ("QOSMaxWallDurationPerJobLimit", True),
        ("QOSMaxNodePerJobLimit", True),
        ("QOSMaxGRESPerJob", True),
        ("AssocMaxCpuPerNode", True),
        ("QOSMinGRES", True),
        ("QOSMaxNodePerUserLimit", False),
        ("QOSMaxSubmitJobPerUserLimit", False),
        ("AssocGrpGRES", False),
        ("QOSMaxGRESMinutesPerJob", True),
    ],
)
def test_limits_of_one_job_never_pass_and_those_of_many_do(reason: str, never: bool) -> None:
    told = why_it_waits(job("PENDING", reason))
    assert ("it will never begin" in told.sentence) is never
    assert reason in told.sentence


def test_only_what_there_is_to_do_stands_beside_the_reason() -> None:
    assert str(why_it_waits(job("PENDING", "Priority"))) == "other jobs come first."
    assert str(why_it_waits(job("PENDING", "JobHeldUser"))) == (
        "it was held by its user. Let it go: scontrol release 81234"
    )


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("OUT_OF_MEMORY", "for want of memory"),
        ("TIMEOUT", "reached its wall time"),
        ("NODE_FAIL", "A node was lost (NODE_FAIL). Nodes: gn1."),
        ("PREEMPTED", "higher priority"),
        ("CANCELLED", "cancelled at the scheduler"),
    ],
)
def test_states_of_slurm_go_before_the_log(state: str, words: str) -> None:
    assert words in why_it_ended(job(state, nodes="gn1"), "No module named 'x'").sentence


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("OSError: [Errno 122] Disk quota exceeded: '/p/x'", "The disk quota is used up."),
        ("OSError: [Errno 28] No space left on device", "The disk is full."),
        (
            "Lmod has detected the following error: The following module(s) are unknown: Python/3",
            "A module that the site file loads is not there.",
        ),
        ("/env/bin/python: No module named 'kblib'", "lacks a package"),
        ("bash: line 9: exec: /env/bin/python: not found", "was not found on the node"),
        ("env: '/env/bin/python3.11': No such file", "Job 81234 ended"),
        ("/spool/slurm_script: 4: module: not found", "A module that the site file loads"),
        ("bash: line 9: module: command not found", "A module that the site file loads"),
        ("torch.OutOfMemoryError: CUDA out of memory.", "A GPU was out of memory."),
    ],
)
def test_the_log_is_read_where_slurm_says_no_more_than_failed(log: str, words: str) -> None:
    told = why_it_ended(job("FAILED", exit_code=1), log)
    assert words in told.sentence
    assert told.next_step


def test_job_without_a_log_points_to_its_folder() -> None:
    told = why_it_ended(job("FAILED", exit_code=1), "")
    assert told.sentence == "Job 81234 ended without a word (FAILED, exit code 1)."
    assert "folder of its log" in told.next_step


def test_forgotten_job_is_said_to_be_forgotten() -> None:
    assert "no longer known" in why_it_ended(None, "").sentence


def test_job_whose_driver_was_killed_says_by_what() -> None:
    job = SlurmJob("7", "films", "FAILED", "NonZeroExitCode", exit_code=0, signal=9)
    assert str(why_it_ended(job, "step 12\n")).startswith(
        "Job 7 ended (FAILED, killed by signal 9)."
    )
