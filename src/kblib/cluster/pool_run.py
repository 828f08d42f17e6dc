"""What a run of a batch has that a training has not: functions, shards, failures of some."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pandas as pd

from kblib.cluster.tls import make_keys
from kblib.errors import JobError, RunError
from kblib.jobs.batch_result import BatchResult
from kblib.jobs.named_function import NamedFunction
from kblib.runs import Phase, RunFolder, RunState, sharing
from kblib.runs.shards import ShardFiles

_MOST_BYTES = 64 << 20
"""A module with more beside it than this is no module that somebody wrote for a batch."""
_NOT_CARRIED = shutil.ignore_patterns("__pycache__", ".*")


def make_ready(run: RunFolder) -> None:
    """Put what the next attempt needs into the run folder; shards that failed are tried again.

    Raises
    ------
    JobError
        If the function's module is too large to go with the run.
    MissingPartError
        If Dask is not installed.
    """
    carry_function(run)
    ShardFiles(run).forget_failures()
    make_keys(run)


def carry_function(run: RunFolder) -> None:
    """Copy the function's module into the run, once, if a process elsewhere would not find it.

    Raises
    ------
    JobError
        If it is too large to go with the run.
    """
    if run.functions.exists():
        return
    source = NamedFunction.of(run.config()["job"]["function"]).carried
    if source is None:
        return
    parts = [source] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in parts)
    if size > _MOST_BYTES:
        raise JobError(
            f"The module in {source} has {size / 2**20:.0f} MiB of files beside it.",
            f"It goes with the run, and {_MOST_BYTES / 2**20:.0f} MiB are the most that do.",
            "Put the function into a file of its own, beside the notebook.",
        )
    aside = Path(tempfile.mkdtemp(dir=run.path, prefix=".functions."))  # mode 0700
    try:
        if source.is_file():
            shutil.copy2(source, aside / source.name)
        else:
            shutil.copytree(source, aside / source.name, ignore=_NOT_CARRIED)
        if run.is_shared:
            sharing.settle(aside)
        os.rename(aside, run.functions)
    except OSError:
        if not run.functions.exists():  # nobody else was faster
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def result_of(run: RunFolder, state: RunState) -> BatchResult:
    """Return the tables of all shards of a run that is done.

    Raises
    ------
    RunError
        If it was stopped before its end.
    """
    if state.phase is not Phase.DONE:
        raise RunError(
            f"Run '{run.name}' was stopped at shard {state.step} of {state.steps}.",
            "The whole result is there only at the end.",
            f"Go on with kb.Run.open('{run.name}').resume()",
        )
    return BatchResult.of(run)


def failure_of(run: RunFolder, state: RunState) -> RunError:
    """Return the error that says why a batch failed."""
    done = state.step
    goes_along = "; one that you have changed is another task: submit it"
    return RunError(
        f"Run '{run.name}' failed: {state.why}",
        f"{done} of {state.steps} shards are done and are not done again. "
        f"The end of log.txt:\n\n{run.log(12)}\n",
        f"All that failed: kb.Run.open('{run.name}').failed_shards(); "
        f"try them again with the same function: kb.Run.open('{run.name}').resume()"
        f"{goes_along if run.functions.exists() else ''}",
    )


def failed_shards(run: RunFolder) -> pd.DataFrame:
    """Return one row a shard that failed: shard, item, error, trace."""
    told = ShardFiles(run).failed()
    rows = [
        (number, about["item"], about["error"], about.get("trace", ""))
        for number, about in told.items()
    ]
    return pd.DataFrame(rows, columns=["shard", "item", "error", "trace"])
