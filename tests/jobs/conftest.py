"""A small job, for tests that change one thing of it."""

from __future__ import annotations

import pytest

from kblib.corpora import Corpus
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape


@pytest.fixture
def job(films: Corpus, tiny_shape: ModelShape) -> Pretrain:
    return Pretrain(films, tiny_shape, steps=10, seq_len=16, batch_size=8)
