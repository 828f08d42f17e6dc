from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

from kblib import files, settings
from kblib.errors import TrainingError
from kblib.runs import RunFolder
from kblib.training.checkpoint import (
    Found,
    find_checkpoint,
    full_disk,
    save_checkpoint,
)
from kblib.training.engine import Batch, StepOutcome, Write
from kblib.training.state_files import Sums, shard_name
from tests.disks import fill
from tests.training.conftest import MakeEngine


class Writer:
    """An engine that only writes: 4 KiB of weights, and 8 KiB of the optimiser's."""

    rank, world_size = 0, 2

    def step(
        self, micro_batches: list[Batch], learning_rate: float, stop: Callable[[], bool]
    ) -> StepOutcome:
        raise NotImplementedError

    def any_rank(self, flag: bool) -> bool:
        return flag

    def load(self, folder: Path) -> None:
        raise NotImplementedError

    def give_weights_to(self, objective: nn.Module | None) -> None:
        raise NotImplementedError

    def save(self, folder: Path) -> Sums:
        (folder / "model.safetensors").write_bytes(os.urandom(4096))
        (folder / "optimizer.safetensors").write_bytes(os.urandom(8192))
        return {}

    def copied(self) -> Write:
        return self.save


@pytest.fixture
def run(tmp_home: Path) -> RunFolder:
    return RunFolder.create(settings.runs_folder() / "films", {})


@pytest.fixture
def saved(run: RunFolder) -> RunFolder:
    """Give a run with the checkpoints of steps 10, 20 and 30."""
    for step in (10, 20, 30):
        save_checkpoint(run, Writer(), step, keep=3)
    return run


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def leftovers(run: RunFolder) -> list[str]:
    return [path.name for path in run.checkpoints.iterdir() if path.name.startswith(".")]


# save_checkpoint


def test_checkpoint_says_step_and_ranks(saved: RunFolder) -> None:
    manifest = files.check_folder(saved.checkpoint(20), contents=True)
    assert (manifest["kind"], manifest["step"], manifest["world_size"]) == ("checkpoint", 20, 2)


@pytest.mark.parametrize(("keep", "left"), [(1, [40]), (2, [30, 40]), (9, [10, 20, 30, 40])])
def test_newest_are_kept(saved: RunFolder, keep: int, left: list[int]) -> None:
    save_checkpoint(saved, Writer(), 40, keep=keep)
    assert saved.checkpoint_steps() == left


def test_damaged_later_ones_do_not_count_as_kept(saved: RunFolder) -> None:
    """After going back to step 10 and stopping at 15, 10 must not go for the sake of 20 and 30."""
    for step in (20, 30):
        flip_a_bit(saved.checkpoint(step) / "model.safetensors")
    save_checkpoint(saved, Writer(), 15, keep=2)
    assert saved.checkpoint_steps() == [10, 15, 20, 30]
    found = find_checkpoint(saved)
    assert found is not None
    assert found.step == 15


def test_damaged_one_gives_way_when_its_step_is_saved_again(saved: RunFolder) -> None:
    flip_a_bit(saved.checkpoint(30) / "model.safetensors")
    save_checkpoint(saved, Writer(), 30, keep=2)
    found = find_checkpoint(saved)
    assert found == Found(30, saved.checkpoint(30), ())
    assert saved.checkpoint_steps() == [20, 30]


