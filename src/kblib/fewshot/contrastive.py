"""Contrastive finetuning: texts of one label are moved together, texts of two labels apart.

SetFit of Tunstall et al. (2022): a few labels give many pairs, an encoder learns that the cosine of
a pair is 1 or 0, and a logistic head is then put on its vectors. No prompt, and no large model.

Letters on tensors: B texts, T tokens, D width, P pairs.

References
----------
Tunstall et al. (2022), Efficient few-shot learning without prompts, arXiv 2209.11055.
Reimers and Gurevych (2019), Sentence-BERT, arXiv 1908.10084 (the cosine loss).
"""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, mse_loss
from transformers import PreTrainedModel

from kblib.errors import LabelError
from kblib.fewshot.contrastive_pairs import PairDraw, Pairs
from kblib.fewshot.contrastive_recipe import Contrast
from kblib.models.batch_texts import Reader
from kblib.models.batches import Frame, filler_of, padded
from kblib.training.config import TrainingConfig
from kblib.training.engine import TorchEngine
from kblib.training.schedule import learning_rate

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Contrasted:
    """An encoder that was finetuned on pairs.

    Attributes
    ----------
    reader
        The model with its tokenizer; what it was made from is as it was.
    losses
        Mean squared error of the cosine, step by step.
    steps
        Steps that were asked for; there are fewer losses if it was interrupted.
    cut
        How many texts were longer than is read in training; their end was left out.
    """

    reader: Reader
    losses: tuple[float, ...]
    steps: int
    cut: int

    @property
    def interrupted(self) -> bool:
        """Whether it was ended before its last step."""
        return len(self.losses) < self.steps


def contrast(
    reader: Reader,
    texts: Sequence[str],
    labels: Sequence[str],
    recipe: Contrast,
    *,
    seed: int,
    progress: Progress | None = None,
) -> Contrasted:
    """Finetune a copy of a model on pairs of labelled texts.

    Everything random is a function of seed and step. Ctrl-C ends it after the step that is being
    done, and what was learnt until then is kept.

    Parameters
    ----------
    reader
        A masked model or an encoder. What it has beside its body, such as a head for masks, stays
        as it is and no longer fits.
    progress
        Called with the steps that are done and all of them.

    Raises
    ------
    LabelError
        If the texts make no pairs, or one of them holds nothing that the model reads.
    """
    pairs = PairDraw(labels, batch_size=recipe.batch_size, seed=seed)
    rows, cut = _encoded(reader, texts, min(recipe.most_tokens, reader.seq_len))
    made = copy(reader)
    made.model = deepcopy(reader.model)
    config = _config(recipe, len(texts), made.model.num_parameters(), seed)
    objective = CosineObjective(made.model)
    engine = TorchEngine(objective, config, made.model.device, dtype=torch.float32)
    losses: list[float] = []
    with _until_interrupted() as stop:
        for step in range(config.steps):
            with _seeded(seed, step):
                batch = _batch(pairs.step(step), rows, made)
                outcome = engine.step([batch], learning_rate(config, step))
            losses.append(outcome.loss)
            if progress is not None:
                progress(step + 1, config.steps)
            if stop.is_set():
                break
    made.model.train(False)
    return Contrasted(made, tuple(losses), config.steps, cut)


class CosineObjective(nn.Module):
    """The mean squared error of the cosine of pairs: 1 for one label, 0 for two."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: Tensor, mask: Tensor, first: Tensor, second: Tensor, same: Tensor
    ) -> Tensor:
        """Return the loss of a batch: texts (B, T) twice, then places and targets (P,)."""
        states_BTD = self.model.base_model(input_ids=input_ids, attention_mask=mask)[0].float()
        weights_BT1 = mask.unsqueeze(-1).to(states_BTD.dtype)
        means_BD = (states_BTD * weights_BT1).sum(1) / weights_BT1.sum(1)
        cosines_P = cosine_similarity(means_BD[first], means_BD[second])
        return mse_loss(cosines_P, same.to(cosines_P.dtype))


def _config(recipe: Contrast, n_texts: int, n_parameters: int, seed: int) -> TrainingConfig:
    steps = recipe.steps(n_texts)
    return TrainingConfig(
        steps=steps,
        seq_len=recipe.most_tokens,
        batch_size=recipe.batch_size,
        learning_rate=recipe.rate_for(n_parameters),
        warmup_steps=math.ceil(recipe.warmup * steps),
        eval_every=steps,
        save_every=steps,
        seed=seed,
    )


def _encoded(reader: Reader, texts: Sequence[str], room: int) -> tuple[list[list[int]], int]:
    """Return the ids of each text as the model expects them, and how many were cut to fit."""
    frame = Frame.of(reader.tokenizer)
    bare = reader.tokenizer.encode_batch(list(texts), special=False)
    for text, ids in zip(texts, bare, strict=True):
        if not ids:
            raise LabelError(
                f"The text {text!r} holds nothing that the model reads.",
                "Every label is of a text with words.",
                "Leave it out: labels of empty texts teach nothing.",
            )
    most = room - len(frame)
    return [frame.around(ids[:most]) for ids in bare], sum(len(ids) > most for ids in bare)


def _batch(pairs: Pairs, rows: Sequence[Sequence[int]], reader: Reader) -> dict[str, Tensor]:
    """Return the tensors of a step; a text that stands in several pairs is read once."""
    both = torch.from_numpy(np.concatenate([pairs.first, pairs.second]))
    wanted, places = torch.unique(both, return_inverse=True)
    filler = filler_of(reader.tokenizer)
    ids_BT, mask_BT = padded([rows[one] for one in wanted.tolist()], filler, reader.model.device)
    mask_BT = torch.ones_like(ids_BT) if mask_BT is None else mask_BT
    first, second = places.view(2, -1)
    same = torch.from_numpy(pairs.same)
    return {"input_ids": ids_BT, "mask": mask_BT, "first": first, "second": second, "same": same}


@contextmanager
def _seeded(seed: int, step: int) -> Iterator[None]:
    """Let dropout depend on seed and step, and give the generator back as it was."""
    with torch.random.fork_rng():
        torch.manual_seed((seed << 32) + step)
        yield


@contextmanager
def _until_interrupted() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C sets in place of raising; a second one raises as ever.

    Signals reach the main thread only; elsewhere nothing is changed.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.getsignal(signal.SIGINT)

    def heard(_number: int, _frame: Any) -> None:
        signal.signal(signal.SIGINT, before)
        stop.set()

    signal.signal(signal.SIGINT, heard)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
