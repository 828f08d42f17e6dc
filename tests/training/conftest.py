"""A tokenizer and blocks of the small corpus, numbers of a short training, tiny engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kblib.corpora import Corpus
from kblib.models.build import build_model
from kblib.models.shape import ModelShape
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer
from kblib.training.config import TrainingConfig
from kblib.training.engine import TorchEngine
from kblib.training.objective import objective_for
from tests.disks import mounted

MakeEngine = Callable[..., TorchEngine]


@pytest.fixture(scope="session")
def wordpiece(films: Corpus) -> Tokenizer:
    return Tokenizer.train(films, vocab_size=300)


@pytest.fixture(scope="session")
def bpe(films: Corpus) -> Tokenizer:
    return Tokenizer.train(films, kind="bpe", vocab_size=300)


@pytest.fixture(scope="session")
def shape(tiny_shape: ModelShape, wordpiece: Tokenizer) -> ModelShape:
    return replace(tiny_shape, vocab_size=wordpiece.vocab_size)


@pytest.fixture(scope="session")
def causal_shape(tiny_shape: ModelShape, bpe: Tokenizer) -> ModelShape:
    return replace(tiny_shape, architecture="gpt_neox", vocab_size=bpe.vocab_size, n_inner=None)


@pytest.fixture(scope="session")
def blocks(
    films: Corpus, wordpiece: Tokenizer, tmp_path_factory: pytest.TempPathFactory
) -> TokenBlocks:
    return TokenBlocks.pack(films, wordpiece, tmp_path_factory.mktemp("masked") / "packed")


@pytest.fixture(scope="session")
def causal_blocks(
    films: Corpus, bpe: Tokenizer, tmp_path_factory: pytest.TempPathFactory
) -> TokenBlocks:
    return TokenBlocks.pack(films, bpe, tmp_path_factory.mktemp("causal") / "packed")


@pytest.fixture(scope="session")
def config() -> TrainingConfig:
    return TrainingConfig(
        steps=6,
        seq_len=16,
        batch_size=8,
        learning_rate=1e-3,
        warmup_steps=2,
        eval_every=3,
        save_every=3,
    )


@pytest.fixture(scope="session")
def make_engine(shape: ModelShape, config: TrainingConfig) -> MakeEngine:
    """Give a function that makes an engine in float32, on one rank, with equal first weights."""

    def make(
        shape: ModelShape = shape,
        config: TrainingConfig = config,
        *,
        dropout: float = 0.0,
        seed: int = 1,
    ) -> TorchEngine:
        model = build_model(shape, dropout=dropout, seed=seed)
        engine = TorchEngine(objective_for(model, shape), config, torch.device("cpu"))
        engine.dtype = torch.float32  # the same on every machine
        return engine

    return make


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", mib=2) as disk:
        yield disk
