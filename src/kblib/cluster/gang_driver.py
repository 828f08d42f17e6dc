"""The driver of a gang: what the batch script of a job becomes, on the first of its nodes.

``python -m kblib.cluster.gang_driver RUN`` claims the next attempt, queues the job behind it,
starts the ranks as one step, and says how it ended.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import Any

from kblib.cluster import gang
from kblib.cluster.claim import claim, unless_slurm_is_silent
from kblib.cluster.gang_dask import Beside, why_none
from kblib.cluster.in_vain import MOST_IN_VAIN, brought_nothing
from kblib.cluster.render import python_of
from kblib.cluster.slurm_answers import expanded
from kblib.cluster.staging import check_staged
from kblib.cluster.step import StepRanks
from kblib.cluster.tls import remove_keys
from kblib.errors import RunError
from kblib.jobs.driver import Driver, Ending
from kblib.jobs.exit_codes import DONE, FAILED, INFRASTRUCTURE, STOPPED
from kblib.runs import Phase, RunFolder

log = logging.getLogger("kblib.gang")

_SLURM_MISSES_A_NODE_S = 30.0
"""How long to wait for Slurm to say which node does not answer; sites give nodes up to 300 s."""
_GIVEN_UP = (
    f"Given up: {MOST_IN_VAIN} attempts in a row brought no further checkpoint. "
    "What ended each of them: run.attempts()"
)


class GangDriver(Driver):
    """One attempt at a run, as one job.

    Parameters
    ----------
    run
        The run folder; its lock is held.
    attempt
        The attempt that was claimed.
    ranks
        The step.
    job
        Slurm's number of this job.
    beside
        The Dask beside the ranks, if there is to be one.
    """

    ranks: StepRanks

    def __init__(
        self,
        run: RunFolder,
        attempt: int,
        ranks: StepRanks,
        job: str,
        beside: Beside | None = None,
    ) -> None:
        super().__init__(run, attempt, ranks)
        self.job = job
        self.beside = beside
        self.wall_time_is_near = False
        self.given_up = False
        signal.signal(signal.SIGUSR1, self._hear_of_the_wall_time)

    def _hear_of_the_wall_time(self, *_: object) -> None:
        self.wall_time_is_near = True
        self._ask_ranks_to_stop("the wall time is near")

    def _start_ranks(self) -> None:
        # A driver that was killed could not say so itself.
        if self._in_vain(self.run.attempt_records()[:-1]):
            raise RunError(_GIVEN_UP)
        check_staged(self.run)
        super()._start_ranks()

    def _watch(self) -> None:
        try:
            super()._watch()
        finally:
            if self.beside is not None:
                self.beside.stop()

    def _heartbeat(self) -> None:
        super()._heartbeat()
        # Starting Dask takes seconds of a core on each node: the ranks have begun to train by then.
        begun = self.watchdog.has_seen_a_step and self.stop_asked_at is None
        if self.beside is not None and begun:
            self.beside.tend()

    def _ending(self) -> Ending:
        cancelled = self.run.asked_to_stop(self.attempt) is not None
        ending = super()._ending()
        if self.ranks.out_of_memory and ending.code not in (DONE, STOPPED):
            return Ending(FAILED, "Slurm ended a rank for want of memory (OUT_OF_MEMORY).")
        lost = [] if cancelled or ending.code in (DONE, FAILED) else self._lost_nodes(ending)
        if lost:
            names = ", ".join(lost)
            return Ending(INFRASTRUCTURE, f"Lost: {names}. The next job goes on without.")
        if ending.code == STOPPED and self.wall_time_is_near and not cancelled:
            return Ending(STOPPED, "The wall time was near; the next job goes on.")
        return ending

    def _next_phase(self, ending: Ending) -> Phase:
        goes_on = ending.code == INFRASTRUCTURE or (
            ending.code == STOPPED
            and self.wall_time_is_near
            and not self.run.asked_to_stop(self.attempt)
        )
        if goes_on and not self._in_vain(self.run.attempt_records()):
            self._keep_away_from_bad_nodes()
            return Phase.QUEUED
        unless_slurm_is_silent(lambda: gang.drop_waiting(self.run, own=self.job))
        remove_keys(self.run)
        self.given_up = goes_on
        return Phase.FAILED if goes_on else ending.phase

    def _in_vain(self, records: list[dict[str, Any]]) -> bool:
        """Say whether the last of these brought no checkpoint: what comes after one is lost."""
        codes = (INFRASTRUCTURE, STOPPED)
        return brought_nothing(records, self.run.last_sent, measure="saved", codes=codes)

    def _why(self, ending: Ending) -> str:
        return _GIVEN_UP if self.given_up else ending.why

    def _lost_nodes(self, ending: Ending) -> list[str]:
        """Return this job's nodes that are no longer there, and write down how it was seen."""
        told = dict.fromkeys(self.ranks.lost_nodes, "srun lost its connection to it")
        # Slurm itself needs some seconds to miss a node; a stop in order has no cause to wait.
        patience_s = 0.0 if ending.code == STOPPED or told else _SLURM_MISSES_A_NODE_S
        broken = {**self._broken_nodes(patience_s), **told}
        for node, seen in broken.items():
            evidence = {"attempt": self.attempt, "job": self.job, "seen": seen, "time": time.time()}
            self.run.add_bad_node(node, evidence)
        return sorted(broken)

    def _broken_nodes(self, patience_s: float) -> dict[str, str]:
        own = expanded(os.environ.get("SLURM_JOB_NODELIST", ""))
        broken: dict[str, str] = {}

        def ask() -> None:
            nodes = gang.slurm_of(self.run).nodes(*own)
            seen = {one.name: f"Slurm: {one.state} {one.reason}" for one in nodes if one.broken}
            broken.update(seen)

        latest = time.monotonic() + patience_s
        while True:
            unless_slurm_is_silent(ask)
            if broken or time.monotonic() > latest:
                return broken
            time.sleep(1.0)

    def _keep_away_from_bad_nodes(self) -> None:
        bad = self.run.bad_nodes()
        if not bad:
            return
        away = sorted({*bad, *self.config["resources"].get("exclude", ())})

        def exclude() -> None:
            slurm = gang.slurm_of(self.run)
            for job in slurm.queue(self.run.name):
                if job.waits and job.id != self.job:
                    slurm.exclude(job.id, away)

        unless_slurm_is_silent(exclude)


def main(arguments: list[str]) -> int:
    """Carry out the next attempt of the run that the command line names."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    run, job = RunFolder(Path(arguments[0])), os.environ["SLURM_JOB_ID"]
    claimed = claim(run, job)
    if claimed.attempt is None:
        return claimed.exit_code
    cluster = gang.cluster_of_run(run)
    python = [*shlex.split(cluster.prefix), python_of(cluster)]
    ranks = StepRanks(run, claimed.attempt, python)
    beside = _beside(run, claimed.attempt, python, cluster.gpu_option)
    return GangDriver(run, claimed.attempt, ranks, job, beside).drive()


def _beside(run: RunFolder, attempt: int, python: list[str], gpu_option: str) -> Beside | None:
    """Return the Dask of an attempt; None, with the reason in log and events, if it has none."""
    why = why_none(run)
    if why:
        log.info("no Dask beside the ranks: %s", why)
        if not run.config().get("no_dask"):
            run.tell("dask_absent", why=why, attempt=attempt)
        return None
    nodes = expanded(os.environ["SLURM_JOB_NODELIST"])
    return Beside(run, attempt, nodes, python, gpu_option)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
