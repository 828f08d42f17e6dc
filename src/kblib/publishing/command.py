"""``python -m kblib bundle``: a model that may leave the house, from a shell."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from kblib import settings
from kblib.corpora import Corpus
from kblib.errors import ModelError, RunError
from kblib.publishing.bundle import Bundle
from kblib.runs import open_run_folder


def answer(arguments: argparse.Namespace) -> Iterator[str]:
    """Look at the rights and write the bundle; yield what the command prints.

    Raises
    ------
    KblibError
        If there is no such model, a file of it is damaged, or it may not leave.
    """
    data = [Corpus.open(name) for name in arguments.corpus]
    licences = dict(map(_named, arguments.licence))
    bundle = Bundle(_model(arguments.model), data, arguments.agreement, licences)
    yield bundle.table.astype(object).fillna("").to_string(index=False)
    if arguments.show:
        bundle.check()
        yield f"'{bundle.name}' may leave the house: {bundle.terms.value}."
        return
    _refuse_what_is_there(Path(arguments.out), replace=arguments.replace)
    target = bundle.save(arguments.out, replace=arguments.replace)
    yield f"Bundle {target}: {bundle.terms.value}.\n  Check a copy: sha256sum --check SHA256SUMS"


def _named(said: str) -> tuple[str, str]:
    """Return of what a licence is, and the licence."""
    name, mark, licence = said.rpartition("=")
    if not (mark and name.strip() and licence.strip()):
        raise ModelError(
            f"--licence got {said!r}.",
            "A name as --show has it and a licence were expected.",
            '--licence "genres=CC-BY-4.0"',
        )
    return name.strip(), licence.strip()


def _refuse_what_is_there(target: Path, *, replace: bool) -> None:
    if target.exists() and not replace:
        raise ModelError(
            f"There is something at {target} already.",
            "A new folder was expected.",
            "Name another one, or --replace it",
        )


def _model(name: str) -> str | Path:
    """Return the model that is meant: the result of a run where there is a run of that name."""
    if not (settings.runs_folder() / name / "state.json").is_file():
        return name
    run = open_run_folder(name)
    if not run.model.is_dir():
        raise RunError(
            f"Run '{run.name}' has no model: it is {run.state().phase.value}.",
            "A bundle is made of the result of a training that is done.",
            f"python -m kblib status {run.name}",
        )
    return run.model
