"""Where a lesson runs, in one line that a machine writes: no lesson has to guess what is there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kblib import settings
from kblib.sites import this_machine

EMBEDDED = "kb-mini-masked"
_SCHEDULERS = {"sbatch": "Slurm", "qsub": "PBS"}


@dataclass(frozen=True)
class Place:
    """What is at hand: machine, models, cluster, and what the next larger step would be.

    Parameters
    ----------
    where
        This machine, a JupyterHub session, or Binder.
    cores, memory_gib, gpus
        What may be used, not what the hardware has.
    models
        Names of models in the project's own folders.
    cached
        How many models of the Hugging Face hub lie on this machine.
    cluster
        The scheduler whose commands are here; empty if there is none.
    """

    where: str
    cores: int
    memory_gib: float
    gpus: int
    models: tuple[str, ...]
    cached: int
    cluster: str

    @property
    def next_rung(self) -> str:
        """What a reader could do to have more."""
        if not self.models:
            return "the embedded model, with make models"
        if self.where == "Binder":
            return "your own machine, with make lab: nothing is lost there"
        if not self.cached:
            return "larger models by name; kb.catalog() lists them"
        return "your own texts; lesson 1 shows how they become a corpus"

    def __str__(self) -> str:
        gpus = "no GPU" if not self.gpus else f"{self.gpus} GPU{'s' if self.gpus > 1 else ''}"
        models = "embedded" if EMBEDDED in self.models else ", ".join(self.models) or "none yet"
        if self.cached:
            models += f" and {self.cached} from the hub"
        machine = (
            f"{self.cores} core{'s' if self.cores != 1 else ''}, {self.memory_gib:.0f} GiB, {gpus}"
        )
        cluster = f"{self.cluster} commands are here" if self.cluster else "none here"
        return (
            f"You are on: {self.where} · {machine} · models: {models} · cluster: {cluster}. "
            f"Next rung: {self.next_rung}."
        )

    __repr__ = __str__


def here() -> Place:
    """Say where this notebook runs and what is at hand; nothing is opened or downloaded for it."""
    machine = this_machine()
    found = [name for command, name in _SCHEDULERS.items() if shutil.which(command)]
    return Place(
        where=_where(os.environ),
        cores=machine.cores,
        memory_gib=machine.memory_gib,
        gpus=machine.gpus,
        models=_own_models(),
        cached=len(list(_hub_cache(os.environ).glob("models--*"))),
        cluster=found[0] if found else "",
    )


def _where(environment: Mapping[str, str]) -> str:
    if "BINDER_SERVICE_HOST" in environment or "BINDER_REPO_URL" in environment:
        return "Binder"
    return "a JupyterHub session" if "JUPYTERHUB_SERVICE_PREFIX" in environment else "this machine"


def _own_models() -> tuple[str, ...]:
    folders = (
        folder for place in settings.model_folders() if place.is_dir() for folder in place.iterdir()
    )
    return tuple(sorted({folder.name for folder in folders if (folder / "config.json").is_file()}))


def _hub_cache(environment: Mapping[str, str]) -> Path:
    """Return where the Hugging Face libraries keep what they have fetched, by their rules."""
    home = environment.get("HF_HOME") or "~/.cache/huggingface"
    return Path(environment.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()
