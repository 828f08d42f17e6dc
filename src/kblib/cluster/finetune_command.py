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


def add_options(one: argparse.ArgumentParser) -> None:
    """Add what the command ``finetune`` takes."""
    one.add_argument("labels", help="a file of labels: .csv, .jsonl, .conllu, .conll")
    one.add_argument("--model", default="kb-mini-masked", help="folder or name")
    one.add_argument("--method", default="lora", help="lora, qlora, full or probe")
    one.add_argument("--epochs", type=float, default=4.0, help="(default: 4)")
    one.add_argument("--learning-rate", type=float, help="by default one usual for the size")
    one.add_argument("--seeds", type=int, nargs="+", default=[1], help="one training each")
    one.add_argument("--text", nargs="+", default=["text"], help="column of the text; two for pairs")
    one.add_argument("--label", default="label", help="column of the label")
    one.add_argument("--scale", action="store_true", help="labels are numbers on a scale")
    one.add_argument("--by", help="column whose groups stay whole; by default film, issue, ...")
    one.add_argument("--test", type=float, default=0.2, help="share to test on (default: 0.2)")
    one.add_argument("--balance", action="store_true", help="rare labels weigh as much as others")
    one.add_argument("--site", default="local", help="where (default: this machine)")
    one.add_argument("--save", metavar="FOLDER", help="wait for the end, and save it there")