def test_other_errors_are_not_taken_for_a_full_disk(
    saved: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(saved.checkpoints)
    saved.checkpoints.write_text("in the way")
    with pytest.raises(OSError, match=r"exists|directory") as caught:
        save_checkpoint(saved, Writer(), 40, keep=2)
    assert not isinstance(caught.value, TrainingError)


def test_full_disk_leaves_the_checkpoint_before_whole(
    small_disk: Path, make_engine: MakeEngine
) -> None:
    """The real engine writes; safetensors meets the end of a real disk."""
    run, engine = RunFolder.create(small_disk / "runs" / "films", {}), make_engine()
    save_checkpoint(run, engine, 10, keep=2)
    filler = fill(small_disk, leaving=50_000)
    with pytest.raises(TrainingError) as caught:
        save_checkpoint(run, engine, 20, keep=2)
    free_mib = shutil.disk_usage(small_disk).free / 2**20
    assert str(caught.value) == (
        f"The disk is full: {free_mib:.1f} MiB are free below {small_disk}/runs. "
        "The checkpoint of step 10 is whole.\n"
        "  Free some space, then kb.Run.open('films').resume()"
    )
    assert run.checkpoint_steps() == [10]
    assert leftovers(run) == []
    files.check_folder(run.checkpoint(10), contents=True)
    make_engine(seed=2).load(run.checkpoint(10))
    filler.unlink()
    save_checkpoint(run, engine, 20, keep=2)
    assert run.checkpoint_steps() == [10, 20]


def test_full_disk_at_the_first_checkpoint_says_that_there_is_none(small_disk: Path) -> None:
    run = RunFolder.create(small_disk / "runs" / "films", {})
    fill(small_disk)
    with pytest.raises(TrainingError, match=r"None was saved before\."):
        save_checkpoint(run, Writer(), 10, keep=2)
    assert [path for path in run.checkpoints.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("rank", [0, 1])
def test_full_disk_takes_nothing_from_other_ranks(run: RunFolder, rank: int) -> None:
    """They write into the same folder, and would fail for want of it before this rank tells why."""

    class Peer(Writer):
        def save(self, folder: Path) -> Sums:
            for one in (0, 1):
                (folder / shard_name(one)).touch()
            (folder / "model.safetensors").touch()
            raise OSError(errno.ENOSPC, "No space left on device")

    peer = Peer()
    peer.rank = rank
    parts = run.checkpoints / ".step-00000010.parts"
    parts.mkdir()
    with pytest.raises(TrainingError, match="The disk is full"):
        save_checkpoint(run, peer, 10, keep=2)
    left = {path.name for path in parts.iterdir()}
    assert left == {shard_name(1 - rank)} | ({"model.safetensors"} if rank else set())
    run.tidy()
    assert not parts.exists()


def test_full_disk_calls_only_that_whole_which_is(run: RunFolder) -> None:
    for step in (10, 20):
        save_checkpoint(run, Writer(), step, keep=2)
    flip_a_bit(run.checkpoint(20) / "model.safetensors")
    assert full_disk(run).expected == "The checkpoint of step 10 is whole."


# find_checkpoint


def test_without_checkpoints_there_is_none(run: RunFolder) -> None:
    assert find_checkpoint(run) is None


def test_newest_is_found(saved: RunFolder) -> None:
    assert find_checkpoint(saved) == Found(30, saved.checkpoint(30), ())


def test_damaged_byte_is_passed_over_and_said(saved: RunFolder) -> None:
    path = saved.checkpoint(30) / "optimizer.safetensors"
    flip_a_bit(path)
    said = f"{path} has been changed or damaged. Its SHA-256 is not the manifest's."
    assert find_checkpoint(saved) == Found(20, saved.checkpoint(20), (f"step 30: {said}",))


def test_truncated_file_is_passed_over_and_said(saved: RunFolder) -> None:
    path = saved.checkpoint(30) / "model.safetensors"
    os.truncate(path, 4095)
    found = find_checkpoint(saved)
    assert found is not None
    assert found.step == 20
    assert found.passed_over == (f"step 30: {path} has 4095 bytes. Its manifest says 4096.",)


def test_missing_file_is_passed_over_and_said(saved: RunFolder) -> None:
    path = saved.checkpoint(30) / "model.safetensors"
    path.unlink()
    found = find_checkpoint(saved)
    assert found is not None
    assert found.step == 20
    assert found.passed_over[0].startswith(f"step 30: {path} is missing.")


def test_missing_manifest_is_passed_over_and_said(saved: RunFolder) -> None:
    path = saved.checkpoint(30) / files.MANIFEST
    path.unlink()
    found = find_checkpoint(saved)
    assert found is not None
    assert found.step == 20
    assert found.passed_over == (f"step 30: {path} is missing. It should hold a JSON object.",)


@pytest.mark.parametrize("content", ["", "{", "{}", "[]"])
def test_manifest_that_says_nothing_is_passed_over(saved: RunFolder, content: str) -> None:
    (saved.checkpoint(30) / files.MANIFEST).write_text(content)
    found = find_checkpoint(saved)
    assert found is not None
    assert found.step == 20


def test_several_damaged_are_all_said_newest_first(saved: RunFolder) -> None:
    for step in (20, 30):
        flip_a_bit(saved.checkpoint(step) / "model.safetensors")
    found = find_checkpoint(saved)
    assert found is not None
    assert found.step == 10
    assert [said.split(":")[0] for said in found.passed_over] == ["step 30", "step 20"]


def test_half_written_folders_are_ignored(saved: RunFolder) -> None:
    """What a killed process leaves has another name until its rename."""
    half = saved.checkpoints / ".step-00000040.a1b2c3"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    assert find_checkpoint(saved) == Found(30, saved.checkpoint(30), ())
    save_checkpoint(saved, Writer(), 40, keep=3)
    assert saved.checkpoint_steps() == [20, 30, 40]


def test_run_without_any_whole_checkpoint_is_refused(run: RunFolder) -> None:
    save_checkpoint(run, Writer(), 10, keep=1)
    path = run.checkpoint(10) / "model.safetensors"
    path.unlink()
    manifest = run.checkpoint(10) / files.MANIFEST
    with pytest.raises(TrainingError) as caught:
        find_checkpoint(run)
    assert str(caught.value) == (
        f"No checkpoint of run 'films' is whole: step 10: {path} is missing. "
        f"{manifest} lists it. At least one was expected.\n"
        "  Start anew with kb.submit(job, fresh=True)."
    )
