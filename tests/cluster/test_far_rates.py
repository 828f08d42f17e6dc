"""The rate of a run on another machine is kept here, where plans are made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kblib.cluster.far_rates import keep_rate_here
from kblib.corpora import Corpus
from kblib.jobs.rates import known_rate
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape
from kblib.runs import RunFolder, journal


@pytest.fixture
def job(films: Corpus, tiny_shape: ModelShape, tmp_home: Path) -> Pretrain:
    return Pretrain(films, tiny_shape, steps=3, seq_len=16, batch_size=8)


def mirrored(path: Path, job: dict[str, Any], rates: list[float]) -> RunFolder:
    run = RunFolder.create(path, {"job": job, "site": "far-cluster", "ranks": 8})
    for step, rate in enumerate(rates, start=1):
        journal.append(run.metrics_file, {"step": step, "tokens_per_s": rate, "attempt": 1})
    return run


def test_middle_rate_is_kept_for_the_site_and_its_ranks(job: Pretrain, tmp_path: Path) -> None:
    run = mirrored(tmp_path / "run", job.with_saved_corpus().to_dict(), [30.0, 10.0, 20.0])
    keep_rate_here(run)
    found = known_rate(job, "far-cluster", 8)
    assert found is not None
    assert (found.tokens_per_s, found.low, found.high) == (20.0, 10.0, 30.0)
    assert found.source == "measured by run 'run'"


@pytest.mark.parametrize("rates", [[], [5.0]])
def test_what_told_no_rate_or_is_no_training_leaves_none(
    job: Pretrain, tmp_path: Path, rates: list[float]
) -> None:
    keep_rate_here(mirrored(tmp_path / "run", {"kind": "batch"} if rates else {}, rates))
    assert known_rate(job, "far-cluster", 8) is None


def test_corpus_that_is_gone_is_no_error(job: Pretrain, tmp_path: Path) -> None:
    content = job.with_saved_corpus().to_dict()
    content["corpus"]["folder"] = str(tmp_path / "gone")
    keep_rate_here(mirrored(tmp_path / "run", content, [5.0]))
    assert known_rate(job, "far-cluster", 8) is None
