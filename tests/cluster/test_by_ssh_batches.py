"""Batches on a cluster that is reached by ssh: functions and models go along, results come back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kblib import files
from kblib.cluster import Run, submit
from kblib.corpora import Corpus
from kblib.errors import RunError
from kblib.fewshot.classifier import FewShotClassifier
from kblib.jobs import predict_shard
from kblib.jobs.batch import BatchTask
from kblib.jobs.exit_codes import DONE, INFRASTRUCTURE
from kblib.jobs.predict import BatchPredict
from kblib.jobs.rates import known_rate
from kblib.jobs.specs import Pretrain
from kblib.labels import read_labels
from kblib.runs import Phase, RunFolder
from tests.cluster.far import SITE, START_S, Far, look_now
from tests.cluster.pools import Gate, leftovers, processes_of
from tests.watching import until

pytestmark = pytest.mark.slurm

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
    look_now(run)
    assert run.state.why.startswith("Known ")
    far.server.start()
    look_now(run)
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
