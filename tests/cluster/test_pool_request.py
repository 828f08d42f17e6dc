"""What a batch may ask of a site, and the scripts that are sent for it."""

from __future__ import annotations

from pathlib import Path

import dask_jobqueue
import pytest
from dask_jobqueue.slurm import SLURMJob

from kblib import settings, sites
from kblib.cluster import Run, gang, job_script, pool, submit, tls
from kblib.cluster.pool_request import pool_request
from kblib.cluster.pool_scripts import worker_script
from kblib.cluster.pool_workers import SlurmWorkers
from kblib.cluster.resources import Resources
from kblib.cluster.slurm import Slurm
from kblib.corpora import Corpus
from kblib.errors import JobError, RunError, SiteError
from kblib.jobs.batch import BatchTask
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape
from kblib.runs import Phase, RunFolder, RunState
from tests.watching import until

TASK = BatchTask("polars:DataFrame", [{"n": [n]} for n in range(10)])


def pool_of(folder: Path, site: str = "example-slurm", **resources) -> RunFolder:
    """Return the folder of a pool that was never sent."""
    place = sites.load_site(site)
    asked = {"account": "project-1", **resources}
    config = pool_request(TASK, place, ranks=None, workers=3, resources=asked)
    about = {"job": TASK.to_dict(), "site": site, **config}
    return RunFolder.create(folder / "batch-1", about)


@pytest.mark.parametrize(
    ("site", "asked", "said"),
    [
        ("local", {"ranks": 2}, "ranks=2 was asked for a BatchTask. Ranks train together; the"),
        ("local", {"workers": 0}, "workers=0 was asked for. A whole number of workers was"),
        ("local", {"workers": 2.0}, "workers=2.0 was asked for. A whole number of workers was"),
        ("local", {"partition": "gpu"}, "partition was asked of site 'local'. This machine has"),
        ("emulator", {"nodes": 4}, "nodes=4 was asked of site 'emulator' for a BatchTask. Each"),
        ("emulator", {"gpus_per_node": 5}, "gpus_per_node=5 was asked of site 'emulator'. It has"),
        ("emulator", {"walltime_hours": 99}, "walltime_hours=99 was asked of site 'emulator'."),
        ("example-pbs", {"account": "a"}, "Site 'example-pbs' has the scheduler 'pbs'. Workers"),
        ("mars", {}, "No site named 'mars'."),
    ],
)
def test_impossible_request_is_refused_before_anything_is_written(tmp_home, site, asked, said):
    with pytest.raises((JobError, SiteError)) as caught:
        submit(TASK, site=site, **asked)
    assert str(caught.value).startswith(said)
    assert not settings.runs_folder().exists()


def test_site_whose_jobs_may_not_submit_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    own = tmp_path / "kbnotebooks" / "sites"
    own.mkdir(parents=True)
    (own / "example-slurm.toml").write_text("[slurm]\nchain_from_nodes = false\n")
    with pytest.raises(SiteError, match="Jobs of site 'example-slurm' may not submit others"):
        submit(TASK, site="example-slurm", account="project-1")


def test_training_has_no_workers(films: Corpus, tiny_shape: ModelShape) -> None:
    job = Pretrain(films, tiny_shape, steps=1, seq_len=16)
    with pytest.raises(JobError, match="workers=3 was asked for a training"):
        submit(job, workers=3)


def test_no_more_workers_than_shards_or_nodes() -> None:
    emulator = sites.load_site("emulator")
    few = BatchTask("polars:DataFrame", [{}, {}])
    for task, workers in ((TASK, 4), (few, 2)):
        asked = pool_request(task, emulator, ranks=None, workers=50, resources={})
        assert asked["pool"]["workers"] == workers


def test_head_is_a_small_job_and_a_worker_a_node(tmp_path: Path) -> None:
    run = pool_of(tmp_path)
    head = gang.script_of(run)
    assert "#SBATCH --partition=cpu\n" in head  # [small] of the site
    assert "gpu" not in head.lower().replace("example-gpu", "")
    assert "#SBATCH --dependency=singleton\n" in head
    assert head.rstrip().endswith(f" -m kblib.cluster.pool_head {run.path}")
    worker = script_of_a_worker(run)
    assert "#SBATCH --job-name=batch-1.worker\n" in worker
    assert "#SBATCH --partition=gpu\n" in worker
    assert "#SBATCH --nodes=1\n#SBATCH --ntasks-per-node=1\n" in worker
    assert "singleton" not in worker


def script_of_a_worker(run: RunFolder) -> str:
    cluster = sites.cluster_of(sites.load_site(run.config()["site"]))
    asked = Resources(**run.config()["pool"]["resources"])
    return worker_script(run, cluster, asked, "tls://10.0.0.1:9", "worker-0", {})


