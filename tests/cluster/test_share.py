"""What `submit` does about who may look, and about runs of others in the same folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from kblib import settings
from kblib.cluster import pool_run, snapshot, submit
from kblib.cluster.pool_scripts import worker_script
from kblib.cluster.render import render
from kblib.cluster.resources import Resources
from kblib.errors import RunError, SettingsError
from kblib.jobs.specs import Pretrain
from kblib.runs import Phase, RunFolder, RunState
from kblib.sites import cluster_of, load_site
from tests.cluster.test_render import SCRIPT
from tests.unix_users import UnixUser, unix_users

PLACE = """
from kblib.cluster.submit import _folder_for

class Job:
    label, key = "theirs", "12345678"
    def with_saved_corpus(self):
        return self
    def to_dict(self):
        return {"kind": "pretrain"}

print(_folder_for(Job(), {"site": "local"}, fresh=False).name)
"""


def test_jobs_of_a_shared_run_write_what_others_do_not_change() -> None:
    cluster = cluster_of(load_site("emulator"))
    asked = Resources(nodes=2).at(cluster)
    added = set(render(replace(SCRIPT, shared=True), cluster, asked).splitlines())
    added -= set(render(SCRIPT, cluster, asked).splitlines())
    assert added == {"umask 0027", "export SLURM_UMASK=0027"}


def test_workers_of_a_shared_pool_do_so_too(tmp_path: Path) -> None:
    cluster = cluster_of(load_site("emulator"))
    asked = Resources(nodes=1, walltime_hours=1).at(cluster)
    for share in ({}, {"share": "group"}):
        run = RunFolder.create(tmp_path / f"run{len(share)}", {"site": "x", **share})
        script = worker_script(run, cluster, asked, "tls://head:1", "worker-0", {})
        assert ("umask 0027" in script.splitlines()) is bool(share)


def test_code_that_goes_with_a_shared_run_is_nobodys_to_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkout may be open to a group: who changes what jobs run, runs as their owner."""
    module = tmp_path / "checkout" / "src" / "kblib" / "open_to_all.py"
    module.parent.mkdir(parents=True)
    module.write_text("def work(shard): ...\n")
    module.chmod(0o666)
    monkeypatch.setattr(settings, "checkout", lambda: tmp_path / "checkout")
    monkeypatch.syspath_prepend(str(module.parent))
    job = {"function": "open_to_all:work"}
    run = RunFolder.create(tmp_path / "run", {"site": "x", "share": "group", "job": job})
    with run.writing():
        snapshot.take(run)
        pool_run.carry_function(run)
    copies = [path for folder in (run.code, run.functions) for path in folder.rglob("*.py")]
    assert [path.name for path in copies] == [module.name] * 2
    for path in (run.code, run.functions, *run.code.rglob("*"), *run.functions.rglob("*")):
        assert not path.stat().st_mode & 0o022, path
    assert run.code.stat().st_mode & 0o777 == run.functions.stat().st_mode & 0o777 == 0o750


def test_a_private_run_is_not_opened_unasked(
    job: Pretrain, tmp_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("kblib.cluster.submit"), "check_share", lambda _: None)
    path = settings.runs_folder() / f"{job.label}-{job.key[:8]}"
    run = RunFolder.create(path, {"site": "local", "ranks": 1})
    run.write_state(RunState(Phase.DONE))
    with pytest.raises(RunError) as caught:
        submit(job, share="group")
    assert caught.value.happened == f"Run '{path.name}' of this job is private."
    assert caught.value.next_step == 'kb.submit(job, site="local", share="group", fresh=True)'


def test_a_home_that_is_closed_to_the_group_is_said_before_anything_is_written(
    job: Pretrain, tmp_home: Path
) -> None:
    tmp_home.chmod(0o700)
    with pytest.raises(SettingsError, match="is closed to group"):
        submit(job, share="group")
    assert not list(settings.runs_folder().iterdir())


@pytest.fixture
def colleague() -> Iterator[UnixUser]:
    """Give somebody of the project."""
    with unix_users("kbina", group="kbshare") as users:
        yield users[0]


def test_private_runs_of_others_in_the_projects_folder_are_passed_over(
    colleague: UnixUser,
) -> None:
    with ExitStack() as later:
        home = Path(tempfile.mkdtemp(prefix="kbp-"))
        later.callback(shutil.rmtree, home, ignore_errors=True)
        (home / "runs").mkdir()
        for folder in (home, home / "runs"):
            shutil.chown(folder, group=colleague.group)
            folder.chmod(0o2775)
        RunFolder.create(home / "runs" / "theirs-12345678", {"site": "local"})
        told = colleague.runs_python(PLACE, KBNOTEBOOKS_HOME=str(home))
        assert told.stdout.strip() == "theirs-12345678-r2", told.stderr
        again = colleague.runs_python(PLACE, KBNOTEBOOKS_HOME=str(home))
        assert again.stdout.strip() == "theirs-12345678-r2", again.stderr
