"""A masked model of two layers with random weights, built once for the views that need weights."""

from __future__ import annotations

from functools import cache

from kblib.models.build import build_masked
from kblib.models.masked import MaskedLM
from kblib.models.shape import ModelShape
from kblib.tokens.subwords import Tokenizer

TEXTS = (
    "Kungen och drottningen besökte Stockholm i dag.",
    "Han arbetar som läkare och hon som lärare.",
    "Tåget går från Malmö till Kiruna.",
)


@cache
def tiny_tokenizer() -> Tokenizer:
    return Tokenizer.train(TEXTS * 3, vocab_size=120)


@cache
def tiny_model(seed: int = 1, name: str = "tiny") -> MaskedLM:
    tokenizer = tiny_tokenizer()
    shape = ModelShape(2, 2, 32, vocab_size=tokenizer.vocab_size, seq_len=40)
    model = build_masked(shape, seed=seed)
    for weight in model.parameters():  # guesses then differ by more than rounding
        if weight.dim() > 1:
            weight.data.mul_(6.0)
    return MaskedLM(model, tokenizer, name=name)
