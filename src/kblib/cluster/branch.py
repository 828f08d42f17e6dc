"""Branch off: a new run that goes on from a checkpoint of another one, with something changed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from kblib import files
from kblib.errors import JobError, RunError
from kblib.jobs.specs import Pretrain
from kblib.runs import RunFolder, journal

_WHOLE_PICTURE = ("shape", "corpus", "continue_from", "engine")
"""What the weights, the optimiser's state and the tokens of a checkpoint belong to."""
_SPLIT = ("seed", "valid", "test", "split_by")
"""What decides which texts are held out; a branch must not learn what its parent was scored by."""


def branch_folder(parent: RunFolder, step: int | None, changes: Mapping[str, Any]) -> RunFolder:
    """Return the folder of a run that goes on from a checkpoint of another; made if need be.

    It has the weights, the optimiser's state, the place in the data and the curve up to there. The
    same branch asked for again is the same folder.

    Parameters
    ----------
    step
        A step that has a checkpoint; by default the newest.
    changes
        Fields of the job that are other from there on.

    Raises
    ------
    JobError
        If a change does not fit the checkpoint, or the job ends before it.
    RunError
        If there is no such checkpoint.
    IntegrityError
        If it is damaged.
    """
    said = parent.config()["job"]
    if said["kind"] != "pretrain":
        raise JobError(
            f"Run '{parent.name}' is a {said['kind']}.",
            "Only a pretraining has branches; another finetuning takes minutes.",
            "kb.submit(kb.Finetune(labels, learning_rate=1e-4))",
        )
    job = _changed(Pretrain.from_dict(said), changes)
    found = _checkpoint(parent, step)
    if job.steps is not None and job.steps <= found:
        raise JobError(
            f"A branch from step {found} was asked for with steps={job.steps}.",
            "Steps count from the beginning of the parent; there would be nothing left to do.",
            f"run.branch(step={found}, steps={2 * found})",
        )
    path = parent.path.parent / f"{job.label}-{_hash(parent.name, found, job)}"
    if not path.exists():
        _make(path, parent, found, job)
    return RunFolder(path)


def _changed(job: Pretrain, changes: Mapping[str, Any]) -> Pretrain:
    fixed = [name for name in changes if name in (*_WHOLE_PICTURE, *_SPLIT)]
    if fixed:
        raise JobError(
            f"A branch was asked for with another {', '.join(fixed)}.",
            "Its checkpoint belongs to the model, the texts and the split of its parent.",
            "A new run from the weights alone: kb.Pretrain(corpus, continue_from=MODEL_FOLDER)",
        )
    if "steps" in changes:
        changes = {"tokens": None, "epochs": None, "minutes": None, **changes}
    try:
        return replace(job, **changes)
    except TypeError as error:
        raise JobError(
            f"A branch was asked for with {', '.join(changes)}: {error}.",
            "Fields of kb.Pretrain were expected.",
            "run.branch(learning_rate=1e-4)",
        ) from None


def _checkpoint(run: RunFolder, step: int | None) -> int:
    steps = run.checkpoint_steps()
    if not steps or (step is not None and step not in steps):
        there = ", ".join(map(str, steps)) or "none"
        wanted = "a checkpoint" if step is None else f"the checkpoint of step {step}"
        raise RunError(
            f"Run '{run.name}' has not {wanted}; there are: {there}.",
            "A branch begins where something was saved; the newest are kept.",
            f"kb.Run.open('{run.name}').branch()"
            if steps
            else "Wait for the first: save_every=...",
        )
    found = steps[-1] if step is None else step
    files.check_folder(run.checkpoint(found), contents=True)
    return found


def _make(path: Path, parent: RunFolder, step: int, job: Pretrain) -> None:
    """Make the folder whole, aside, and put it in place; who comes second changes nothing."""
    about = {"run": parent.name, "step": step}
    config = {**parent.config(), "job": job.with_saved_corpus().to_dict(), "branch": about}
    config.pop("after", None)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        new = RunFolder.create(Path(folder) / path.name, {**config, "submitted": time.time()})
        shutil.copytree(parent.checkpoint(step), new.checkpoint(step), copy_function=_linked)
        for line in parent.metrics():
            if int(line.get("step", 0)) <= step:
                journal.append(new.metrics_file, {**line, "attempt": 0})
        _keep_skips(parent, new, step)
        with suppress(FileExistsError):
            os.rename(new.path, path)


def _keep_skips(parent: RunFolder, new: RunFolder, step: int) -> None:
    if parent.skips_file.exists():
        skips = files.read_json(parent.skips_file)["skips"]
        files.write_json(new.skips_file, {"skips": [one for one in skips if one["step"] < step]})


def _linked(source: str, target: str) -> None:
    """Give a file a second name; where the disk cannot, copy it. Checkpoints are never changed."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _hash(parent: str, step: int, job: Pretrain) -> str:
    return hashlib.sha256(json.dumps([parent, step, job.key]).encode()).hexdigest()[:8]
