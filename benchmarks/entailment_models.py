"""Models for the benchmark of entailment, taught for a moment so that their answers differ.

A head of random weights says nearly the same of every pair, and any two ways of asking agree on
that. So each model is taught a small relation of its own: whether a passage of newsreels has a
word, for ten words, some of which it mostly has and some of which it mostly has not. The project's
own model is finetuned for it; of the larger one, whose body has random weights, the head is fitted
to what the body gives, since speed does not depend on what a model knows.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import BertForSequenceClassification

from benchmarks.batch_cases import SEQ_LEN, minilm_config
from benchmarks.outcome import BenchmarkError
from kblib.models.batches import filler_of, padded
from kblib.models.catalog import find_model
from kblib.models.new_head import with_head
from kblib.models.pair_frame import PairFrame
from kblib.tokens.subwords import Tokenizer
from kblib.zeroshot.asked import TEMPLATE

OWN = "kb-mini-masked"
LABELS = ("Stockholm", "kungen", "sommaren", "arbetet", "vatten", "barnen", "folk", "kriget",
          "järnväg", "tävling")  # fmt: skip
ANSWERS = ("contradiction", "neutral", "entailment")
ENTAILS = ANSWERS.index("entailment")
SPREAD = 0.5  # logits; the least standard deviation of entailment over texts and labels
_BATCH, _RATE = 8, 5e-4
STEPS = {True: 4, False: 100}  # quick or not
_PAIRS = {True: 48, False: 400}
_RIDGE, _FITTED_SPREAD = 0.1, 2.0
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
    larger = BertForSequenceClassification(minilm_config(tokenizer, ANSWERS))
    _teach(own, tokenizer, passages, steps=STEPS[quick])
    _fit_head(larger, tokenizer, passages, pairs=_PAIRS[quick])
    models = {f"{OWN}, 4 layers of 256": own, "BERT, 6 layers of 384": larger}
    found = []
    for number, (name, model) in enumerate(models.items()):
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


def _teach(model: Any, tokenizer: Tokenizer, passages: Sequence[str], *, steps: int) -> None:
    """Train for a few steps with AdamW, its rate falling to nothing."""
    draw, has = random.Random(1), _having(passages)
    model.train()
    trained = torch.optim.AdamW(model.parameters(), lr=_RATE)
    for step in range(steps):
        for group in trained.param_groups:
            group["lr"] = _RATE * (1 - step / steps)
        ids_BT, mask_BT, answers = _batch(tokenizer, draw, has, passages)
        model(input_ids=ids_BT, attention_mask=mask_BT, labels=answers).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        trained.step()
        trained.zero_grad()
    model.train(False)


@torch.inference_mode()
def _fit_head(model: Any, tokenizer: Tokenizer, passages: Sequence[str], *, pairs: int) -> None:
    """Fit the last layer by ridge regression on what the body gives for some pairs.

    Its logits of entailment are scaled to the same spread whatever the body is.
    """
    draw, has = random.Random(1), _having(passages)
    model.train(False)
    head, model.classifier = model.classifier, nn.Identity()
    parts = [_batch(tokenizer, draw, has, passages) for _ in range(pairs // _BATCH)]
    x_ND = torch.cat([model(input_ids=ids, attention_mask=mask).logits for ids, mask, _ in parts])
    y_NC = nn.functional.one_hot(torch.cat([answers for *_, answers in parts]), len(ANSWERS))
    middle_D, spread_D = x_ND.mean(0), x_ND.std(0).clamp_min(1e-6)
    z_ND = ((x_ND - middle_D) / spread_D).double()
    penalty_DD = _RIDGE * len(z_ND) * torch.eye(z_ND.shape[1], dtype=torch.float64)
    w_DC = torch.linalg.solve(z_ND.T @ z_ND + penalty_DD, z_ND.T @ y_NC.double())
    w_DC = w_DC * (_FITTED_SPREAD / (z_ND @ w_DC)[:, ENTAILS].std())
    weight_CD = (w_DC / spread_D[:, None]).T.float()
    head.weight.data, head.bias.data = weight_CD.contiguous(), -weight_CD @ middle_D
    model.classifier = head


def _having(passages: Sequence[str]) -> dict[str, list[str]]:
    """Return the passages that have each word."""
    return {word: [text for text in passages if word.lower() in text.lower()] for word in LABELS}


def _batch(
    tokenizer: Tokenizer, draw: random.Random, has: dict[str, list[str]], passages: Sequence[str]
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw some pairs: ids, mask, answers."""
    frame = PairFrame.of(tokenizer)
    pairs, answers = zip(*(_example(draw, has, passages) for _ in range(_BATCH)), strict=True)
    rows = [_ids(tokenizer, frame, *pair) for pair in pairs]
    ids_BT, mask_BT = padded(rows, filler_of(tokenizer), torch.device("cpu"))
    mask_BT = torch.ones_like(ids_BT) if mask_BT is None else mask_BT
    return ids_BT, mask_BT, torch.tensor(answers)


def _example(
    draw: random.Random, has: dict[str, list[str]], passages: Sequence[str]
) -> tuple[tuple[str, str], int]:
    """Draw a passage and a word; the later words of the list are met more often in theirs."""
    number = draw.randrange(len(LABELS))
    word = LABELS[number]
    found = draw.random() < (number + 0.5) / len(LABELS) and bool(has[word])
    text = draw.choice(has[word] if found else list(passages))
    answer = ENTAILS if word.lower() in text.lower() else 0
    answer = 1 if draw.random() < _NEUTRAL else answer
    return (text, TEMPLATE.replace("{}", word)), answer


def _ids(tokenizer: Tokenizer, frame: PairFrame, text: str, sentence: str) -> list[int]:
    second = frame.second(tokenizer.encode(sentence, special=False))
    room = SEQ_LEN - len(second) - len(frame.before) - len(frame.between)
    return frame.first(tokenizer.encode(text, special=False)[:room]) + second
