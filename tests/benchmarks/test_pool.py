"""The pool's benchmarks: what is compared is the same, and what is missed is said."""

from __future__ import annotations

from pathlib import Path
from resource import RUSAGE_SELF, getrusage

import polars as pl
import pytest

from benchmarks import pool, pool_killed
from benchmarks.pool import BARE, Found
from benchmarks.pool_killed import Record
from benchmarks.pool_shards import noted, spin, spin_into
from kblib.jobs.batch import BatchTask
from kblib.jobs.shard_work import carry_out
from kblib.runs import RunFolder
from kblib.runs.shards import ShardFiles


def test_bare_dask_and_pool_write_the_same_table(tmp_path: Path) -> None:
    task = BatchTask("benchmarks.pool_shards:spin", [7], {"ms": 0.0})
    run = RunFolder.create(tmp_path / "run", {"job": task.to_dict()})
    assert carry_out(str(run.path), [0])["outcomes"][0][2] == ""
    spin_into(str(tmp_path), 7, 0.0)
    ours, theirs = ShardFiles(run).file(0), tmp_path / "00007.parquet"
    assert pl.read_parquet(ours).equals(pl.read_parquet(theirs))


def test_shard_takes_its_processor_time() -> None:
    before = getrusage(RUSAGE_SELF)
    assert spin(3, 50.0)["shard"].to_list() == [3]
    after = getrusage(RUSAGE_SELF)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime >= 0.05


def test_interval_is_held_against_the_bar() -> None:
    bare = Found([10.0] * 6, 3.0)
    near, far = Found([12.9] * 6, 1.0), Found([12.0] * 5 + [13.1], 1.0)
    assert pool.missed({BARE: bare, "near": near}) == ()
    (sentence,) = pool.missed({BARE: bare, "far": far})
    assert "the far takes 1.310 times the seconds of bare Dask; at most 1.3 was wanted" in sentence


def test_no_op_costs_what_more_of_them_cost() -> None:
    size = pool.Size(no_ops=2_000, few=1_000)
    assert pool._no_op_ms(lambda shards, ms, workers: 5 + shards * 0.002, size, 2) == pytest.approx(
        2
    )


def test_second_commit_is_noticed(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {})
    shards, record = ShardFiles(run), Record()
    for number in range(3):
        shards.commit(number, lambda path: path.write_text("first"))

    class Seen:
        folder = run.path

    assert record.look(Seen()) == 3
    shards.file(1).unlink()
    shards.commit(1, lambda path: path.write_text("second"))
    assert record.look(Seen()) == 3
    assert record.changed == {1}
    (said,) = pool_killed._wrong("local", 3, record, [0, 1, 2])
    assert said == "Missed: on site local results were committed twice, such as [1]."
    assert len(pool_killed._wrong("local", 3, record, [0, 1, 1, 2])) == 2


def test_begun_shards_are_noted_by_process(tmp_path: Path) -> None:
    for shard in (4, 4, 5):
        noted(shard, str(tmp_path))
    (file,) = tmp_path.iterdir()
    assert file.read_text().split() == ["4", "4", "5"]
