"""Zero-shot labels by entailment, beside transformers' pipeline at its best batch size.

Both are given the same texts in the same order, ten labels each, and hand back scores; cutting into
tokens is included.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
from transformers.utils import logging

from benchmarks.batch import mixed_texts
from benchmarks.entailment_models import LABELS, OWN, STEPS, Taught, check_spread, taught_models
from benchmarks.outcome import BenchmarkError, Outcome, measured
from benchmarks.tables import Cell
from benchmarks.turns import Turn, best, take_turns
from kblib.models.catalog import find_model
from kblib.tokens.subwords import Tokenizer
from kblib.zeroshot.asked import TEMPLATE
from kblib.zeroshot.classifier import ZeroShotClassifier

OURS, PIPELINE = "kb.zero_shot", "pipeline"
BATCHES = (1, 8, 32)
BAR, AIM = 1.3, 2.0
CLOSE = 1e-3
_LONGEST = 96  # tokens of a text, so that text and sentence are read whole by both
_TEXTS, _ROUNDS = 24, 5
_QUICK_TEXTS, _QUICK_ROUNDS = 6, 1
_COLUMNS = ["model", "who", "texts/s", "core-s", "times the pipeline's best", "logits apart"]


def measure(*, quick: bool = False) -> Outcome:
    """Time each model in turns; the bar is a ratio to the pipeline at its best."""
    n_texts, rounds = (_QUICK_TEXTS, _QUICK_ROUNDS) if quick else (_TEXTS, _ROUNDS)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    tokenizer = Tokenizer.open(find_model(OWN))
    passages = mixed_texts(tokenizer, 50 * n_texts, blank=False)
    texts = _readable(passages, tokenizer)[:n_texts]
    rows: list[list[Cell]] = []
    missed: list[str] = []
    spreads: list[float] = []
    with tempfile.TemporaryDirectory() as aside:
        for taught in taught_models(Path(aside), passages, quick=quick):
            judge = ZeroShotClassifier(taught.folder, LABELS, method="entailment", device="cpu")
            peer = _peer(taught.folder)
            apart, spread = _compared(taught, judge, peer, texts, quick=quick)
            turns = take_turns(_asked(judge, peer, texts), rounds)
            rows += _rows(taught.name, turns, n_texts, apart)
            missed += _missed(taught.name, turns)
            spreads.append(spread)
    result = measured(
        "entailment",
        "Zero-shot labels by entailment, ten labels: texts a second",
        _COLUMNS,
        rows,
        _note(texts, tokenizer, rounds, spreads, STEPS[quick]),
        ["torch", "transformers"],
    )
    return Outcome(result, tuple(missed))


def _readable(passages: Sequence[str], tokenizer: Tokenizer) -> list[str]:
    encoded = tokenizer.encode_batch(list(passages), special=False)
    return [text for text, ids in zip(passages, encoded, strict=True) if len(ids) <= _LONGEST]


def _peer(folder: Path) -> Any:
    return pipeline(
        "zero-shot-classification",
        model=AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32),
        tokenizer=AutoTokenizer.from_pretrained(folder),
        device="cpu",
    )


def _asked(
    judge: ZeroShotClassifier, peer: Any, texts: Sequence[str]
) -> Mapping[str, Callable[[], object]]:
    def piped(size: int) -> Callable[[], object]:
        def ask() -> object:
            with torch.inference_mode():
                return peer(list(texts), candidate_labels=list(LABELS), batch_size=size,
                            hypothesis_template=TEMPLATE)  # fmt: skip

        return ask

    found: dict[str, Callable[[], object]] = {OURS: lambda: judge.predict(texts)}
    return found | {f"{PIPELINE}, batches of {size}": piped(size) for size in BATCHES}


def _compared(
    taught: Taught, judge: ZeroShotClassifier, peer: Any, texts: Sequence[str], *, quick: bool
) -> tuple[float, float]:
    """Return how far the logits of both are apart at most, and how widely they spread.

    Raises
    ------
    BenchmarkError
        If they are too far apart.
    """
    sentences = [prompt.sentence for prompt in judge.asked.prompts]
    ours = judge.method.logits(texts, sentences).values  # type: ignore[attr-defined]
    with torch.inference_mode():
        theirs = np.array([_logits(peer, text) for text in texts])
    apart = float(np.abs(ours - theirs).max())
    if apart > CLOSE:
        raise BenchmarkError(f"{taught.name}: logits differ by {apart:.2g}; {CLOSE:g} is allowed.")
    return apart, check_spread(taught.name, theirs[:, :, peer.entailment_id], quick=quick)


def _logits(peer: Any, text: str) -> list[list[float]]:
    """Return the logits that the pipeline makes its scores of, pair by pair."""
    parts = peer.preprocess(text, list(LABELS), TEMPLATE)
    return [peer.forward(part)["logits"][0].tolist() for part in parts]


def _rows(name: str, turns: Mapping[str, Turn], n_texts: int, apart: float) -> list[list[Cell]]:
    fastest = best(turns, PIPELINE) or float("nan")
    return [
        [
            name,
            who,
            float(f"{n_texts / turn.usual_s:.3g}"),
            round(float(np.median(turn.cpu_s)), 2),
            round(fastest / turn.usual_s, 2),
            f"{apart:.0e}" if who == OURS else "",
        ]
        for who, turn in turns.items()
    ]


def _missed(name: str, turns: Mapping[str, Turn]) -> list[str]:
    ratio = (best(turns, PIPELINE) or float("nan")) / turns[OURS].usual_s
    if ratio >= BAR:
        return []
    return [f"Missed: {name} is {ratio:.2f} times the pipeline's best; {BAR:g} was the bar."]


def _note(
    texts: Sequence[str], tokenizer: Tokenizer, rounds: int, spreads: Sequence[float], steps: int
) -> str:
    lengths = np.array([len(ids) for ids in tokenizer.encode_batch(list(texts))])
    low, middle, high = np.percentile(lengths, [0, 50, 100]).astype(int)
    spread = " and ".join(f"{one:.2f}" for one in spreads)
    return (
        f"{len(texts)} different texts of newsreels, {low} to {high} tokens, half of them below "
        f"{middle}, in the order drawn; {torch.get_num_threads()} threads for all, 32-bit floats, "
        f"cutting into tokens included, medians of {rounds} rounds in turns. At least {BAR:g} "
        f"times the pipeline's best was wanted, {AIM:g} was the aim. The largest difference of a "
        f"logit is over all texts, labels and answers. So that answers differ, {OWN} was "
        f"finetuned for {steps} steps to tell whether a passage has a word, and the head of the "
        "other, whose body has random weights, was fitted to it: the logits of entailment spread "
        f"by {spread} (standard deviation). They are as fast as other models of their "
        "size, and good for nothing else."
    )
