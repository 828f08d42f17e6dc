"""What a run of a batch takes along, whoever else begins it at the same moment."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from kblib.cluster import pool_run
from kblib.errors import JobError
from kblib.runs import RunFolder

SOURCE = "def f(shard): ...\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """Give a run whose function stands in a file beside the notebook."""
    (tmp_path / "beside_notebook.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "beside_notebook", raising=False)
    config = {"job": {"function": "beside_notebook:f"}, "pool": {"shards": 1}}
    return RunFolder.create(tmp_path / "run", config)


def test_two_who_begin_a_batch_carry_its_function_once(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied, real = [], shutil.copy2

    def slow_copy(source: Path, target: Path) -> None:
        real(source, target)
        copied.append(target)
        if len(copied) == 1:  # the other one comes, and is done, before the first goes on
            pool_run.carry_function(run)

    monkeypatch.setattr(pool_run.shutil, "copy2", slow_copy)
    pool_run.carry_function(run)
    assert len(copied) == 2
    assert (run.functions / "beside_notebook.py").read_text() == SOURCE
    assert not list(run.path.glob(".functions*"))
    assert run.functions.stat().st_mode & 0o777 == 0o700


def test_module_that_is_too_large_is_refused_and_leaves_nothing(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_run, "_MOST_BYTES", len(SOURCE) - 1)
    with pytest.raises(JobError, match="Put the function into a file of its own"):
        pool_run.carry_function(run)
    assert not run.functions.exists()
