"""The next attempt at a run: started here, queued on this cluster, or asked for by ssh."""

from __future__ import annotations

import time
from dataclasses import replace

from kblib.cluster import gang, pool_run, remote
from kblib.cluster.local import start_attempt
from kblib.cluster.tls import make_keys, remove_keys
from kblib.errors import KblibError
from kblib.runs import Phase, RunFolder, lock


def begin_next(run: RunFolder) -> None:
    """Start the next attempt at a run, unless somebody else does so at the same moment.

    Raises
    ------
    KblibError
        If the site is not reached or refuses the job, or something that it needs is missing.
    """
    if remote.is_sent_by_ssh(run):
        with lock.held(run.begin_lock_file):
            remote.begin(run)
        return
    if "resources" not in run.config():
        _make_ready(run)
        start_attempt(run)
        return
    with lock.held(run.begin_lock_file):
        if not _another_was_faster(run):
            _make_ready(run)
            _queue(run)


def _make_ready(run: RunFolder) -> None:
    if "pool" in run.config():
        pool_run.make_ready(run)


def _another_was_faster(run: RunFolder) -> bool:
    """Say whether somebody else has begun the run since it was looked at."""
    state = run.written_state()
    if state.over:
        return state.phase is Phase.DONE
    return bool(gang.slurm_of(run).queue(run.name))


def _queue(run: RunFolder) -> None:
    state = run.written_state()
    queued = replace(state, phase=Phase.QUEUED, why="", heartbeat=time.time(), exit_code=None)
    run.write_state(queued)
    try:
        if not run.config().get("no_dask"):
            make_keys(run)
        gang.begin(run)
    except KblibError:
        remove_keys(run)
        run.write_state(state)
        raise
