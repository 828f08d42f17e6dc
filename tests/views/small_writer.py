"""A causal model of two layers for the views, which has learnt a handful of sentences by heart."""

from __future__ import annotations

from functools import cache

import torch

from kblib.models.build import build_causal
from kblib.models.causal import CausalLM
from kblib.models.shape import ModelShape
from kblib.tokens.subwords import Tokenizer
from kblib.training.next_token import next_token_loss

TEXTS = (
    "Kungen och kronprinsen besökte Stockholm i dag.",
    "Kungen och drottningen besökte Göteborg i går.",
    "Kungen talade i Malmö på söndagen.",
    "Tåget går från Stockholm till Malmö.",
    "Kungen reste till Göteborg med tåget i dag.",
)
_STEPS = 60
_SEQ_LEN = 48


@cache
def small_writer() -> CausalLM:
    """Return the model, always the same; it takes about a second to make."""
    tokenizer = Tokenizer.train(TEXTS * 3, kind="bpe", vocab_size=330)
    shape = ModelShape(2, 2, 32, "llama", vocab_size=tokenizer.vocab_size, seq_len=_SEQ_LEN)
    model = build_causal(shape, seed=1).train()
    end = tokenizer.end_id
    rows = [[end, *tokenizer.encode(text, special=False)] for text in TEXTS]
    ids_BT = torch.tensor([[*row, *[end] * (_SEQ_LEN - len(row))] for row in rows])
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-2)
    for _ in range(_STEPS):
        next_token_loss(model, ids_BT[:, : max(map(len, rows)) + 1]).backward()
        optimizer.step()
        optimizer.zero_grad()
    return CausalLM(model, tokenizer, name="writer")
