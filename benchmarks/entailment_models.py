"""Models for the benchmark of entailment, taught for a moment so that their answers differ.

A head of random weights says nearly the same of every pair, and any two ways of asking agree on
that. So each model is taught a small relation of its own: whether a passage of newsreels has a
word, for ten words, some of which it mostly has and some of which it mostly has not.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import BertConfig, BertForSequenceClassification

from benchmarks.outcome import BenchmarkError
from kblib.models.batches import filler_of, padded
from kblib.models.catalog import find_model
from kblib.models.new_head import with_head
from kblib.models.pair_frame import PairFrame
from kblib.tokens.subwords import Tokenizer
from kblib.zeroshot.asked import TEMPLATE

OWN = "kb-mini-masked"
SEQ_LEN = 128
LABELS = ("Stockholm", "kungen", "sommaren", "arbetet", "vatten", "barnen", "folk", "kriget",
          "järnväg", "tävling")  # fmt: skip
ANSWERS = ("contradiction", "neutral", "entailment")
SPREAD = 0.5  # logits; the least standard deviation of entailment over texts and labels
_BATCH, _RATE = 16, 5e-4
STEPS = {True: 4, False: 120}  # quick or not
_NEUTRAL = 0.1  # of examples, whatever they say: the third answer has to be learned too


@dataclass(frozen=True)
class Taught:
    """A model that was taught, in a folder of its own.

    Attributes
    ----------
    name
        To show.
    folder
        Where it lies.
    """

    name: str
    folder: Path


def taught_models(aside: Path, passages: Sequence[str], *, quick: bool) -> list[Taught]:
    """Teach both models, and save them aside."""
    tokenizer = Tokenizer.open(find_model(OWN))
    names = dict(enumerate(ANSWERS))
    own = with_head(find_model(OWN), tokenizer, ANSWERS, of="texts", seed=1, device="cpu").model
    own.config.id2label, own.config.label2id = names, {one: n for n, one in names.items()}
    torch.manual_seed(1)
    models = {
        f"{OWN}, 4 layers of 256": own,
        "BERT, 6 layers of 384": BertForSequenceClassification(_config(tokenizer)),
    }
    found = []
    for number, (name, model) in enumerate(models.items()):
        _teach(model, tokenizer, passages, steps=STEPS[quick])
        folder = aside / f"model-{number}"
        model.save_pretrained(folder)
        tokenizer.save(folder, seq_len=SEQ_LEN)
        found.append(Taught(name, folder))
    return found


def check_spread(name: str, entails: np.ndarray, *, quick: bool) -> float:
    """Return the standard deviation of the logits of entailment.

    Raises
    ------
    BenchmarkError
        If it is too small for an agreement to mean anything.
    """
    spread = float(np.std(entails))
    if spread < SPREAD and not quick:
        raise BenchmarkError(f"{name}: logits spread by {spread:.2f}; {SPREAD:g} was expected.")
    return spread


def _config(tokenizer: Tokenizer) -> BertConfig:
    names = dict(enumerate(ANSWERS))
    return BertConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1536,
        max_position_embeddings=SEQ_LEN,
        pad_token_id=tokenizer.pad_id,
        id2label=names,
        label2id={one: n for n, one in names.items()},
    )


def _teach(model: Any, tokenizer: Tokenizer, passages: Sequence[str], *, steps: int) -> None:
    """Train for a few steps with AdamW, its rate falling to nothing."""
    draw, frame = random.Random(1), PairFrame.of(tokenizer)
    has = {word: [text for text in passages if word.lower() in text.lower()] for word in LABELS}
    model.train()
    trained = torch.optim.AdamW(model.parameters(), lr=_RATE)
    for step in range(steps):
        for group in trained.param_groups:
            group["lr"] = _RATE * (1 - step / steps)
        pairs, answers = zip(*(_example(draw, has, passages) for _ in range(_BATCH)), strict=True)
        rows = [_ids(tokenizer, frame, *pair) for pair in pairs]
        ids_BT, mask_BT = padded(rows, filler_of(tokenizer), model.device)
        mask_BT = torch.ones_like(ids_BT) if mask_BT is None else mask_BT
        model(
            input_ids=ids_BT, attention_mask=mask_BT, labels=torch.tensor(answers)
        ).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        trained.step()
        trained.zero_grad()
    model.train(False)


def _example(
    draw: random.Random, has: dict[str, list[str]], passages: Sequence[str]
) -> tuple[tuple[str, str], int]:
    """Draw a passage and a word; the later words of the list are met more often in theirs."""
    number = draw.randrange(len(LABELS))
    word = LABELS[number]
    found = draw.random() < (number + 0.5) / len(LABELS) and bool(has[word])
    text = draw.choice(has[word] if found else list(passages))
    answer = 2 if word.lower() in text.lower() else 0
    answer = 1 if draw.random() < _NEUTRAL else answer
    return (text, TEMPLATE.replace("{}", word)), answer


def _ids(tokenizer: Tokenizer, frame: PairFrame, text: str, sentence: str) -> list[int]:
    second = frame.second(tokenizer.encode(sentence, special=False))
    room = SEQ_LEN - len(second) - len(frame.before) - len(frame.between)
    return frame.first(tokenizer.encode(text, special=False)[:room]) + second
