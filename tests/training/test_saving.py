"""Checkpoints written beside the training: whole or not there, whatever happens meanwhile."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from kblib import files, settings
from kblib.errors import TrainingError
from kblib.models.shape import ModelShape
from kblib.runs import RunFolder
from kblib.training.batches import RandomBatches
from kblib.training.checkpoint import find_checkpoint, parts_of, save_checkpoint
from kblib.training.config import TrainingConfig
from kblib.training.engine import Write
from kblib.training.saving import Saver
from kblib.training.state_files import Sums
from tests.training.conftest import MakeEngine
from tests.training.test_checkpoint import Writer

PATIENCE_S = 120.0


class Slow(Writer):
    """An engine whose writing waits until it is let go on."""

    def __init__(self, rank: int = 0, world_size: int = 1) -> None:
        self.rank, self.world_size = rank, world_size
        self.go_on, self.began = threading.Event(), threading.Event()
        self.error: Exception | None = None

    def copied(self) -> Write:
        def write(folder: Path) -> Sums:
            self.began.set()
            (folder / f"rank-{self.rank:05d}.safetensors").write_bytes(b"half of it")
            assert self.go_on.wait(PATIENCE_S)
            if self.error is not None:
                raise self.error
            return {}

        return write


@pytest.fixture
def run(tmp_home: Path) -> RunFolder:
    return RunFolder.create(settings.runs_folder() / "films", {})


def let_go(engine: Slow) -> Slow:
    engine.go_on.set()
    return engine


def save_and_fail(saver: Saver) -> None:
    with saver:
        saver.begin(10)
        raise ZeroDivisionError


def test_state_of_the_step_is_written_though_training_goes_on(
    run: RunFolder, make_engine: MakeEngine, shape: ModelShape, config: TrainingConfig
) -> None:
    engine, batches = make_engine(), RandomBatches(shape, config)
    engine.step(batches.step(0), 1e-3)
    save_checkpoint(run, engine, 1, keep=9)
    with Saver(run, engine, keep=9) as saver:
        saver.begin(2)
        for step in range(1, 4):
            engine.step(batches.step(step), 1e-3)
    waited, beside = (files.read_manifest(run.checkpoint(step))["files"] for step in (1, 2))
    assert waited == beside
    again = make_engine(seed=7)
    again.load(run.checkpoint(2))
    weights = dict(engine.objective.named_parameters())
    assert any(not torch.equal(value, weights[n]) for n, value in again._parameters.items())


def test_training_goes_on_while_it_is_written(run: RunFolder) -> None:
    engine = Slow()
    with Saver(run, engine, keep=2) as saver:
        saver.begin(10)
        assert engine.began.wait(PATIENCE_S)
        saver.look()
        assert run.checkpoint_steps() == []
        engine.go_on.set()
        saver.finish()
        assert run.checkpoint_steps() == [10]
    files.check_folder(run.checkpoint(10), contents=True)


def test_next_checkpoint_waits_for_the_one_before(run: RunFolder) -> None:
    engine = Slow()
    with Saver(run, engine, keep=2) as saver:
        saver.begin(10)
        assert engine.began.wait(PATIENCE_S)
        second = threading.Thread(target=saver.begin, args=(20,))
        second.start()
        assert not parts_of(run, 20).exists()
        engine.go_on.set()
        second.join(PATIENCE_S)
        assert run.checkpoint(10).is_dir()
    assert run.checkpoint_steps() == [10, 20]


def test_sealed_when_the_last_rank_has_written(run: RunFolder) -> None:
    first, second = let_go(Slow(0, 2)), let_go(Slow(1, 2))
    one, other = (Saver(run, engine, keep=2) for engine in (first, second))
    one.begin(10)
    assert first.began.wait(PATIENCE_S)
    assert run.checkpoint_steps() == []
    other.begin(10)
    other.finish()
    one.finish()
    manifest = files.check_folder(run.checkpoint(10), contents=True)
    assert set(manifest["files"]) == {f"rank-{rank:05d}.safetensors" for rank in range(2)}
    assert manifest["world_size"] == 2


def test_oldest_are_let_go(run: RunFolder) -> None:
    with Saver(run, let_go(Slow()), keep=2) as saver:
        for step in (10, 20, 30):
            saver.begin(step)
    assert run.checkpoint_steps() == [20, 30]


def test_full_disk_is_told_at_the_next_look(run: RunFolder) -> None:
    engine = Slow()
    save_checkpoint(run, Writer(), 10, keep=2)
    saver = Saver(run, engine, keep=2)
    engine.error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    saver.begin(20)
    engine.go_on.set()
    with pytest.raises(TrainingError, match=r"The checkpoint of step 10 is whole\."):
        saver.finish()
    saver.look()
    assert run.checkpoint_steps() == [10]
    assert not list(parts_of(run, 20).glob("*.safetensors"))


def test_other_errors_are_told_as_they_are(run: RunFolder) -> None:
    engine = Slow()
    engine.error = ValueError("no number")
    saver = Saver(run, engine, keep=2)
    saver.begin(20)
    engine.go_on.set()
    with pytest.raises(ValueError, match="no number"):
        saver.finish()
    assert run.checkpoint_steps() == []


def test_error_of_a_later_step_leaves_the_checkpoint_before_it(run: RunFolder) -> None:
    with pytest.raises(ZeroDivisionError):
        save_and_fail(Saver(run, let_go(Slow()), keep=2))
    assert run.checkpoint_steps() == [10]


def test_rank_that_fails_does_not_wait_for_peers_for_ever(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kblib.training.saving._LAST_S", 0.01)
    saver = Saver(run, let_go(Slow(0, 2)), keep=2)
    with pytest.raises(ZeroDivisionError):
        save_and_fail(saver)
    assert saver._thread is not None
    saver._thread.join(PATIENCE_S)
    assert not saver._thread.is_alive()
    assert run.checkpoint_steps() == []


KILLED = """
import sys, time
from pathlib import Path
from kblib.runs import RunFolder
from kblib.training.checkpoint import save_checkpoint
from kblib.training.saving import Saver
from tests.training.test_saving import Slow, Writer

run = RunFolder(Path(sys.argv[1]))
save_checkpoint(run, Writer(), 10, keep=2)
engine = Slow()
Saver(run, engine, keep=2).begin(20)
assert engine.began.wait(60)
print("half", flush=True)
time.sleep(600)
"""


def test_killed_while_it_writes_leaves_the_checkpoint_before(run: RunFolder) -> None:
    words = [sys.executable, "-c", KILLED, str(run.path)]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=root)
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE_S)
    process.stdout.close()
    assert parts_of(run, 20).exists()
    found = find_checkpoint(run)
    assert found is not None
    assert found.step == 10
    run.tidy()
    assert not parts_of(run, 20).exists()
    assert run.checkpoint_steps() == [10]
