"""Runs that are really carried out, and two that nothing disturbed, to compare with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from kblib.hpc.emulator import Emulator

from kblib.cluster import Run, submit
from kblib.corpora import Corpus
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape
from tests.cluster.far import Far, far_cluster
from tests.watching import PATIENCE_S


@pytest.fixture(scope="module")
def cluster(emulator: Emulator) -> Iterator[Emulator]:
    """Give the emulator to `submit`, and to the drivers on its nodes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KBNOTEBOOKS_EMULATOR", str(emulator.folder))
        patch.setenv("OMP_NUM_THREADS", "1")
        yield emulator


@pytest.fixture(scope="module")
def far() -> Iterator[Far]:
    """Give a cluster on which a user of its own may run jobs, known here as a site."""
    with far_cluster() as found:
        yield found


@pytest.fixture(scope="session")
def job(films: Corpus, tiny_shape: ModelShape) -> Pretrain:
    """Give a job of 60 steps with dropout, whose randomness must survive a resumption."""
    return Pretrain(
        films,
        tiny_shape,
        steps=60,
        seq_len=16,
        batch_size=8,
        warmup_steps=5,
        dropout=0.1,
        eval_every=20,
        save_every=10,
        valid=0.1,
        test=0.1,
        name="short",
    )


@pytest.fixture(scope="session")
def long_job(job: Pretrain) -> Pretrain:
    """Give a job long enough for a test to interfere."""
    return replace(job, steps=400, save_every=50, eval_every=1000, name="long")


@pytest.fixture(scope="session")
def undisturbed(long_job: Pretrain) -> Run:
    """Give the run of the long job that nothing disturbed."""
    return submit(long_job).wait(PATIENCE_S)


@pytest.fixture(scope="session")
def uninterrupted(job: Pretrain) -> Run:
    """Give the run of the short job that nothing disturbed."""
    return submit(job).wait(PATIENCE_S)
