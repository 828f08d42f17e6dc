"""``python -m kblib finetune``: labels in a file, a model by name, a run."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kblib.cluster.submit import submit
from kblib.errors import JobError
from kblib.jobs.finetune_job import Finetune
from kblib.labels import read_labels


def answer(arguments: argparse.Namespace) -> Iterator[str]:
    """Send the job; with ``--save`` wait for it and save what it made. Yield what is printed.

    Raises
    ------
    KblibError
        If the folder to save in is there, labels, model or site cannot be used, or the run fails.
    """
    if arguments.save is not None and Path(arguments.save).exists():
        raise JobError(
            f"There is a '{arguments.save}' already.",
            "A new folder was expected, so that nothing is written over.",
            f"--save {arguments.save}-2",
        )
    run = submit(job_of(arguments), site=arguments.site)
    yield f"{run!r}\n  Look: python -m kblib status {run.name}"
    if arguments.save is None:
        return
    model: Any = run.result()
    yield from scores_lines(model)
    yield f"  Saved: {model.save(arguments.save)}"


def job_of(arguments: argparse.Namespace) -> Finetune:
    """Return the job that a command line asks for."""
    text = arguments.text
    labels = read_labels(
        arguments.labels,
        text=text[0] if len(text) == 1 else tuple(text),
        label=arguments.label,
        scale=arguments.scale,
        separator=arguments.separator,
        encoding=arguments.encoding,
    )
    return Finetune(
        labels.split(test=arguments.test, by=arguments.by, time=arguments.time),
        arguments.model,
        method=arguments.method,
        epochs=arguments.epochs,
        learning_rate=arguments.learning_rate,
        seeds=tuple(arguments.seeds),
        balance="classes" if arguments.balance else "none",
    )


def scores_lines(model: Any) -> Iterator[str]:
    """Yield what a shell prints of a finetuned model: its scores, and those of each seed."""
    intervals = model.scores.get("intervals", {})
    yield f"{model!r}"
    for name, value in model.scores["test"].items():
        low, high = intervals.get(name, (None, None))
        yield f"  {name:<22} {value:.3f}" + ("" if low is None else f"   {low:.3f} to {high:.3f}")
    if len(model.seeds) > 1:
        yield model.seeds.to_string(index=False)
    for note in model.scores.get("notes", []):
        yield f"  Note: {note}"
