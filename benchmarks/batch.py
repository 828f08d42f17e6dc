"""Texts a second of batch inference, beside transformers' pipeline at its best batch size.

Both are given the same texts in the same order and hand back answers for each, tokenising included.
One model is the project's own; the larger ones have random weights, since speed does not depend on
what a model knows.
"""

from __future__ import annotations

import math
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl
import torch
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    pipeline,
)
from transformers.utils import logging

from benchmarks.outcome import BenchmarkError, Outcome, measured
from benchmarks.tables import Cell
from kblib.corpora import load_sample
from kblib.models.batch_masked import fill_all
from kblib.models.batch_texts import labels_all
from kblib.models.catalog import find_model
from kblib.models.classifier import SequenceClassifier
from kblib.models.fill import as_word
from kblib.models.masked import MaskedLM
from kblib.tokens.subwords import Tokenizer

OWN = "kb-mini-masked"
BATCHES = (1, 8, 32)
BARS = {"fill": 2.0, "labels": 1.8}
CLOSE = 1e-3
K = 5
_LONGEST = 120  # tokens; the models read 128 with their frame
_TEXTS, _ROUNDS = 240, 3
_QUICK_TEXTS, _QUICK_ROUNDS = 12, 1
Answers = list[dict[str, float]]


@dataclass(frozen=True)
class Case:
    """One model and what it is asked for.

    Attributes
    ----------
    name
        To show.
    task
        ``fill`` or ``labels``.
    ours
        Answers about texts, as a table.
    theirs
        Answers about texts in batches of so many, as the pipeline gives them.
    read
        Makes what either gave comparable: a number for each word or label of each text.
    """

    name: str
    task: str
    ours: Callable[[Sequence[str]], pl.DataFrame]
    theirs: Callable[[Sequence[str], int], Any]
    read: Callable[[Any], Answers]


@dataclass(frozen=True)
class Turn:
    """Wall and processor seconds of one peer in each round."""

    wall_s: tuple[float, ...]
    cpu_s: tuple[float, ...]


def measure(*, quick: bool = False) -> Outcome:
    """Time each case in turns; the bars are ratios to the pipeline at its best."""
    n_texts, rounds = (_QUICK_TEXTS, _QUICK_ROUNDS) if quick else (_TEXTS, _ROUNDS)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    rows: list[list[Cell]] = []
    missed: list[str] = []
    with tempfile.TemporaryDirectory() as aside:
        tokenizer = Tokenizer.open(find_model(OWN))
        texts = mixed_texts(tokenizer, n_texts, blank=False)
        blanks = mixed_texts(tokenizer, n_texts, blank=True)
        for case in _cases(Path(aside), tokenizer):
            given = blanks if case.task == "fill" else texts
            apart = difference(case, given)
            turns = take_turns(case, given, rounds)
            rows += _rows(case, turns, n_texts, apart)
            if (ratio := best_ratio(turns)) < BARS[case.task]:
                missed.append(
                    f"Missed: {case.name} is {ratio:.2f} times the pipeline's best; "
                    f"{BARS[case.task]:g} was the aim."
                )
    columns = ["model and task", "who", "texts/s", "core-s", "times the pipeline's best"]
    return Outcome(
        measured(
            "batch",
            "Batch inference: texts a second",
            [*columns, "largest difference"],
            rows,
            _note(texts, tokenizer, rounds),
            ["torch", "transformers"],
        ),
        tuple(missed),
    )


def mixed_texts(tokenizer: Tokenizer, n: int, *, blank: bool) -> list[str]:
    """Return different texts of 1 to 12 newsreel lines, no longer than the models read.

    Parameters
    ----------
    blank
        Whether one word of each is a ``[MASK]``.
    """
    draw, found = random.Random(1), dict[str, None]()
    lines = [" ".join(text.split()) for text in load_sample("newsreels").texts()]
    while len(found) < n:
        start = draw.randrange(len(lines) - 12)
        words = " ".join(lines[start : start + draw.randint(1, 12)]).split()
        if blank:
            words[draw.randrange(len(words))] = "[MASK]"
        text = " ".join(words)
        if len(words) > 1 and len(tokenizer.encode(text, special=False)) <= _LONGEST:
            found[text] = None
    return list(found)


def take_turns(case: Case, texts: Sequence[str], rounds: int) -> dict[int, Turn]:
    """Time ours (0) and the pipeline's batch sizes one after the other, in each round."""
    peers: dict[int, Callable[[], object]] = {0: lambda: case.ours(texts)}
    for size in BATCHES:
        peers[size] = lambda size=size: case.theirs(texts, size)  # type: ignore[misc]
    taken: dict[int, list[tuple[float, float]]] = {peer: [] for peer in peers}
    for _ in range(rounds):
        for peer, ask in peers.items():
            wall, cpu = time.perf_counter(), time.process_time()
            ask()
            taken[peer].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {
        peer: Turn(tuple(wall for wall, _ in turns), tuple(cpu for _, cpu in turns))
        for peer, turns in taken.items()
    }


def best_ratio(turns: dict[int, Turn]) -> float:
    """Return how many times the texts a second of the pipeline's best size ours are."""
    return min(median(turns[size].wall_s) for size in BATCHES) / median(turns[0].wall_s)


