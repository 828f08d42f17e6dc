"""A cluster that is reached by ssh: another user's home, an emulated Slurm, nothing shared."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from kblib.hpc.emulator import Emulator, Hardware

import kblib
from kblib import __main__, files
from kblib.cluster import Run, job_script, mirror, submit
from kblib.corpora import Corpus
from kblib.errors import IntegrityError, RunError, SiteError
from kblib.fewshot.classifier import FewShotClassifier
from kblib.jobs import predict_shard
from kblib.jobs.batch import BatchTask
from kblib.jobs.exit_codes import DONE, INFRASTRUCTURE
from kblib.jobs.predict import BatchPredict
from kblib.jobs.rates import known_rate
from kblib.jobs.specs import Pretrain
from kblib.labels import read_labels
from kblib.runs import Phase, RunFolder
from tests.cluster.pools import Gate, leftovers, processes_of
from tests.emulated import why_not
from tests.sshd import ALIAS, Sshd, sshd
from tests.unix_users import UnixUser, unix_users
from tests.watching import losses, until

pytestmark = pytest.mark.slurm

START_S = 420.0
SITE = "far-cluster"


@dataclass(frozen=True)
class Far:
    """The cluster: its Slurm, the way in, and the user there."""

    emulator: Emulator
    server: Sshd
    user: UnixUser

    @property
    def home(self) -> Path:
        """Where runs lie there."""
        return self.user.home / "kbnotebooks"

    def folder(self, run: Run) -> Path:
        """Return the folder of a run there."""
        return self.home / "runs" / run.name


@pytest.fixture(scope="module")
def far() -> Iterator[Far]:
    """Give a cluster on which a user of its own may run jobs, known here as a site."""
    if reason := why_not("munged", "slurmctld", "slurmd", "srun", "unshare"):
        pytest.skip(reason)
    with ExitStack() as later:
        (user,) = later.enter_context(unix_users("kbfar"))
        folder = Path(tempfile.mkdtemp(prefix="emu-"))
        later.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        emulator = Emulator(folder)
        emulator.start(Hardware(nodes=2, gpus=1))
        later.callback(emulator.stop)
        told = {**user.variables, "SLURM_CONF": str(emulator.conf), "OMP_NUM_THREADS": "1"}
        server = later.enter_context(sshd(user, **told))
        patch = later.enter_context(pytest.MonkeyPatch.context())
        settings = Path(later.enter_context(tempfile.TemporaryDirectory(prefix="kbc-")))
        patch.setenv("XDG_CONFIG_HOME", str(settings))
        patch.setenv("KBNOTEBOOKS_HOME", str(settings / "home"))
        found = Far(emulator, server, user)
        sites = settings / "kbnotebooks" / "sites"
        sites.mkdir(parents=True)
        (sites / f"{SITE}.toml").write_text(_site(found))
        later.callback(server.drop)  # while the home that keeps the connection is known
        yield found


def _site(far: Far, python: str = "") -> str:
    return f"""\
name = "{SITE}"
scheduler = "slurm"
via = "ssh:{ALIAS}"

[ssh]
config = "{far.server.config}"
remote_home = "{far.home}"

[slurm]
date = 2026-11-25
partition = "gpu"

[node]
count = 2
gpus = 1
gpu = "A100 (emulated)"
gpu_memory_gib = 40
cores = 4
memory_gib = 8

[limits]
walltime_hours = 1

[fabric]
interface = "lo"

