"""The head of a pool, as a process: it claims an attempt at a batch and carries it out.

``python -m kblib.cluster.pool_head RUN ATTEMPT`` on this machine; without the attempt as what the
batch script of a small job becomes.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from kblib.cluster import gang
from kblib.cluster.claim import claim, unless_slurm_is_silent
from kblib.cluster.in_vain import MOST_IN_VAIN, brought_nothing
from kblib.cluster.pool_attempt import PoolHead
from kblib.cluster.pool_scripts import worker_name
from kblib.cluster.staging import check_staged
from kblib.jobs.driver import Ending
from kblib.jobs.exit_codes import INFRASTRUCTURE, STOPPED
from kblib.runs import Phase, RunFolder, lock

log = logging.getLogger("kblib.pool")

_PREDECESSOR_S = 30.0


class SlurmPoolHead(PoolHead):
    """One attempt at a batch, as a small job.

    Parameters
    ----------
    job
        Slurm's number of this job.
    """

    def __init__(self, run: RunFolder, attempt: int, job: str) -> None:
        super().__init__(run, attempt)
        self.job = job

    def _begin(self) -> None:
        check_staged(self.run)
        super()._begin()
        if self._gives_up():
            self.stops = (
                f"{MOST_IN_VAIN} heads in a row were lost without one more result; "
                "what ended the last ones stands in attempts/."
            )

    def _gives_up(self) -> bool:
        records = self.run.attempt_records()[:-1]
        return brought_nothing(
            records,
            self.run.last_sent,
            measure="step",
            codes=[INFRASTRUCTURE],  # at its wall time a head may have waited for nodes
            now=len(self.backlog.done),  # workers go on without a head
        )

    def _next_one_goes_on(self) -> bool:
        cancelled = self.run.asked_to_stop(self.attempt) is not None
        going_well = not self.stops and not self.backlog.hopeless and self.backlog.unfinished
        return self.wall_time_is_near and going_well and not cancelled

    def _next_phase(self, ending: Ending) -> Phase:
        if ending.code == STOPPED and self._next_one_goes_on():
            return Phase.QUEUED
        unless_slurm_is_silent(self._end_all_workers)
        unless_slurm_is_silent(lambda: gang.drop_waiting(self.run, own=self.job))
        return super()._next_phase(ending)

    def _end_all_workers(self) -> None:
        """End workers that a lost head left and that this one had no need of."""
        slurm = gang.slurm_of(self.run)
        left = [job.id for job in slurm.queue(worker_name(self.run))]
        if left:
            slurm.cancel(*left)


def main(arguments: list[str]) -> int:
    """Carry out an attempt at the run that the command line names."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    run = RunFolder(Path(arguments[0]))
    if "resources" in run.config():
        job = os.environ["SLURM_JOB_ID"]
        claimed = claim(run, job)
        if claimed.attempt is None:
            return claimed.exit_code
        return SlurmPoolHead(run, claimed.attempt, job).drive()
    attempt = int(arguments[1])
    handle = lock.take(run.lock_file, patience_s=_PREDECESSOR_S)
    if handle is None or run.written_state().attempt != attempt:
        log.warning("attempt %d does not begin: another one has this run", attempt)
        return INFRASTRUCTURE
    return PoolHead(run, attempt).drive()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
