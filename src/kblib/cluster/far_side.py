"""What a cluster does for a machine that reaches it by ssh: ``python -m kblib.cluster.far_side``.

A verb on the command line, JSON in, JSON out on the last line. Errors of ours go back as plain
data, to be raised where somebody reads them.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kblib
from kblib import files, settings
from kblib.cluster import gang
from kblib.cluster.job_parts import corpora_in, with_models_at
from kblib.cluster.resources import Resources
from kblib.cluster.run import Run
from kblib.cluster.show_script import script_before
from kblib.errors import KblibError, RunError, SiteError
from kblib.runs import Phase, RunFolder, open_run_folder, sharing
from kblib.runs.budget import set_budget

_NUMBERED = re.compile(r"-r\d+$")
"""Runs that were asked for with ``fresh=True``."""


def script(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the batch script that a run would get."""
    _check_version(str(asked["version"]))
    cluster = gang.cluster_of_config(asked["config"])
    resources = Resources(**asked["resources"])
    text = script_before(str(asked["name"]), cluster, resources, batch=bool(asked["batch"]))
    return {"script": text}


def make(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Make the folder of a run, if it is not there, and say what it needs that is missing."""
    _check_version(str(asked["version"]))
    settings.writable_home()
    sharing.check_share(asked["config"].get("share"))
    folders = {"corpora": settings.corpora_folder(), "models": settings.home() / "models"}
    path, new = _made(str(asked["name"]), {**asked["config"], "job": _job_here(asked, folders)})
    missing = {
        kind: [name for name, digest in asked[kind].items() if not _has(folder / name, digest)]
        for kind, folder in folders.items()
    }
    told = {kind: str(folder) for kind, folder in folders.items()}
    return {"path": str(path), "new": new, "folders": told, "missing": missing}


def _job_here(asked: Mapping[str, Any], folders: Mapping[str, Path]) -> dict[str, Any]:
    """Return a job whose corpora and models lie where they will on this machine."""
    models = {name: str(folders["models"] / name) for name in asked["models"]}
    job = with_models_at(asked["config"]["job"], models.get)
    for corpus in corpora_in(job):
        corpus["folder"] = str(folders["corpora"] / Path(corpus["folder"]).name)
    return job


def begin(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Begin a run, or let it go on; one that is under way or done is left as it is."""
    folder = open_run_folder(str(asked["name"]))
    run = Run(folder)
    state = run.state
    goes_on = state.phase in (Phase.STOPPED, Phase.FAILED)
    begins = goes_on or not folder.script_file.exists()
    if begins:  # one that was made and never begun, too: the connection may have gone between
        folder.ask_for(asked)
    if asked["budget_gpu_hours"] is not None:
        set_budget(folder, asked["budget_gpu_hours"])
    if begins:
        try:
            run.begin()
        except KblibError:
            if asked["new"]:
                shutil.rmtree(folder.path)
            raise
    return {"phase": run.state.phase.value}


def budget(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Set how many GPU-hours a run may take in all."""
    set_budget(open_run_folder(str(asked["name"])), asked["budget_gpu_hours"])
    return {}


def cancel(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Ask a run to stop."""
    run = Run(open_run_folder(str(asked["name"])))
    run.cancel()
    return {"phase": run.state.phase.value}


def _check_version(asked: str) -> None:
    if asked != kblib.__version__:
        raise SiteError(
            f"kbnotebooks on the cluster has version {kblib.__version__}.",
            f"Your machine has {asked}; both must be the same.",
            f"On the cluster: {sys.executable} -m pip install kbnotebooks=={asked}",
        )


def _made(name: str, config: Mapping[str, Any]) -> tuple[Path, bool]:
    """Return the folder of a run, and whether it was made just now."""
    path = settings.runs_folder() / name
    try:
        return RunFolder.create(path, config).path, True
    except FileExistsError:
        known = RunFolder(path).config()
    if known["submitted"] != config["submitted"] and _NUMBERED.search(name):
        raise RunError(
            f"There is a run '{name}' on the cluster already, from another machine.",
            "A new one was asked for.",
            "Submit it once more with fresh=True: it gets the next number.",
        )
    return path, False


def _has(folder: Path, digest: str) -> bool:
    try:
        same = files.sha256(folder / files.MANIFEST) == digest
        files.check_folder(folder, contents=False)
    except OSError:  # an IntegrityError is one
        return False
    return same


_VERBS = {"script": script, "make": make, "begin": begin, "budget": budget, "cancel": cancel}


def main(words: list[str]) -> int:
    """Carry out the verb of the command line."""
    try:
        answer = _VERBS[words[0]](json.load(sys.stdin))
    except KblibError as error:
        told = {"happened": error.happened, "expected": error.expected}
        answer = {
            "error": {"type": type(error).__name__, "next_step": error.next_step, **told},
        }
    sys.stdout.write("\n" + json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