[software]
python = "{python or far.user.python}"
"""


@pytest.fixture(scope="module")
def finished(far: Far, job: Pretrain) -> Run:
    """Give a run that was sent, carried out and fetched."""
    run = submit(job, site=SITE, nodes=1, dask=False)
    until(lambda: run.state.over, patience_s=START_S)
    assert run.state.phase is Phase.DONE, f"{run!r}\n{run.log(60)}"
    return run


def test_a_run_is_carried_out_there_as_the_user_of_the_alias(far: Far, finished: Run) -> None:
    there = far.folder(finished)
    assert (there / "state.json").owner() == far.user.name
    assert len(list((there / "checkpoints").iterdir())) > 0
    assert not list((finished.folder / "checkpoints").iterdir())
    assert finished.config["site"] == SITE


def test_what_is_small_is_here_and_equal(far: Far, finished: Run) -> None:
    there = far.folder(finished)
    for name in ("metrics.jsonl", "log.txt", "script.sh", "attempts/0001.json", "settled.json"):
        assert (finished.folder / name).read_bytes() == (there / name).read_bytes(), name
    assert len(losses(finished)) == finished.state.steps == 60


def test_the_model_is_fetched_and_opens(far: Far, finished: Run) -> None:
    model = finished.result()
    assert len(model.fill("Kungen [MASK] Stockholm i dag.", k=3).table) == 3
    there = far.folder(finished) / "result" / "model"
    assert files.read_manifest(there) == files.read_manifest(finished.folder / "result" / "model")


def test_the_script_that_is_shown_is_the_one_that_was_sent(
    far: Far, finished: Run, job: Pretrain
) -> None:
    shown = job_script(job, site=SITE, nodes=1)
    sent = (far.folder(finished) / "script.sh").read_text()
    assert f"#SBATCH --output={far.folder(finished)}/log.txt" in shown.splitlines()
    assert shown == sent


def test_the_same_job_attaches(finished: Run, job: Pretrain) -> None:
    assert submit(job, site=SITE).name == finished.name


def test_a_run_is_found_again_from_another_folder_there(far: Far, finished: Run) -> None:
    """On the login node the same run is a run like any other."""
    code = f"from kblib.cluster import Run; print(Run.open({finished.name!r}))"
    told = far.user.runs_python(
        code, KBNOTEBOOKS_HOME=str(far.home), SLURM_CONF=str(far.emulator.conf)
    )
    assert f"Run '{finished.name}': done, step 60 of 60" in told.stdout, told.stderr


def test_its_dask_is_not_reached_from_here(finished: Run) -> None:
    with pytest.raises(RunError, match="is on another machine; its Dask listens only there"):
        finished.client()


def test_the_command_line_connects_looks_and_reads_the_log(
    far: Far, finished: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    far.server.drop()
    assert __main__.main(["connect", SITE]) == 0
    assert far.server.ssh.is_open()
    assert __main__.main(["status", finished.name]) == 0
    assert __main__.main(["logs", finished.name, "-n", "1", "--follow"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"The connection to '{ALIAS}' is open, and stays so for 12h without use."
    assert said[1] == f"Run '{finished.name}': done, step 60 of 60"
    assert "attempt 1 ended: done" in said[2]


def test_a_damaged_model_is_not_opened(far: Far, finished: Run) -> None:
    finished.result()
    weights = far.folder(finished) / "result" / "model" / "model.safetensors"
    whole = weights.read_bytes()
    about = files.read_json(RunFolder(finished.folder).mirror_file)
    files.write_json(RunFolder(finished.folder).mirror_file, {**about, "fetched": False})
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        with pytest.raises(IntegrityError, match=r"has been changed or damaged"):
            finished.result()
    finally:
        weights.write_bytes(whole)
    assert finished.result() is not None


def test_cancel_lost_connection_and_resume(far: Far, long_job: Pretrain) -> None:
    # Without an end: nothing here may depend on how fast it trains.
    job = replace(long_job, name="by-ssh", steps=1_000_000, save_every=100_000)
    run = submit(job, site=SITE, nodes=1, dask=False)
    until(lambda: run.state.step > 0 or run.state.over, patience_s=START_S)
    assert run.state.phase is Phase.RUNNING, f"{run!r}\n{run.log(60)}"

    far.server.stop()
    _look_now(run)
    lost = run.state
    assert lost.phase is Phase.RUNNING
    assert lost.why.startswith("Known ")
    assert f"ago: '{ALIAS}' was not reached. The host does not answer." in lost.why
    with pytest.raises(SiteError, match="was not reached"):
        run.cancel()
    far.server.start()
    _look_now(run)

    run.cancel()
    until(lambda: run.state.over, patience_s=START_S)
    stopped = run.state
    assert (stopped.phase, stopped.exit_code) == (Phase.STOPPED, 85), f"{run!r}\n{run.log(60)}"
    assert stopped.step > 0
    with pytest.raises(RunError, match="was stopped at step"):
        run.result()

    run.resume(budget_gpu_hours=100)
    assert files.read_json(far.folder(run) / "budget.json")["gpu_hours"] == 100
    until(lambda: run.state.attempt == 2 and run.state.step > stopped.step, patience_s=START_S)
    run.cancel()
    until(lambda: run.state.over, patience_s=START_S)
    assert sorted(losses(run)) == list(range(1, run.state.step + 1))
    assert run.events()[-1]["event"] == "resumed"


def _look_now(run: Run) -> None:
    mirror._LOST.clear()
    mirror.refresh(RunFolder(run.folder), at_once=True)


FUNCTION = """
import polars as pl

