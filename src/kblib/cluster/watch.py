"""What an onlooker may believe of a run on a cluster: its own words, and those of the scheduler.

A run that writes heartbeats is believed. One that is silent, or waits, is looked up in the queue,
not more often than every few seconds, whoever asks.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from kblib.cluster import gang, mirror
from kblib.cluster.diagnose import why_it_ended, why_it_waits
from kblib.cluster.slurm_answers import SlurmJob
from kblib.cluster.tls import remove_keys
from kblib.errors import KblibError
from kblib.jobs.exit_codes import INFRASTRUCTURE
from kblib.runs import Phase, RunFolder, RunState, lock

FRESH_S = 15.0
"""A driver writes every two seconds; shared file systems may be late."""
_ASK_AGAIN_S = 5.0


@dataclass(frozen=True)
class _Answer:
    asked: float
    jobs: list[SlurmJob] | None  # None: the scheduler did not answer
    last: SlurmJob | None


_ANSWERS: dict[Path, _Answer] = {}


def observed(run: RunFolder, written: RunState) -> RunState:
    """Return the state of a cluster's run as it is now.

    Parameters
    ----------
    written
        What its driver, or whoever submitted it, wrote last.
    """
    silence_s = time.time() - written.heartbeat
    if written.over or (written.phase is Phase.RUNNING and silence_s < FRESH_S):
        return written
    answer = _asked(run)
    if answer.jobs is None:
        return replace(written, why=f"The scheduler does not answer. {written.why}".strip())
    begun = [job for job in answer.jobs if not job.waits]
    if begun and (written.phase is Phase.RUNNING or begun[0].state == "COMPLETING"):
        return written
    if begun:
        return _starting(written, begun[0])
    if answer.jobs:
        return replace(written, phase=Phase.QUEUED, why=_waiting(written, answer.jobs[0]))
    unreached = mirror.refresh(run, at_once=True)
    current = run.written_state()  # it may have ended between the two looks
    if unreached and not current.over:
        return unreached.of(current)
    if current.over or current.heartbeat > written.heartbeat or silence_s < FRESH_S:
        return current
    if run.is_foreign:
        heard = mirror.ago(time.time() - current.heartbeat)
        told = f"Last heard of {heard} ago; the scheduler tells only {run.owner} of this run."
        return replace(current, why=f"{told} {current.why}".strip())
    if not_sent := _why_not_sent(run, current):
        return replace(current, why=not_sent)
    why = str(why_it_ended(answer.last, run.log(20)))
    remove_keys(run)  # no driver is left that would
    return replace(current, phase=Phase.FAILED, why=why, exit_code=INFRASTRUCTURE)


def _why_not_sent(run: RunFolder, current: RunState) -> str:
    """Return why the scheduler has no job of a run that was never sent, or not yet; else nothing.

    Sending takes minutes where a large corpus is read, or a container is slow to start.
    """
    if current.phase is Phase.QUEUED and lock.is_held(run.begin_lock_file):
        return "What it needs is looked at before it is sent."
    if not run.script_file.exists():  # whoever submitted it was killed before it was sent
        return "It was not sent to the scheduler; submit the job again."
    return ""


def _starting(written: RunState, job: SlurmJob) -> RunState:
    where = f" on {job.nodes}" if job.nodes else ""
    return replace(written, phase=Phase.QUEUED, why=f"Job {job.id} starts{where}.")


def _waiting(written: RunState, job: SlurmJob) -> str:
    waits = f"Job {job.id} waits: {why_it_waits(job)}"
    return f"{written.why} {waits}" if written.why and written.attempt else waits


def _asked(run: RunFolder) -> _Answer:
    known = _ANSWERS.get(run.path)
    now = time.monotonic()
    if known is None or now - known.asked > _ASK_AGAIN_S:
        known = _ANSWERS[run.path] = _ask(run, now)
    return known


def _ask(run: RunFolder, now: float) -> _Answer:
    try:
        slurm = gang.slurm_of(run)
        jobs = slurm.queue(run.name, owner=run.owner if run.is_of_another_user else None)
        number = "" if jobs else _last_job(run)
        last = slurm.job(number) if number else None
    except KblibError:
        return _Answer(now, None, None)
    # The one that runs, or is next, comes first.
    return _Answer(now, sorted(jobs, key=lambda job: (job.waits, int(job.id))), last)


def _last_job(run: RunFolder) -> str:
    """Return the number of the last job that was to carry out a run, begun or not."""
    begun, sent = run.attempt_records(), run.sent_jobs()
    if sent and (not begun or begun[-1]["submitted"] < sent["time"]):
        return str(sent["jobs"][0])
    return str(begun[-1]["job"]) if begun else ""


def forget(run: RunFolder) -> None:
    """Ask the scheduler anew at the next look, after something was sent to it."""
    _ANSWERS.pop(run.path, None)