def difference(case: Case, texts: Sequence[str]) -> float:
    """Return the largest difference of a score between ours and the pipeline's.

    Raises
    ------
    BenchmarkError
        If it is more than `CLOSE`, or they name other words.
    """
    ours, theirs = case.read(case.ours(texts)), case.read(case.theirs(texts, 1))
    apart = 0.0
    for text, mine, other in zip(texts, ours, theirs, strict=True):
        shared = mine.keys() & other.keys()
        if len(shared) < min(len(mine), len(other)) - 1:  # the last ones may be equally good
            raise BenchmarkError(f"{case.name}: ours says {mine}, the pipeline {other} of '{text}'")
        apart = max(apart, *(abs(mine[name] - other[name]) for name in shared))
    if apart > CLOSE:
        raise BenchmarkError(f"{case.name}: scores differ by {apart:.2g}; {CLOSE:g} is allowed.")
    return apart


def _cases(aside: Path, tokenizer: Tokenizer) -> list[Case]:
    fills = _saved(aside / "fills", BertForMaskedLM, tokenizer)
    labels = _saved(aside / "labels", BertForSequenceClassification, tokenizer)
    return [
        _fill_case("fill-mask, kb-mini-masked", find_model(OWN)),
        _fill_case("fill-mask, 6 layers of 384", fills),
        _label_case("labels, 6 layers of 384", labels),
    ]


def _saved(folder: Path, kind: Any, tokenizer: Tokenizer) -> Path:
    """Save a model of random weights: 6 layers, 384 wide, as MiniLM-L6 has."""
    labels = {number: f"label {number}" for number in range(4)}
    config = BertConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1536,
        max_position_embeddings=128,
        pad_token_id=tokenizer.pad_id,
        id2label=labels,
        label2id={label: number for number, label in labels.items()},
    )
    torch.manual_seed(1)
    kind(config).save_pretrained(folder)
    tokenizer.save(folder, seq_len=128)
    return folder


def _fill_case(name: str, folder: Path) -> Case:
    model = MaskedLM.open(folder, device="cpu")
    peer = pipeline(
        "fill-mask",
        model=AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32),
        tokenizer=AutoTokenizer.from_pretrained(folder),
        device="cpu",
        top_k=K,
    )

    def read(given: Any) -> Answers:
        if isinstance(given, pl.DataFrame):
            pairs = zip(given["words"], given["probabilities"], strict=True)
            return [dict(zip(words, shares, strict=True)) for words, shares in pairs]
        token = model.tokenizer.token
        return [{as_word(token(one["token"])): one["score"] for one in row} for row in given]

    return Case(name, "fill", lambda texts: fill_all(model, texts, k=K), _asked_of(peer), read)


def _label_case(name: str, folder: Path) -> Case:
    model = SequenceClassifier.open(folder, device="cpu")
    peer = pipeline(
        "text-classification",
        model=AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32),
        tokenizer=AutoTokenizer.from_pretrained(folder),
        device="cpu",
        top_k=None,
    )

    def read(given: Any) -> Answers:
        if isinstance(given, pl.DataFrame):
            columns = {label: given[f"score_{label}"] for label in model.labels}
            return [
                {label: scores[n] for label, scores in columns.items()} for n in range(len(given))
            ]
        return [{one["label"]: one["score"] for one in row} for row in given]

    return Case(name, "labels", lambda texts: labels_all(model, texts), _asked_of(peer), read)


def _asked_of(peer: Any) -> Callable[[Sequence[str], int], Any]:
    def ask(texts: Sequence[str], size: int) -> Any:
        with torch.inference_mode():
            return peer(list(texts), batch_size=size)

    return ask


def _rows(case: Case, turns: dict[int, Turn], n_texts: int, apart: float) -> list[list[Cell]]:
    best = min(median(turns[size].wall_s) for size in BATCHES)
    names = {0: "kb.BatchPredict", **{size: f"pipeline, batches of {size}" for size in BATCHES}}
    return [
        [
            case.name,
            names[peer],
            _three_figures(n_texts / median(turn.wall_s)),
            round(median(turn.cpu_s), 2),
            round(best / median(turn.wall_s), 2),
            f"{apart:.0e}" if peer == 0 else "",
        ]
        for peer, turn in turns.items()
    ]


def _three_figures(value: float) -> float:
    return round(value, max(0, 2 - math.floor(math.log10(value))))


def _note(texts: Sequence[str], tokenizer: Tokenizer, rounds: int) -> str:
    lengths = np.array([len(ids) for ids in tokenizer.encode_batch(texts)])
    low, middle, high = np.percentile(lengths, [0, 50, 100]).astype(int)
    return (
        f"{len(texts)} different texts of newsreels, {low} to {high} tokens, half of them below "
        f"{middle}, in the order drawn; {torch.get_num_threads()} threads for all, 32-bit floats, "
        f"tokenising included, medians of {rounds} rounds in turns. The pipeline does not sort by "
        "length and asks the vocabulary at every place; words are the five likeliest. The largest "
        "difference is that of a score, over all texts. The models of 6 layers have random "
        "weights."
    )