def test_stopped_batch_takes_the_resources_that_are_given_now(
    tmp_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"site": "emulator", "walltime_hours": 1, "gpus_per_node": 1}
    began: list[str] = []
    monkeypatch.setattr(Run, "begin", lambda run: began.append(run.name))
    monkeypatch.setattr(Run, "state", RunState(Phase.STOPPED, attempt=1))
    run = submit(TASK, **asked, workers=2)
    submit(TASK, **{**asked, "walltime_hours": 2, "account": "project-2"})
    workers = run.config["pool"]
    assert (workers["workers"], workers["shards"]) == (2, 10)
    assert workers["resources"]["walltime_hours"] == 2
    assert workers["resources"]["account"] == run.config["resources"]["account"] == "project-2"
    assert began == [run.name] * 2
    with pytest.raises(RunError, match="has 2 workers at most, not 3"):
        submit(TASK, **asked, workers=3)


def test_worker_leaves_before_its_time_is_up(tmp_path: Path) -> None:
    run = pool_of(tmp_path, walltime_hours=2)
    script = script_of_a_worker(run)
    lifetime = float(script.partition("--lifetime=")[2].split()[0])
    # Slurm gives notice 300 s before the end, and up to 60 s earlier.
    assert 2 * 3600 - 60 - 300 - 60 < lifetime < 2 * 3600 - 60 - 300


def test_script_of_a_worker_is_shown_before_anything_is_sent(tmp_home: Path) -> None:
    shown = job_script(TASK, site="emulator", walltime_hours=2, gpus_per_node=2)
    assert "#SBATCH --gpus-per-node=2\n" in shown
    assert " -m kblib.cluster.pool_worker " in shown
    assert "ADDRESS_OF_THE_HEAD worker-0 --processes=2 --lifetime=" in shown
    assert not settings.runs_folder().exists()


def test_refusal_of_slurm_ends_the_run_with_its_words(tmp_path, monkeypatch) -> None:
    run = pool_of(tmp_path, "emulator")
    monkeypatch.setenv("KBNOTEBOOKS_EMULATOR", str(tmp_path))
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "slurm.conf").touch()
    tls.make_keys(run)

    def refuses(*_: object) -> str:
        raise SiteError("The job was refused.", "Slurm said: QOSMaxSubmitJobPerUserLimit.")

    monkeypatch.setattr(Slurm, "submit", refuses)
    monkeypatch.setattr(Slurm, "queue", lambda *_: [])
    monkeypatch.setattr(pool, "_LOOK_SLURM_S", 0.1)
    monkeypatch.setattr(pool, "_ADAPT_S", 0.1)
    with pool.open_pool(run, lambda: 1) as workers:
        until(lambda: workers.look_after() != "")
        assert workers.look_after() == (
            "No worker can be asked for. The job was refused. "
            "Slurm said: QOSMaxSubmitJobPerUserLimit."
        )


def test_dask_jobqueue_sends_our_script_to_the_letter(tmp_path, monkeypatch) -> None:
    run = pool_of(tmp_path, "emulator")
    monkeypatch.setenv("KBNOTEBOOKS_EMULATOR", str(tmp_path))
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "slurm.conf").touch()
    tls.make_keys(run)
    sent: list[str] = []
    monkeypatch.setattr(
        "kblib.cluster.slurm.Slurm.submit", lambda _, text: sent.append(text) or "7"
    )
    monkeypatch.setattr("kblib.cluster.slurm.Slurm.cancel", lambda *_: None)
    workers = SlurmWorkers(run)
    try:
        workers.scale(1)
        workers.sync(workers._correct_state)
        (job,) = workers.workers.values()
        variables = gang.variables_of(workers.site)
        address = workers.scheduler_address
        asked = Resources(**run.config()["pool"]["resources"])
        ours = worker_script(run, workers.site, asked, address, job.name, variables)
        assert sent == [ours], _CHANGED
        assert job.job_script() == ours, _CHANGED
        assert job.job_id == "7", _CHANGED
        assert workers.job_script() == ours.replace(job.name, "dummy-name"), _CHANGED
    finally:
        workers.close()


_CHANGED = (
    f"dask-jobqueue {dask_jobqueue.__version__} builds or sends scripts in another way than the "
    "one that kblib/cluster/pool_workers.py was written for: SlurmWorker.job_script and "
    "_submit_job must be what Job.start uses. Compare dask_jobqueue.core.Job before you allow "
    "this version in pyproject.toml."
)
_HEADER_OF_0_9 = """#!/usr/bin/env bash

#SBATCH -J w
#SBATCH -n 1
#SBATCH --cpus-per-task=1
#SBATCH --mem=1G
#SBATCH -t 00:30:00

python -m distributed.cli.dask_worker tls://head:1 --name w-0 --nthreads 1 --memory-limit 1.00GiB\
 --no-nanny --death-timeout 60
"""


def test_upgrade_of_dask_jobqueue_that_writes_another_header_is_noticed() -> None:
    theirs = SLURMJob(
        "tls://head:1", "w-0", cores=1, memory="1GiB", processes=1, nanny=False, job_name="w",
        python="python", death_timeout=60, interface=None, log_directory=None,
    )  # fmt: skip
    assert theirs.job_script() == _HEADER_OF_0_9, _CHANGED
