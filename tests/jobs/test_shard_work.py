"""The work on one shard: its result is there once and whole, and what goes wrong is told."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from kblib.corpora import Corpus
from kblib.jobs.batch import BatchTask
from kblib.jobs.shard_work import ShardWork, carry_out
from kblib.runs import RunFolder
from kblib.runs.shards import ShardFiles
from tests.disks import fill, mounted

SOURCE = '''"""Functions of a batch, as somebody writes them."""
import polars as pl
import pyarrow as pa

def number(shard):
    if shard == "bad":
        raise ValueError("no number in 'bad'")
    return pl.DataFrame({"n": [shard]}) if shard != "empty" else pl.DataFrame(schema={"n": int})

def upper(shard):
    return shard.select("id", pl.col("text").str.to_uppercase())

def without_id(shard):
    return shard.select("text")

def other_id(shard):
    return pl.DataFrame({"id": ["nowhere"]})

def no_id(shard):
    return shard.select(id=pl.when(pl.int_range(pl.len()) > 0).then("id"))

def leaves(shard):
    raise SystemExit(3)

def give(shard):
    return {"arrow": pa.table({"n": [1]}), "lazy": pl.LazyFrame({"n": [1]}),
            "null": pl.DataFrame({"n": [None]}), "text": pl.DataFrame({"n": ["a"]}),
            "none": None, "bare": pl.DataFrame()}[shard]
'''


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "shard_functions.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "shard_functions", raising=False)
    return "shard_functions"


def run_of(task: BatchTask, folder: Path) -> RunFolder:
    return RunFolder.create(folder / "run", {"job": task.with_saved_corpus().to_dict()})


def errors(run: RunFolder, *numbers: int) -> list[str]:
    done = carry_out(str(run.path), list(numbers))
    assert done["stops"] == ""
    return [told for _, _, told in done["outcomes"]]


def test_each_shard_gets_its_file_and_others_go_on_after_a_failure(functions, tmp_path) -> None:
    run = run_of(BatchTask(f"{functions}:number", [1, "bad", 3, "empty"]), tmp_path)
    assert errors(run, 0, 1, 2, 3) == ["", "ValueError: no number in 'bad'", "", ""]
    shards = ShardFiles(run)
    assert shards.done() == [0, 2, 3]
    assert [pl.read_parquet(shards.file(n))["n"].to_list() for n in (0, 2, 3)] == [[1], [3], []]
    told = shards.failed()[1]
    assert (told["item"], told["error"]) == ("bad", "ValueError: no number in 'bad'")
    assert "in number" in told["trace"]


def test_shard_that_is_done_is_not_done_again(functions, tmp_path) -> None:
    run = run_of(BatchTask(f"{functions}:number", [1]), tmp_path)
    errors(run, 0)
    before = ShardFiles(run).file(0).stat()
    assert carry_out(str(run.path), [0])["outcomes"] == [(0, 0.0, "")]
    assert ShardFiles(run).file(0).stat() == before


def test_second_writer_of_a_shard_changes_nothing(tmp_path) -> None:
    run = run_of(BatchTask("polars:DataFrame", [{}]), tmp_path)
    shards = ShardFiles(run)
    assert shards.commit(0, lambda path: path.write_text("first"))
    assert not shards.commit(0, lambda path: path.write_text("second"))
    assert shards.file(0).read_text() == "first"
    assert [path.name for path in shards.file(0).parent.iterdir()] == ["00000.parquet"]


def test_corpus_keeps_its_ids(functions, films: Corpus, tmp_path, tmp_home) -> None:
    run = run_of(BatchTask(f"{functions}:upper", films, rows=300), tmp_path)
    assert errors(run, 0, 1) == ["", ""]
    shards = ShardFiles(run)
    found = pl.concat([pl.read_parquet(shards.file(n)) for n in (0, 1)])
    assert found["id"].to_list() == [one.id for one in films]
    assert found["text"].to_list() == [one.text.upper() for one in films]


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("without_id", "JobError: The table of shard_functions:without_id has no column 'id'"),
        ("other_id", "JobError: shard_functions:other_id gave the id 'nowhere', which is not in"),
        ("no_id", "JobError: shard_functions:no_id gave the id None, which is not in its shard"),
        ("leaves", "SystemExit: 3"),
    ],
)
def test_lost_or_strange_ids_are_a_failure(
    functions, films: Corpus, tmp_path, tmp_home, function, said
) -> None:
    run = run_of(BatchTask(f"{functions}:{function}", films, rows=400), tmp_path)
    (told,) = errors(run, 0)
    assert told.startswith(said)


def test_tables_are_alike_or_it_is_said(functions, tmp_path) -> None:
    run = run_of(
        BatchTask(f"{functions}:give", ["arrow", "lazy", "null", "text", "none", "bare"]), tmp_path
    )
    arrow, lazy, null, text, none, bare = errors(run, *range(6))
    assert (arrow, lazy, null) == ("", "", "")
    assert pl.read_parquet(ShardFiles(run).file(2)).schema == {"n": pl.Int64}
    assert text.startswith("JobError: Its table has the columns n (String). The first one had n (I")
    assert none.startswith("JobError: shard_functions:give gave a NoneType. A table of Polars or")
    assert bare.startswith("JobError: shard_functions:give gave a table without columns.")


def test_first_table_without_types_fails_alone(functions, tmp_path) -> None:
    """Which shard comes first is luck; it must not decide about all others."""
    run = run_of(BatchTask(f"{functions}:give", ["null", "arrow", "lazy"]), tmp_path)
    null, arrow, lazy = errors(run, 0, 1, 2)
    assert null == (
        "JobError: Its column 'n' has no value, and so no type. It is the first table of the run, "
        "and all take the types of the first. Give them in the function: "
        "pl.DataFrame(rows, schema={...})"
    )
    assert (arrow, lazy) == ("", "")
    assert errors(run, 0) == [""]  # by now the types are known
    assert pl.read_parquet(ShardFiles(run).file(0)).schema == {"n": pl.Int64}


def test_function_that_is_gone_ends_the_run(functions, tmp_path, monkeypatch) -> None:
    run = run_of(BatchTask(f"{functions}:number", [1]), tmp_path)
    (tmp_path / "shard_functions.py").unlink()
    monkeypatch.delitem(sys.modules, "shard_functions")
    done = carry_out(str(run.path), [0])
    assert done["outcomes"] == []
    assert done["stops"].startswith("JobError: The module 'shard_functions' cannot be imported")


def test_full_disk_ends_the_run_and_leaves_no_half_file(functions, tmp_path) -> None:
    with mounted(tmp_path / "disk", mib=2) as disk:
        run = run_of(BatchTask(f"{functions}:number", [1, 2]), disk)
        work = ShardWork(run)
        assert work.carry_out(0)[2] == ""
        fill(disk, leaving=0)
        done = carry_out(str(run.path), [1])
        assert done["stops"].startswith("The disk is full: ")
        assert [path.name for path in ShardFiles(run).file(0).parent.iterdir()] == ["00000.parquet"]
        assert not ShardFiles(run).is_done(1)


def test_arrow_batch_is_a_table() -> None:
    from kblib.jobs.shard_work import as_table

    batch = pa.RecordBatch.from_pydict({"n": [1, 2]})
    assert as_table(batch, "f")["n"].to_list() == [1, 2]
