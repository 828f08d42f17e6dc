"""Checkpoints: sealed folders, the newest that is whole is the one to go on from."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kblib import files
from kblib.errors import IntegrityError, TrainingError
from kblib.runs import RunFolder
from kblib.training.engine import Engine, Write
from kblib.training.state_files import shard_name

_SUMS = ".sums-"


@dataclass(frozen=True)
class Found:
    """A checkpoint to go on from, and the newer ones that were passed over with the reason."""

    step: int
    folder: Path
    passed_over: tuple[str, ...]


def save_checkpoint(run: RunFolder, engine: Engine, step: int, *, keep: int) -> None:
    """Write the checkpoint of `step` aside, seal it, rename it.

    Then let go of the oldest beyond `keep`. Every rank calls this and writes its part; rank 0 seals
    when all have written.

    Raises
    ------
    TrainingError
        If the disk is full. What was saved before stays whole.
    """
    try:
        parts = empty_parts(run, engine, step)
        write_part(parts, engine.rank, engine.save)
        engine.any_rank(False)  # nobody asks the outcome of this vote: they wait for each other
        if engine.rank == 0:
            seal(run, step, engine.world_size, keep=keep)
    except Exception as error:  # safetensors has an exception of its own for a failed write
        take_back(engine, parts_of(run, step))
        if not files.disk_is_full(error):
            raise
        raise full_disk(run) from error


def parts_of(run: RunFolder, step: int) -> Path:
    """Return the folder into which the ranks write a checkpoint before it is sealed."""
    target = run.checkpoint(step)
    return target.with_name(f".{target.name}.parts")


def empty_parts(run: RunFolder, engine: Engine, step: int) -> Path:
    """Return an empty folder for the parts of all ranks; every rank calls this."""
    parts = parts_of(run, step)
    if engine.rank == 0:
        shutil.rmtree(parts, ignore_errors=True)
        parts.mkdir(parents=True)
    engine.any_rank(False)
    return parts


def write_part(parts: Path, rank: int, write: Write) -> None:
    """Write what a rank keeps, and then its checksums: where they are, the part is whole."""
    files.write_json(parts / f"{_SUMS}{rank}", write(parts))


def parts_missing(parts: Path, world_size: int) -> int:
    """Return how many ranks have not written all of their part."""
    return sum(not (parts / f"{_SUMS}{rank}").exists() for rank in range(world_size))


def seal(run: RunFolder, step: int, world_size: int, *, keep: int) -> None:
    """Make a checkpoint of the parts of all ranks, and let go of the oldest beyond `keep`."""
    parts = parts_of(run, step)
    about = {"kind": "checkpoint", "step": step, "world_size": world_size}
    known = _sums_of_all(parts)
    with files.sealed_folder(run.checkpoint(step), about, replace=True, known=known) as aside:
        for part in parts.iterdir():
            part.rename(aside / part.name)
    parts.rmdir()
    _let_go(run, step, keep)


def take_back(engine: Engine, parts: Path) -> None:
    """Remove what this rank wrote, for room; others may be writing into the folder still.

    Where it is taken from under them, they fail for another reason, and may be the first to tell.
    What they leave is removed when the next attempt begins.
    """
    if engine.world_size == 1:
        shutil.rmtree(parts, ignore_errors=True)
    own = shard_name(engine.rank)
    for path in parts.glob("*.safetensors"):
        if path.name == own or (engine.rank == 0 and not path.name.startswith("rank-")):
            path.unlink()


def _sums_of_all(parts: Path) -> dict[str, Any]:
    """Return the checksums that the ranks computed while they wrote: nothing is read again."""
    found: dict[str, Any] = {}
    for path in parts.glob(f"{_SUMS}*"):
        found.update(files.read_json(path))
        path.unlink()
    return found


def _let_go(run: RunFolder, step: int, keep: int) -> None:
    # Later ones are damaged, else training had gone on from them: they do not count as kept.
    upto_now = [saved for saved in run.checkpoint_steps() if saved <= step]
    for old in upto_now[:-keep]:
        shutil.rmtree(run.checkpoint(old))


def find_checkpoint(run: RunFolder) -> Found | None:
    """Return the newest checkpoint whose every file has the checksum of its manifest.

    None if there is none.
    """
    passed_over: list[str] = []
    for step in reversed(run.checkpoint_steps()):
        folder = run.checkpoint(step)
        try:
            files.check_folder(folder, contents=True)
        except IntegrityError as error:
            passed_over.append(f"step {step}: {error.happened} {error.expected}")
            continue
        return Found(step, folder, tuple(passed_over))
    if passed_over:
        raise TrainingError(
            f"No checkpoint of run '{run.name}' is whole: {'; '.join(passed_over)}",
            "At least one was expected.",
            "Start anew with kb.submit(job, fresh=True).",
        )
    return None


def full_disk(run: RunFolder) -> TrainingError:
    """Return the error of a run whose disk is full: what is kept, and how to go on."""
    free_mib = shutil.disk_usage(run.path).free / 2**20
    try:
        found = find_checkpoint(run)
    except TrainingError:
        found = None
    kept = f"The checkpoint of step {found.step} is whole." if found else "None was saved before."
    return TrainingError(
        f"The disk is full: {free_mib:.1f} MiB are free below {run.path.parent}.",
        kept,
        f"Free some space, then kb.Run.open('{run.name}').resume()",
    )
