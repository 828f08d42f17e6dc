"""What a worker does with a shard: call the function, look at its table, keep it.

Whatever a function does wrong is the failure of that shard and is told with its item. What would
meet every shard, such as a function that cannot be imported, or a full disk, ends the run.
"""

from __future__ import annotations

import faulthandler
import logging
import math
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from kblib import files
from kblib.errors import JobError
from kblib.jobs.batch import BatchTask
from kblib.jobs.named_function import NamedFunction
from kblib.jobs.watchdog import HANG_MIN
from kblib.runs import RunFolder
from kblib.runs.shards import ShardFiles, link_first

log = logging.getLogger("kblib.shards")

Outcome = tuple[int, float, str]
"""A shard, how long it took (s), and what went wrong; empty if nothing did."""
_SHOWN = 300
_WATCH_AGAIN_S = 1.0
_LOG = 2
"""What a worker says on its standard error stands in the log, whatever a function does to it."""


class AllShardsError(Exception):
    """What no other shard would fare better with, in plain words."""


class ShardWork:
    """The work on the shards of one run, in one process.

    Parameters
    ----------
    run
        The run folder.
    """

    def __init__(self, run: RunFolder) -> None:
        if run.functions.is_dir():
            sys.path.insert(0, str(run.functions))
        self.task = BatchTask.from_dict(run.config()["job"])
        self.function: Callable[..., Any] = NamedFunction.of(self.task.function).load()
        self.files = ShardFiles(run)
        self.hang_s = 60 * float(run.config().get("hang_min", HANG_MIN))
        self._columns: pl.Schema | None = None
        self._watched = -math.inf

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Give a block in which a shard that does not end ends this process, in time.

        Whatever it is in the middle of, and whoever holds the interpreter: a thread of C writes
        into the log where each thread is, and leaves. The head then counts the worker as lost.
        """
        self._watched = -math.inf
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _watch(self) -> None:
        now = time.monotonic()
        if now - self._watched > _WATCH_AGAIN_S:  # each time it is set costs a thread
            faulthandler.dump_traceback_later(self.hang_s, file=_LOG, exit=True)
            self._watched = now

    def carry_out(self, number: int) -> Outcome:
        """Do one shard, unless somebody has.

        Raises
        ------
        AllShardsError
            If the disk is full.
        """
        began = time.perf_counter()
        if self.files.is_done(number):
            return number, 0.0, ""
        self._watch()
        try:
            self._keep(number, self._called(number))
        except (Exception, SystemExit) as error:
            if files.disk_is_full(error):
                raise AllShardsError(f"The disk is full: {error}.") from error
            told = " ".join(f"{type(error).__name__}: {error}".split())[:_SHOWN]
            self._tell(number, told, traceback.format_exc())
            return number, time.perf_counter() - began, told
        return number, time.perf_counter() - began, ""

    def _called(self, number: int) -> pl.DataFrame:
        shard = self.task.shard(number)
        table = as_table(self.function(shard, **self.task.arguments), self.task.function)
        if self.task.corpus is not None:
            _check_ids(table, shard, self.task.function)
        return table

    def _keep(self, number: int, table: pl.DataFrame) -> None:
        table = self._with_columns_of_all(table)
        about = {"shard": str(number)}
        self.files.commit(number, lambda path: table.write_parquet(path, metadata=about))

    def _with_columns_of_all(self, table: pl.DataFrame) -> pl.DataFrame:
        """Return a table with the columns of the first one; a column of nothing takes its type."""
        if self._columns is None:
            if not self.files.columns_file.exists():
                _check_types(table)
                link_first(self.files.columns_file, table.clear().write_parquet)
            self._columns = pl.Schema(pl.read_parquet_schema(self.files.columns_file))
        if table.schema == self._columns:
            return table
        nothing = [name for name, kind in table.schema.items() if kind == pl.Null]
        known = {name: self._columns[name] for name in nothing if name in self._columns}
        table = table.cast(known)  # type: ignore[arg-type]
        if table.schema != self._columns:
            raise JobError(
                f"Its table has the columns {_said(table.schema)}.",
                f"The first one had {_said(self._columns)}; all tables of a run are alike.",
                "Give columns and types in the function: pl.DataFrame(rows, schema={...})",
            )
        return table

    def _tell(self, number: int, told: str, trace: str) -> None:
        item = self.task.item(number)
        log.warning("shard %d (%s) failed: %s", number, str(item)[:_SHOWN], told)
        about = {"shard": number, "item": item, "error": told, "trace": trace}
        self.files.write_failure(number, about)


def as_table(given: Any, function: str) -> pl.DataFrame:
    """Return what a function gave as a Polars table.

    Raises
    ------
    JobError
        If it is none.
    """
    if isinstance(given, pl.LazyFrame):
        given = given.collect()
    if isinstance(given, pa.Table | pa.RecordBatch):
        given = pl.DataFrame(given)
    if not isinstance(given, pl.DataFrame):
        raise JobError(
            f"{function} gave a {type(given).__name__}.",
            "A table of Polars or Arrow was expected.",
            "return pl.DataFrame({...}); of a pandas table: pl.from_pandas(table)",
        )
    if not given.width:
        raise JobError(
            f"{function} gave a table without columns.",
            "A shard that gives nothing has the columns of the others, and no rows.",
            "return pl.DataFrame(schema={...})",
        )
    return given


def _check_ids(table: pl.DataFrame, shard: pl.DataFrame, function: str) -> None:
    if "id" not in table.columns:
        raise JobError(
            f"The table of {function} has no column 'id'; it has {', '.join(table.columns)}.",
            "A result is joined back to its document, page and box by the id.",
            'Keep it: return shard.select("id", ...)',
        )
    known = table["id"].is_in(shard["id"].implode())
    strange = table["id"].filter(~known.fill_null(value=False))
    if len(strange):
        raise JobError(
            f"{function} gave the id {strange[0]!r}, which is not in its shard.",
            "Each row has the id of the document it tells of.",
            'Keep it: return shard.select("id", ...)',
        )


def _check_types(table: pl.DataFrame) -> None:
    """Refuse as the first table one that leaves a type open, which would be all others' then."""
    if untyped := [name for name, kind in table.schema.items() if kind == pl.Null]:
        raise JobError(
            f"Its column '{untyped[0]}' has no value, and so no type.",
            "It is the first table of the run, and all take the types of the first.",
            "Give them in the function: pl.DataFrame(rows, schema={...})",
        )


def _said(schema: pl.Schema) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in schema.items())


@lru_cache(maxsize=1)
def _work_of(folder: str) -> ShardWork:
    return ShardWork(RunFolder(Path(folder)))


def carry_out(folder: str, numbers: list[int]) -> dict[str, Any]:
    """Do some shards of a run, one after the other; what a worker is asked for, as plain data.

    Returns
    -------
    dict
        ``outcomes``, one a shard, and ``stops``: what should end the run, or nothing.
    """
    outcomes: list[Outcome] = []
    try:
        work = _work_of(folder)
        with work.watched():
            outcomes.extend(map(work.carry_out, numbers))  # those before an error stay in the list
    except Exception as error:
        log.exception("no shard can be done")
        kind = "" if isinstance(error, AllShardsError) else f"{type(error).__name__}: "
        return {"outcomes": outcomes, "stops": f"{kind}{error}"}
    return {"outcomes": outcomes, "stops": ""}
