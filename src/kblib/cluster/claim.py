"""How a job of a run begins: it takes the lock, claims the next attempt, queues the job behind.

Drivers of gangs and heads of pools begin alike: whoever comes while another has the run, or when
all is done, leaves at once.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from kblib.cluster import gang
from kblib.cluster.diagnose import why_it_ended
from kblib.cluster.slurm_answers import SlurmJob, expanded
from kblib.cluster.tls import remove_keys
from kblib.errors import KblibError
from kblib.jobs.exit_codes import DONE, FAILED, INFRASTRUCTURE
from kblib.runs import Phase, RunFolder, RunState, lock

log = logging.getLogger("kblib.cluster")

T = TypeVar("T")
_PREDECESSOR_S = 60.0


@dataclass(frozen=True)
class Claim:
    """What a job may do with a run.

    Parameters
    ----------
    attempt
        The attempt that is this job's; None if it has none.
    exit_code
        What a job without an attempt ends with.
    """

    attempt: int | None
    exit_code: int = DONE


def claim(run: RunFolder, job: str) -> Claim:
    """Claim the next attempt of a run for a job, and queue the one behind it.

    Parameters
    ----------
    job
        Slurm's number of this job.
    """
    if lock.take(run.lock_file, patience_s=_PREDECESSOR_S) is None:
        log.warning("job %s does not begin: another one has this run", job)
        return Claim(None, INFRASTRUCTURE)
    state = run.written_state()
    if state.over:
        log.info("job %s has nothing to do: the run is %s", job, state.phase.value)
        unless_slurm_is_silent(lambda: gang.drop_waiting(run, own=job))
        return Claim(None, DONE)
    if why := unless_slurm_is_silent(lambda: _tell_of_the_last(run)):
        _end(run, state, why, job)
        return Claim(None, DONE)
    attempt = run.begin_attempt(state.attempt, _about(job))
    if attempt is None:
        return Claim(None, INFRASTRUCTURE)
    if gang.cluster_of_run(run).chain_from_nodes:
        unless_slurm_is_silent(lambda: gang.queue_next(run, own=job))
    run.write_state(_queued(state, attempt))
    if who := run.asked_to_stop(state.attempt):  # while this job was starting
        run.ask_to_stop(who)
    return Claim(attempt)


def unless_slurm_is_silent(ask: Callable[[], T]) -> T | None:
    """Do something with Slurm; where it does not answer on a node, the work matters more."""
    try:
        return ask()
    except KblibError as error:
        log.warning("%s", error)
        return None


def _tell_of_the_last(run: RunFolder) -> str:
    """Add to the record of the last attempt how it ended, if its driver could not.

    Return why nothing goes on; empty if it does. Want of memory comes again each time.
    """
    records = run.attempt_records()
    if not records or "ended" in records[-1]:
        return ""
    last, slurm = records[-1], gang.slurm_of(run)
    job = slurm.job(str(last["job"]))
    step = run.written_state().step
    why = why_it_ended(job, run.log(20)).sentence
    no_memory = job is not None and job.state == "OUT_OF_MEMORY"
    run.end_attempt(
        int(last["attempt"]),
        ended=_end_of(job, float(last["submitted"])),
        exit_code=FAILED if no_memory else INFRASTRUCTURE,
        why=why,
        step=step,
        saved=run.newest_checkpoint(),
    )
    for node in slurm.nodes(*expanded(str(last["nodes"]))):
        if node.broken:
            seen = f"Slurm: {node.state} {node.reason}".strip()
            evidence = {"attempt": last["attempt"], "job": last["job"], "seen": seen}
            run.add_bad_node(node.name, {**evidence, "time": time.time()})
    return why if no_memory else ""


def _end_of(job: SlurmJob | None, begun: float) -> float:
    """Return when a job ended, by Slurm (Unix seconds); now, where it does not say.

    The job behind it may have waited for days, and its hours are nobody's.
    """
    now = time.time()
    told = now if job is None or job.end is None else job.end.timestamp()
    return min(max(told, begun), now)


def _end(run: RunFolder, state: RunState, why: str, job: str) -> None:
    """End a run in the place of a driver that could not."""
    log.info("job %s does not begin: %s", job, why)
    unless_slurm_is_silent(lambda: gang.drop_waiting(run, own=job))
    remove_keys(run)
    run.write_state(
        replace(state, phase=Phase.FAILED, why=why, exit_code=FAILED, heartbeat=time.time())
    )


def _queued(state: RunState, attempt: int) -> RunState:
    return replace(
        state, phase=Phase.QUEUED, attempt=attempt, why="", exit_code=None, heartbeat=time.time()
    )


def _about(job: str) -> dict[str, str]:
    return {
        "site": os.environ.get("SLURM_CLUSTER_NAME", ""),
        "job": job,
        "nodes": os.environ.get("SLURM_JOB_NODELIST", ""),
        "partition": os.environ.get("SLURM_JOB_PARTITION", ""),
    }
