"""A tiny job on the small corpus, what it reads, and a model that says this job made it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kblib.corpora import Corpus
from kblib.jobs.prepare import Prepared, prepare
from kblib.jobs.specs import Pretrain
from kblib.models.build import build_masked
from kblib.models.folder import save_model
from kblib.models.masked import MaskedLM
from kblib.models.shape import ModelShape


@pytest.fixture(scope="session")
def job(films: Corpus) -> Pretrain:
    shape = ModelShape(1, 2, 32, architecture="bert", vocab_size=300, seq_len=16)
    return Pretrain(films, shape, steps=1, seq_len=16, batch_size=2, valid=0.1, test=0.25)


@pytest.fixture(scope="session")
def data(job: Pretrain) -> Prepared:
    return prepare(job)


@pytest.fixture
def model(job: Pretrain, data: Prepared, tmp_path: Path) -> MaskedLM:
    folder = save_model(
        tmp_path / "small",
        model=build_masked(job.shape, seed=1),
        tokenizer=data.tokenizer,
        recipe={"job": job.to_dict()},
        scores={},
        card="# small\n",
        notice=None,
    )
    return MaskedLM.open(folder)
