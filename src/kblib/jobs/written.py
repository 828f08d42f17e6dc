"""A job as a file of plain JSON: to be sent from a shell, or kept beside the numbers it made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from kblib.errors import JobError
from kblib.jobs.batch import BatchTask
from kblib.jobs.finetune_job import Finetune
from kblib.jobs.specs import Pretrain

if TYPE_CHECKING:
    from collections.abc import Mapping

AnyJob: TypeAlias = Pretrain | Finetune | BatchTask
KINDS: dict[str, Any] = {"pretrain": Pretrain, "finetune": Finetune, "batch": BatchTask}
"""Each reads with `from_dict` what its `save` wrote."""


def open_job(path: Path | str) -> AnyJob:
    """Read a job from a file that its `save` wrote, or from the folder of a run.

    Raises
    ------
    CorpusError
        If one of its corpora is no longer there.
    JobError
        If the file is none, or holds no job, or a corpus has been changed since.
    """
    place = Path(path)
    content = _content(place / "config.json" if place.is_dir() else place)
    said = content.get("job", content)
    kind = said.get("kind") if isinstance(said, dict) else None
    if kind not in KINDS:
        raise JobError(
            f"{path} holds no job that can be sent: its kind is {kind!r}.",
            f"One of these was expected: {', '.join(KINDS)}.",
            'Write one from a notebook: job.save("job.json")',
        )
    try:
        return KINDS[kind].from_dict(said)  # type: ignore[no-any-return]
    except (KeyError, TypeError) as error:
        raise JobError(
            f"The job in {path} lacks something, or has something that is unknown: {error}.",
            "A job of this version of the library was expected.",
            'Write it anew: job.save("job.json")',
        ) from None


def _content(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise JobError(
            f"There is no {path}.",
            "The file of a job, or the folder of a run, was expected.",
            'job.save("job.json"); runs: python -m kblib status',
        ) from None
    except (ValueError, OSError) as error:
        raise JobError(
            f"{path} cannot be read as a job: {error}.",
            "JSON was expected, as job.save writes it.",
            'job.save("job.json")',
        ) from None
    return content if isinstance(content, dict) else {}
