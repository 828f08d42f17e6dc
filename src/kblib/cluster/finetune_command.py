"""``python -m kblib finetune``: labels in a file, a model by name, a run."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from kblib.cluster.submit import submit
from kblib.jobs.finetune_job import Finetune
from kblib.labels import read_labels


def answer(arguments: argparse.Namespace) -> Iterator[str]:
    """Send the job; with ``--save`` wait for it and save what it made. Yield what is printed.

    Raises
    ------
    KblibError
        If labels, model or site cannot be used, or the run fails.
    """
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
        text=text[0] if len(text) == 1 else (text[0], text[1]),
        label=arguments.label,
        scale=arguments.scale,
    )
    return Finetune(
        labels.split(test=arguments.test, by=arguments.by),
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
        yield f"  {name:<22} {value:.3f}" + (f"   {low:.3f} to {high:.3f}" if low else "")
    if len(model.seeds) > 1:
        yield model.seeds.to_string(index=False)
    for note in model.scores.get("notes", []):
        yield f"  Note: {note}"
