"""Where a lesson runs, in one line that a machine writes: no lesson has to guess what is there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kblib import settings
from kblib.sites import this_machine
from kbnotebooks import _html
from kbnotebooks._words import later, say, say_n

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
            return say("the embedded model, with make models")
        if self.where == "Binder":
            return say("your own machine, with make lab: nothing is lost there")
        if not self.cached:
            return say("larger models by name; kb.catalog() lists them")
        return say("your own texts; lesson 1 shows how they become a corpus")

    def __str__(self) -> str:
        gpus = say_n(self.gpus, "{n} GPU", "{n} GPUs") if self.gpus else say("no GPU")
        cores = say_n(self.cores, "{n} core", "{n} cores")
        own = ", ".join(self.models) or say("none yet")
        models = say("embedded") if EMBEDDED in self.models else own
        if self.cached:
            models = say("{models} and {n} from the hub", models=models, n=self.cached)
        cluster = (
            say("{name} commands are here", name=self.cluster) if self.cluster else say("none here")
        )
        return say(
            "You are on: {where} · {machine} · models: {models} · cluster: {cluster}. "
            "Next rung: {next}.",
            where=say(self.where),
            machine=f"{cores}, {self.memory_gib:.0f} GiB, {gpus}",
            models=models,
            cluster=cluster,
            next=self.next_rung,
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return _html.wrap(f"<p>{_html.text(str(self))}</p>")


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
    hub = "JUPYTERHUB_SERVICE_PREFIX" in environment
    return later("a JupyterHub session") if hub else later("this machine")


def _own_models() -> tuple[str, ...]:
    folders = (
        folder for place in settings.model_folders() if place.is_dir() for folder in place.iterdir()
    )
    return tuple(sorted({folder.name for folder in folders if (folder / "config.json").is_file()}))


def _hub_cache(environment: Mapping[str, str]) -> Path:
    """Return where the Hugging Face libraries keep what they have fetched, by their rules."""
    home = environment.get("HF_HOME") or "~/.cache/huggingface"
    return Path(environment.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()
