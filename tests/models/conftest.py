"""A tokenizer of either kind and two-layer models of each layout, saved once."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import PreTrainedModel

from kblib.models.build import build_causal, build_masked
from kblib.models.folder import save_model
from kblib.models.shape import ModelShape
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer

DOCUMENTS = (
    "Kungen och kronprinsen besökte Stockholm i dag.",
    "Drottningen besökte Göteborg i går.",
    "Tåget går från Stockholm till Malmö.",
    "Det svenska laget vann matchen i Göteborg.",
    "Filmen visar en ny utställning i Stockholm.",
    "På biblioteket läser vi tidningar från 1890.",
    "Tidningarna skriver om kungen och drottningen.",
    "Flygplanet landade på Bromma i går.",
    "I dag vann laget från Malmö.",
    "En ny järnväg går till Kiruna.",
    "Järnvägen och flygplanet: två sätt att resa.",
    "Vi läser om resan till Kiruna i tidningen.",
)
SEQ_LEN = 32


@pytest.fixture(scope="session")
def documents() -> tuple[str, ...]:
    return DOCUMENTS


@pytest.fixture(scope="session")
def wordpiece() -> Tokenizer:
    return Tokenizer.train(DOCUMENTS, vocab_size=300)


@pytest.fixture(scope="session")
def bpe() -> Tokenizer:
    return Tokenizer.train(DOCUMENTS, kind="bpe", vocab_size=300)


@pytest.fixture(scope="session")
def blocks(wordpiece: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> TokenBlocks:
    return TokenBlocks.pack(DOCUMENTS * 4, wordpiece, tmp_path_factory.mktemp("blocks") / "packed")


def shape_for(architecture: str, tokenizer: Tokenizer) -> ModelShape:
    return ModelShape(
        2,
        2,
        32,
        architecture=architecture,  # type: ignore[arg-type]
        vocab_size=tokenizer.vocab_size,
        seq_len=SEQ_LEN,
    )


@pytest.fixture(params=["modernbert", "bert"])
def masked_model(request: pytest.FixtureRequest, wordpiece: Tokenizer) -> PreTrainedModel:
    return _spread(build_masked(shape_for(request.param, wordpiece), seed=1))


@pytest.fixture(params=["gpt_neox", "llama"])
def causal_model(request: pytest.FixtureRequest, bpe: Tokenizer) -> PreTrainedModel:
    return _spread(build_causal(shape_for(request.param, bpe), seed=1))


@pytest.fixture
def masked_folder(masked_model: PreTrainedModel, wordpiece: Tokenizer, tmp_path: Path) -> Path:
    return save_model(
        tmp_path / "small",
        model=masked_model,
        tokenizer=wordpiece,
        recipe={"steps": 0},
        scores={"top1": 0.0},
        card="# small\n",
        notice="Source: twelve documents.\n",
    )


def _spread(model: PreTrainedModel) -> PreTrainedModel:
    """Enlarge the random weights: a model's guesses then differ by more than rounding."""
    for weight in model.parameters():
        if weight.dim() > 1:
            weight.data.mul_(6.0)
    return model.eval()