def doubled(shard):
    if 13 in shard:
        raise ValueError("no thirteen")
    return pl.DataFrame({"x": [2 * value for value in shard]})
"""


@pytest.mark.slow
def test_a_batch_takes_its_function_along(
    far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "of_a_notebook.py").write_text(FUNCTION)
    monkeypatch.syspath_prepend(str(tmp_path))
    run = submit(BatchTask("of_a_notebook:doubled", shards=[[1, 2], [3]]), site=SITE, workers=1)
    until(lambda: run.state.over, patience_s=START_S)
    assert list(run.result().table["x"]) == [2, 4, 6], f"{run!r}\n{run.log(60)}"
    bad = submit(BatchTask("of_a_notebook:doubled", shards=[[1], [13]]), site=SITE, workers=1)
    until(lambda: bad.state.over, patience_s=START_S)
    assert bad.state.phase is Phase.FAILED
    assert list(bad.failed_shards()["error"]) == ["ValueError: no thirteen"]
    assert not RunFolder(bad.folder).tls.exists()


@pytest.mark.survival
def test_model_goes_along_to_be_asked_and_trained_on(far: Far, films: Corpus) -> None:
    """Models of this machine are not there; what comes back is what is computed here."""
    texts = films.filter(film=["SF1", "SF2"])
    task = BatchPredict("kb-mini-causal", texts, task="bits", rows=10)
    run = submit(task, site=SITE, workers=1)
    until(lambda: run.state.over, patience_s=START_S)
    table = run.result().table
    here = predict_shard.predict(task.shard(1), **task.arguments)
    assert table["id"].to_list()[10:] == here["id"].to_list()
    assert table["bits"].to_list()[10:] == pytest.approx(here["bits"].to_list(), rel=1e-4)
    (sent,) = (far.home / "models").glob("*/kb-mini-causal")
    assert files.check_folder(sent, contents=True)

    job = Pretrain(films, continue_from="kb-mini-causal", steps=2, seq_len=32, batch_size=2)
    trained = submit(job, site=SITE, nodes=1, dask=False)
    until(lambda: trained.state.over, patience_s=START_S)
    assert trained.state.phase is Phase.DONE, f"{trained!r}\n{trained.log(60)}"
    assert known_rate(job, SITE, 1) is not None


@pytest.mark.survival
def test_frozen_encoder_goes_along_with_its_classifier(
    far: Far, films: Corpus, tmp_path: Path
) -> None:
    """There it lies in another folder than here, and answers are those of here."""
    texts = films.filter(film=["SF1", "SF2"])
    said = ["Stockholm" if "Stockholm" in one else "elsewhere" for one in films.table["text"]]
    labels = read_labels(films.table.assign(label=said).head(80))
    model = FewShotClassifier.train(labels, "kb-mini-masked")
    task = BatchPredict(model.save(tmp_path / "topics"), texts, rows=10)
    run = submit(task, site=SITE, workers=1)
    until(lambda: run.state.over, patience_s=START_S)
    assert run.state.phase is Phase.DONE, f"{run!r}\n{run.log(60)}"
    here = predict_shard.predict(task.shard(1), **task.arguments)
    table = run.result().table
    assert table["label"].to_list()[10:] == here["label"].to_list()
    assert table["score"].to_list()[10:] == pytest.approx(here["score"].to_list(), rel=1e-4)
    for name in ("topics", "kb-mini-masked"):
        (sent,) = (far.home / "models").glob(f"*/{name}")
        assert files.check_folder(sent, contents=True)


GATED = """
import os
import time
from pathlib import Path

