"""Sending a run to a cluster that is reached by ssh, and fetching what came of it.

What this machine knows of the site, the job and its corpora goes there; the same version of the
library there queues, stops and continues the run (`kblib.cluster.far_side`). Here a mirror of the
run folder stays (`kblib.cluster.mirror`).
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import kblib
from kblib import errors, files, settings
from kblib.cluster import gang, mirror, pool_run
from kblib.cluster.access import is_elsewhere, ssh_of
from kblib.cluster.job_parts import corpora_in, models_in, with_models_at
from kblib.cluster.ssh import Ssh
from kblib.errors import IntegrityError, KblibError, RunError, SiteError
from kblib.models.catalog import local_folder
from kblib.runs import RunFolder
from kblib.runs.budget import budget_of, set_budget
from kblib.sites import Cluster
from kblib.sites.facts import overlay

FAR_SIDE = "kblib.cluster.far_side"
_DIGITS = 12
"""Of the checksum of a model's manifest, in the name of the folder it is in there."""
_START_S = 300.0
"""A Python on a busy disk starts within a minute; corpora and models are checked by checksum."""


@dataclass(frozen=True)
class FarSide:
    """The library on the cluster, asked over ssh.

    Parameters
    ----------
    cluster
        The site.
    ssh
        The way there.
    """

    cluster: Cluster
    ssh: Ssh

    def ask(self, verb: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Ask for one thing and return the answer; an error there is raised here.

        Raises
        ------
        SiteError
            If there is no such library, or no connection.
        KblibError
            What the library there raised.
        """
        done = self.ssh.run(
            ["bash", "-l", "-c", self._script(verb)], text=json.dumps(content), timeout_s=_START_S
        )
        answer = _last_json(done.stdout)
        if answer is None:
            raise self._does_not_start(done.stderr or done.stdout)
        if "error" in answer:
            raise _error(answer["error"])
        return answer

    def _script(self, verb: str) -> str:
        """Return shell lines: the site's modules, where runs lie there, then its Python."""
        cluster = self.cluster
        python = shlex.join([_python(cluster), "-m", FAR_SIDE, verb])
        variables = dict(cluster.environment)
        if cluster.remote_home:
            variables[settings.HOME_VARIABLE] = cluster.remote_home
        exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        return "\n".join([*cluster.setup, *exports, f"exec {cluster.prefix} {python}"])

    def _does_not_start(self, said: str) -> SiteError:
        last = (said.strip() or "it said nothing").splitlines()[-1]
        return SiteError(
            f"The library does not start on '{self.ssh.alias}': {last}.",
            f"kbnotebooks {kblib.__version__} was expected in {_python(self.cluster)} there.",
            f"Install it there, or put right in {overlay(self.cluster.site)}: "
            "[software] python, prefix, setup",
        )


def is_sent_by_ssh(run: RunFolder) -> bool:
    """Say whether a run's site is elsewhere."""
    return "resources" in run.config() and is_elsewhere(gang.cluster_of_run(run))


def begin(run: RunFolder) -> None:
    """Queue the next job of a run where its cluster is; send what is not there yet.

    Raises
    ------
    KblibError
        If the site is not reached, has another version of the library, or refuses the job.
    """
    cluster = gang.cluster_of_run(run)
    far = FarSide(cluster, mirror.connection_of(run))
    config = run.config()
    corpora = {Path(one["folder"]).name: Path(one["folder"]) for one in corpora_in(config["job"])}
    models = _models(config["job"])
    made = far.ask(
        "make",
        {
            "name": run.name,
            "version": kblib.__version__,
            "config": _config_there(
                {**config, "job": _without_places(config["job"], models)}, cluster
            ),
            "corpora": {name: _fingerprint(folder) for name, folder in corpora.items()},
            "models": {name: _fingerprint(folder) for name, folder in models.items()},
        },
    )
    for folders, kind in ((corpora, "corpora"), (models, "models")):
        for name in made["missing"][kind]:
            far.ssh.put(folders[name], PurePosixPath(made["folders"][kind]) / name)
    path = PurePosixPath(made["path"])
    if "pool" in config:
        pool_run.carry_function(run)
    if run.functions.exists():
        far.ssh.put(run.functions, path / run.functions.name)
    known = ("resources", "pool", "hang_min")
    asked: dict[str, Any] = {key: config[key] for key in known if key in config}
    about = {"name": run.name, "new": made["new"], "budget_gpu_hours": budget_of(run)}
    far.ask("begin", {**asked, **about})
    mirror.follow(run, str(path))


def cancel(run: RunFolder) -> None:
    """Ask a run to write a checkpoint and stop.

    Raises
    ------
    SiteError
        If the site is not reached: then nobody was asked.
    """
    FarSide(gang.cluster_of_run(run), mirror.connection_of(run)).ask("cancel", {"name": run.name})
    mirror.refresh(run, at_once=True)


def allow(run: RunFolder, gpu_hours: float) -> None:
    """Set how many GPU-hours a run may take in all, where it is.

    Raises
    ------
    JobError
        If it is no number above 0.
    SiteError
        If the site is not reached: then the old limit stays.
    """
    if mirror.is_mirror(run):
        far = FarSide(gang.cluster_of_run(run), mirror.connection_of(run))
        far.ask("budget", {"name": run.name, "budget_gpu_hours": gpu_hours})
    set_budget(run, gpu_hours)


def fetch_result(run: RunFolder) -> None:
    """Bring the result of a run that is done here, and check each sealed folder in it; once.

    Raises
    ------
    IntegrityError
        If a file is not what its manifest says.
    SiteError
        If the connection is lost.
    """
    about = files.read_json(run.mirror_file)
    if about.get("fetched"):
        return
    there = PurePosixPath(about["path"]) / run.result.name
    mirror.connection_of(run).get(there, run.result)
    try:
        for manifest in run.result.rglob(files.MANIFEST):
            files.check_folder(manifest.parent, contents=True)
    except IntegrityError as error:
        raise IntegrityError(
            error.happened,
            error.expected,
            f"It was damaged on the way, or lies so there; fetch it again: "
            f"kb.Run.open('{run.name}').result()",
        ) from None
    # It was read before a copy that may have taken an hour: others have looked since.
    files.write_json(run.mirror_file, {**files.read_json(run.mirror_file), "fetched": True})


def fetch_failures(run: RunFolder) -> None:
    """Bring what is said there of shards that failed.

    Raises
    ------
    SiteError
        If the connection is lost.
    """
    ssh = mirror.connection_of(run)
    there = PurePosixPath(files.read_json(run.mirror_file)["path"]) / run.failed.name
    shutil.rmtree(run.failed, ignore_errors=True)
    if ssh.run(["test", "-d", str(there)]).returncode == 0:
        ssh.get(there, run.failed)


def script_before(name: str, cluster: Cluster, resources: Mapping[str, Any], *, batch: bool) -> str:
    """Return the batch script that a new run of a name would get there; nothing is written.

    Raises
    ------
    KblibError
        If the site is not reached, or has another version of the library.
    """
    asked = {
        "name": name,
        "version": kblib.__version__,
        "config": _config_there({"site": cluster.name}, cluster),
        "resources": resources,
        "batch": batch,
    }
    return str(FarSide(cluster, ssh_of(cluster)).ask("script", asked)["script"])


def _python(cluster: Cluster) -> str:
    if cluster.python:
        return cluster.python
    raise SiteError(
        f"The file of site '{cluster.name}' has no 'python' under [software].",
        "A site that is reached by ssh needs one: this machine's is not there.",
        f'Add to {overlay(cluster.site)}: [software] python = "/path/there/to/bin/python"',
    )


def _config_there(config: Mapping[str, Any], cluster: Cluster) -> dict[str, Any]:
    """Return what was submitted, with the site as this machine knows it.

    There its commands are typed where they run.
    """
    facts = {**cluster.site.facts, "via": "here"}
    facts.pop("ssh", None)
    there = json.dumps({**config, "facts": facts}, default=str)  # a TOML file has dates
    return dict(json.loads(there))


def _models(job: Mapping[str, Any]) -> dict[str, Path]:
    """Return the models of a job that go along, by where they will lie there.

    Those of a folder of this library; others are found there by their name, as here.
    """
    found = {}
    for _, place in models_in(job):
        folder = local_folder(place)
        if folder is not None and (folder / files.MANIFEST).is_file():
            found[f"{_fingerprint(folder)[:_DIGITS]}/{folder.name}"] = folder
    return found


def _without_places(job: Mapping[str, Any], models: Mapping[str, Path]) -> dict[str, Any]:
    """Return a job whose models are named as `_models` does."""
    named = {str(folder): name for name, folder in models.items()}
    return with_models_at(job, lambda place: named.get(str(local_folder(place))))


def _fingerprint(folder: Path) -> str:
    return files.sha256(folder / files.MANIFEST)


def _last_json(said: str) -> dict[str, Any] | None:
    """Read the last line; modules and greetings may have said something before."""
    try:
        found = json.loads(said.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _error(told: Mapping[str, str]) -> KblibError:
    kind = getattr(errors, told["type"], RunError)
    known = isinstance(kind, type) and issubclass(kind, KblibError)
    error: KblibError = (kind if known else RunError)(
        told["happened"], told["expected"], told["next_step"]
    )
    return error
