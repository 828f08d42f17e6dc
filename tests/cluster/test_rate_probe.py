"""Probes: the very job for minutes, whose rate plans go by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kblib.hpc.emulator import Emulator

from kblib.cluster import rate_probe as module
from kblib.cluster.rate_probe import probe_of, probe_rate
from kblib.corpora import Corpus
from kblib.errors import JobError
from kblib.jobs.rates import keep_rate, known_rate, rate_spread
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape
from kblib.planner import plan
from tests.cluster.gangs import START_S


@pytest.fixture
def job(films: Corpus, tiny_shape: ModelShape, tmp_home: Path) -> Pretrain:
    return Pretrain(films, tiny_shape, tokens=1e6, seq_len=16, batch_size=8, warmup_steps=50)


def test_probe_is_the_same_work_for_minutes(job: Pretrain) -> None:
    short = probe_of(job, 5)
    assert (short.minutes, short.tokens) == (5, None)
    assert (short.shape, short.batch_size, short.seq_len) == (job.shape, 8, 16)
    assert short.label == f"{job.label}-probe"


def test_probe_asks_for_the_nodes_of_the_job(
    job: Pretrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(module, "submit", lambda job, **given: asked.update(given, job=job))
    probe_rate(job, site="meluxina", nodes=24, minutes=3)
    assert asked == {
        "job": probe_of(job, 3),
        "site": "meluxina",
        "ranks": None,
        "nodes": 24,
    }


def test_rate_of_a_probe_is_the_rate_of_its_job(job: Pretrain) -> None:
    keep_rate(probe_of(job, 5), "meluxina", 96, 1e5, "measured by run 'probe'", (9e4, 1.1e5))
    found = known_rate(job, "meluxina", 96)
    assert found is not None
    assert (found.tokens_per_s, found.low, found.high) == (1e5, 9e4, 1.1e5)


def test_spread_leaves_a_twentieth_out_at_each_end() -> None:
    records = [{"tokens_per_s": float(n)} for n in range(1, 101)]
    assert rate_spread([*records, {"loss": 1.0}]) == (6.0, 95.0)
    assert rate_spread([]) is None


@pytest.mark.parametrize("minutes", [0, -1, "5", True])
def test_minutes_must_be_some(job: Pretrain, minutes: Any) -> None:
    with pytest.raises(JobError, match=r"probe_rate got minutes=.*A number above 0 was expected"):
        probe_rate(job, minutes=minutes)


def test_probe_here_leaves_a_rate_with_its_spread(job: Pretrain) -> None:
    """A real run of a second."""
    run = probe_rate(job, ranks=1, minutes=0.02)
    run.wait()
    found = known_rate(job, "local", 1)
    assert found is not None
    assert found.source == f"measured by run '{run.name}'"
    assert (found.low or 0) <= found.tokens_per_s <= (found.high or 0)


@pytest.mark.slurm
@pytest.mark.slow
def test_probe_on_a_cluster_is_what_its_plan_goes_by(cluster: Emulator, job: Pretrain) -> None:
    """A real run of a second, on all emulated GPUs of a node."""
    run = probe_rate(job, site="emulator", nodes=1, minutes=0.02, dask=False)
    run.wait(START_S)
    gpus = cluster.hardware.gpus
    found = known_rate(job, "emulator", gpus)
    assert found is not None
    assert found.source == f"measured by run '{run.name}'"
    assert found.ranks == gpus == run.config["ranks"]
    planned = plan(job, site="emulator", nodes=1)
    assert planned.rate == found
    assert run.gpu_hours() == pytest.approx(gpus * run.attempts()["hours"].sum())