import polars as pl

def gated(shard, folder):
    (Path(folder) / f"{shard}.{os.getpid()}").touch()
    while not (Path(folder) / "open").exists():
        time.sleep(0.05)
    return pl.DataFrame({"n": [shard]})
"""


@pytest.mark.survival
def test_batch_there_loses_workers_head_and_connection(
    far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes, each result is there once, and this machine hears of it."""
    (tmp_path / "gated_there.py").write_text(GATED)
    monkeypatch.syspath_prepend(str(tmp_path))
    gate = Gate(far.user.home / "gate")
    shutil.chown(gate.folder, far.user.name)
    task = BatchTask("gated_there:gated", list(range(6)), {"folder": str(gate.folder)})
    run = submit(task, site=SITE, workers=2, gpus_per_node=1, ranks_per_node=1, cores_per_node=1)
    there = Run(RunFolder(far.folder(run)))
    until(lambda: len(gate.begun) == 2, patience_s=START_S)
    assert run.state.phase is Phase.RUNNING

    worker, head = (
        processes_of(f"kblib.cluster.pool_{one}", there)[0] for one in ("worker", "head")
    )
    worker.kill()
    until(lambda: len(gate.begun) == 3, patience_s=START_S)
    head.kill()
    until(lambda: len(RunFolder(there.folder).attempt_records()) == 2, patience_s=START_S)
    far.server.stop()
    gate.open()
    _look_now(run)
    assert run.state.why.startswith("Known ")
    far.server.start()
    _look_now(run)
    until(lambda: run.state.over, patience_s=START_S)
    assert list(run.result().table["n"]) == list(range(6)), f"{run!r}\n{run.log(60)}"
    assert run.attempts()["exit_code"].to_list() == [INFRASTRUCTURE, DONE]
    assert run.gpu_hours() > 0
    assert not leftovers(there)


@pytest.mark.survival
def test_batch_there_is_stopped_and_goes_on_from_here(
    far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gated_there.py").write_text(GATED)
    monkeypatch.syspath_prepend(str(tmp_path))
    gate = Gate(far.user.home / "second-gate")
    shutil.chown(gate.folder, far.user.name)
    task = BatchTask("gated_there:gated", list(range(4)), {"folder": str(gate.folder)})
    run = submit(task, site=SITE, workers=1)
    until(lambda: len(gate.begun) == 1, patience_s=START_S)
    run.cancel()
    until(lambda: run.state.over, patience_s=START_S)
    assert run.state.phase is Phase.STOPPED
    with pytest.raises(RunError, match="was stopped at shard 0 of 4"):
        run.result()
    gate.open()
    assert list(run.resume().result(START_S).table["n"]) == list(range(4))
    assert submit(task, site=SITE).name == run.name


def test_what_the_cluster_refuses_is_said_here_and_leaves_nothing(far: Far, job: Pretrain) -> None:
    with pytest.raises(SiteError, match="There is no such partition"):
        submit(replace(job, name="refused"), site=SITE, nodes=1, partition="nowhere", dask=False)
    for home in (far.home, Path(kblib.settings.home())):
        assert not list((home / "runs").glob("refused-*"))


def test_a_python_without_the_library_is_said(
    far: Far, job: Pretrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as settings:
        sites = Path(settings) / "kbnotebooks" / "sites"
        sites.mkdir(parents=True)
        (sites / f"{SITE}.toml").write_text(_site(far, "/usr/bin/env"))
        monkeypatch.setenv("XDG_CONFIG_HOME", settings)
        with pytest.raises(SiteError, match=f"The library does not start on '{ALIAS}'"):
            submit(replace(job, name="no-library"), site=SITE, nodes=1)
