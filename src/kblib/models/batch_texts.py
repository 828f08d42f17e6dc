"""What a model makes of many whole texts: bits a byte, vectors, labels.

Letters on tensors: B windows, T tokens, D width, C labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from torch import Tensor
from transformers import PreTrainedModel

from kblib.models.batches import Frame, cut, filler_of, padded
from kblib.models.causal import CausalLM
from kblib.models.classifier import SequenceClassifier
from kblib.models.lanes import asked_together
from kblib.models.reading import target_nats, windows_of
from kblib.tokens.subwords import Tokenizer

EMPTY = "The text is empty."
NO_TOKEN = "The text holds nothing that the model reads."
BITS_COLUMNS: Mapping[str, Any] = {
    "bits": pl.Float64,
    "n_bytes": pl.Int64,
    "bits_per_byte": pl.Float64,
    "n_tokens": pl.Int64,
    "n_windows": pl.Int64,
    "note": pl.String,
}
_READING: Mapping[str, Any] = {"n_tokens": pl.Int64, "n_windows": pl.Int64, "note": pl.String}
Numbers = npt.NDArray[np.float64]


class Reader(Protocol):
    """A model with its tokenizer, whichever head it has."""

    model: PreTrainedModel
    tokenizer: Tokenizer

    @property
    def seq_len(self) -> int:
        """Tokens it reads at once, at most."""


def bits_all(model: CausalLM, texts: Sequence[str]) -> pl.DataFrame:
    """Measure how many bits a causal model needs for each text, its end included.

    As `CausalLM.perplexity` does: a text that is longer than the model reads is read in windows
    that overlap by half, and each token is counted once.

    Returns
    -------
    polars.DataFrame
        One row a text: bits, n_bytes (UTF-8), bits_per_byte, n_tokens, n_windows, note.
    """
    encoded = model.tokenizer.encode_batch(texts, special=False)
    rows: list[dict[str, Any]] = [
        _reading(text, ids, 0) for text, ids in zip(texts, encoded, strict=True)
    ]
    windows, text_of = [], []
    for number, ids in enumerate(encoded):
        own = list(windows_of(ids, model.tokenizer, model.seq_len)) if ids else []
        windows += own
        text_of += [number] * len(own)
        if len(own) > 1:
            rows[number] |= {"note": f"Read in {len(own)} windows that overlap by half."}
        rows[number]["n_windows"] = len(own)
    nats = [float(part.sum()) for part in target_nats(model.model, windows)]
    sums = np.bincount(np.array(text_of, dtype=np.int64), weights=nats, minlength=len(texts))
    for row, text, ids, bits in zip(rows, texts, encoded, sums / math.log(2), strict=True):
        if ids:
            n_bytes = len(text.encode())
            row |= {"bits": float(bits), "n_bytes": n_bytes, "bits_per_byte": float(bits) / n_bytes}
    return pl.DataFrame(rows, schema=BITS_COLUMNS)


def vectors_all(model: Reader, texts: Sequence[str]) -> pl.DataFrame:
    """Return a vector for each text: the mean of the last hidden states of its tokens.

    The model's own marks, such as ``[CLS]``, count as tokens. A text that is longer than the model
    reads is cut into windows; its vector is their mean, each weighted by its tokens.

    Returns
    -------
    polars.DataFrame
        One row a text: vector, n_tokens, n_windows, note.
    """

    def means(ids_BT: Tensor, mask_BT: Tensor | None) -> Tensor:
        states_BTD = model.model.base_model(input_ids=ids_BT, attention_mask=mask_BT)[0].float()
        weights_BT1 = torch.ones_like(ids_BT) if mask_BT is None else mask_BT
        weights_BT1 = weights_BT1.unsqueeze(-1).to(states_BTD.dtype)
        mean: Tensor = (states_BTD * weights_BT1).sum(1) / weights_BT1.sum(1)
        return mean

    reading, vectors_ND = _means_of_windows(model, texts, means)
    columns = {"vector": list(vectors_ND.astype(np.float32)), **reading}
    return _answers(columns, {"vector": pl.List(pl.Float32), **_READING})


def labels_all(model: SequenceClassifier, texts: Sequence[str]) -> pl.DataFrame:
    """Give each text the label the model finds likeliest, and the score of every label.

    Scores are shares of one, over all labels; where a text may have several labels, each is from 0
    to 1 by itself. A text that is longer than the model reads is cut into windows; its scores are
    their means, each weighted by its tokens.

    Returns
    -------
    polars.DataFrame
        One row a text: label, score, ``score_LABEL`` for each label, n_tokens, n_windows, note.
    """

    def shares(ids_BT: Tensor, mask_BT: Tensor | None) -> Tensor:
        return model.shares(model.logits(ids_BT, mask_BT))

    reading, scores_NC = _means_of_windows(model, texts, shares, width=len(model.labels))
    best = scores_NC.argmax(1)
    columns: dict[str, Any] = {"label": np.array(model.labels, dtype=object)[best].tolist()}
    columns["score"] = scores_NC[np.arange(len(best)), best]
    columns |= dict(zip(score_columns(model.labels), scores_NC.T, strict=True))
    return _answers({**columns, **reading}, label_schema(model.labels))


def score_columns(labels: Sequence[str]) -> list[str]:
    """Return the names of the columns that hold the scores of labels."""
    return [f"score_{label}" for label in labels]


def label_schema(labels: Sequence[str]) -> Mapping[str, Any]:
    """Return the columns of a table of labels."""
    scores = dict.fromkeys(score_columns(labels), pl.Float32)
    return {"label": pl.String, "score": pl.Float32, **scores, **_READING}


def _answers(columns: Mapping[str, Any], schema: Mapping[str, Any]) -> pl.DataFrame:
    """Return a table of answers; texts of which nothing was read have none."""
    casts = [pl.col(name).cast(kind) for name, kind in schema.items()]
    table = pl.DataFrame(dict(columns), strict=False).select(casts)
    answers = [name for name in schema if name not in _READING]
    return table.with_columns(pl.when(pl.col("n_windows") > 0).then(pl.col(answers)))


def _means_of_windows(
    model: Reader,
    texts: Sequence[str],
    ask: Callable[[Tensor, Tensor | None], Tensor],
    *,
    width: int = 1,
) -> tuple[dict[str, Any], Numbers]:
    """Ask for each window of each text; return how texts were read, and the mean of each, (N, D).

    A text's windows count by their tokens.

    Parameters
    ----------
    width
        D where nothing is read at all.
    """
    frame, filler = Frame.of(model.tokenizer), filler_of(model.tokenizer)
    device = model.model.device
    encoded = model.tokenizer.encode_batch(texts, special=False)
    cuts = [cut(ids, model.seq_len - len(frame)) for ids in encoded]
    windows = [frame.around(ids) for own in cuts for ids in own]
    lengths = [len(window) for window in windows]

    def answers(chosen: list[int]) -> Numbers:
        tensor = ask(*padded([windows[i] for i in chosen], filler, device))
        found: Numbers = tensor.double().cpu().numpy()
        return found

    batches, found = asked_together(lengths, answers, device)
    n_windows = np.array([len(own) for own in cuts], dtype=np.int64)
    means_ND = np.zeros((len(texts), found[0].shape[1] if found else width))
    if found:
        found_WD = np.empty((len(windows), means_ND.shape[1]))
        found_WD[np.concatenate(batches)] = np.concatenate(found)
        means_ND[n_windows > 0] = _means(found_WD, np.array(lengths), n_windows[n_windows > 0])
    rows = [_reading(*one) for one in zip(texts, encoded, n_windows.tolist(), strict=True)]
    return {name: [row[name] for row in rows] for name in _READING}, means_ND


def _means(found_WD: Numbers, weights_W: Any, n_windows: Any) -> Numbers:
    """Return the weighted means of runs of rows, so many each."""
    starts = np.cumsum(n_windows) - n_windows
    sums: Numbers = np.add.reduceat(found_WD * weights_W[:, None], starts)
    return sums / np.add.reduceat(weights_W, starts)[:, None]


def _reading(text: str, ids: Sequence[int], n_windows: int) -> dict[str, Any]:
    """Return how a text was read, and why not."""
    note = f"Read in {n_windows} windows." if n_windows > 1 else None
    if not ids:
        note = NO_TOKEN if text.strip() else EMPTY
    return {"n_tokens": len(ids), "n_windows": n_windows, "note": note}
