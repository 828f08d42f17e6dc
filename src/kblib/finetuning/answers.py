"""What a finetuned model says of texts, of pairs, and of words, as tables.

Letters on arrays: C labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from transformers import PreTrainedModel

from kblib.finetuning.about import About
from kblib.finetuning.spans import spans_of
from kblib.finetuning.windows import (
    Floats,
    Windows,
    logits_of,
    means_by_text,
    shares_of,
    windows_of_pairs,
    windows_of_texts,
)
from kblib.models.batch_texts import EMPTY, NO_TOKEN, label_schema, score_columns
from kblib.models.layouts import is_causal
from kblib.models.word_places import Span, cut_words
from kblib.models.word_windows import WordsRead, windows_of_words
from kblib.tokens.subwords import Tokenizer

_READING: Mapping[str, Any] = {"n_tokens": pl.Int64, "n_windows": pl.Int64, "note": pl.String}
_WORD = pl.Struct(
    {"word": pl.String, "start": pl.Int64, "end": pl.Int64, "label": pl.String, "score": pl.Float32}
)
_SPAN = pl.Struct({"text": pl.String, "start": pl.Int64, "end": pl.Int64, "label": pl.String})
WORD_COLUMNS: Mapping[str, Any] = {"words": pl.List(_WORD), "spans": pl.List(_SPAN), **_READING}
NUMBER_COLUMNS: Mapping[str, Any] = {"value": pl.Float64, **_READING}


def answers_of_texts(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    about: About,
    texts: Sequence[str],
    seconds: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Say the label or the number of each text, or of each pair.

    Of a text in several windows the scores are their means, each weighted by its tokens.

    Returns
    -------
    polars.DataFrame
        One row a text: label, score, ``score_LABEL`` for each label, n_tokens, n_windows, note; of
        numbers value in the place of labels and scores.
    """
    if seconds is None:
        windows = windows_of_texts(tokenizer, texts, about.seq_len)
    else:
        windows = windows_of_pairs(tokenizer, texts, seconds, about.seq_len, typed=about.typed)
    found = _in_order(model, tokenizer, windows)
    rows = list(_readings(texts, windows, about))
    labels = about.task.labels
    scores = found if about.task.is_scale else [shares_of(one) for one in found]
    for row, mean in zip(rows, means_by_text(windows, scores), strict=True):
        if mean is not None:
            row |= _number(mean, about) if about.task.is_scale else _label(mean, labels)
    schema = NUMBER_COLUMNS if about.task.is_scale else label_schema(labels)
    return pl.DataFrame(rows, schema=schema)


def answers_of_words(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    about: About,
    texts: Sequence[str],
    spans: Sequence[Sequence[Span]] | None = None,
) -> pl.DataFrame:
    """Say the label of each word of each text.

    Parameters
    ----------
    spans
        Where the words of each text stand; by default it is cut as the model has learnt to.

    Returns
    -------
    polars.DataFrame
        One row a text: words (word, start, end, label, score), spans where labels are of spans
        (text, start, end, label), n_tokens, n_windows, note. Places are characters of the text. A
        word that the model has no piece for has no label.
    """
    if spans is None:
        spans = [cut_words(text, about.cutting) for text in texts]
    read = windows_of_words(
        tokenizer, texts, spans, seq_len=about.seq_len, last=is_causal(model.config.model_type)
    )
    best, sure = _word_labels(model, tokenizer, read, spans)
    rows = []
    for number, (text, places) in enumerate(zip(texts, spans, strict=True)):
        labels = [None if one < 0 else about.task.labels[one] for one in best[number]]
        words = [
            {"word": text[a:b], "start": a, "end": b, "label": label, "score": score}
            for (a, b), label, score in zip(places, labels, sure[number], strict=True)
        ]
        found = list(_spans(text, places, labels)) if about.task.has_spans else None
        rows.append({"words": words, "spans": found, **_word_reading(text, read, number)})
    return pl.DataFrame(rows, schema=WORD_COLUMNS)


def _in_order(model: PreTrainedModel, tokenizer: Tokenizer, windows: Windows) -> list[Floats]:
    found: list[Floats] = [np.empty(0)] * len(windows.ids)
    for number, logits in logits_of(model, tokenizer, windows.ids, windows.types):
        found[number] = logits
    return found


def _word_labels(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    read: WordsRead,
    spans: Sequence[Sequence[Span]],
) -> tuple[list[list[int]], list[list[float | None]]]:
    """Return of each word the number of its likeliest label, -1 if it was not read, its share."""
    best = [[-1] * len(places) for places in spans]
    sure: list[list[float | None]] = [[None] * len(places) for places in spans]
    for number, logits_TC in logits_of(model, tokenizer, [one.ids for one in read.windows]):
        window = read.windows[number]
        shares = shares_of(logits_TC[window.places])
        for word, share_C in zip(window.words, shares, strict=True):
            best[window.text][word] = int(share_C.argmax())
            sure[window.text][word] = float(share_C.max())
    return best, sure


def _label(share_C: Floats, labels: Sequence[str]) -> dict[str, Any]:
    best = int(share_C.argmax())
    scores = dict(zip(score_columns(labels), share_C.tolist(), strict=True))
    return {"label": labels[best], "score": float(share_C[best]), **scores}


def _number(value: Floats, about: About) -> dict[str, Any]:
    return {"value": float(np.ravel(value)[0]) * about.spread + about.mean}


def _readings(texts: Sequence[str], windows: Windows, about: About) -> Iterator[dict[str, Any]]:
    read = zip(texts, windows.n_tokens, windows.n_windows, strict=True)
    for number, (text, n_tokens, n_windows) in enumerate(read):
        note = f"Read in {n_windows} windows." if n_windows > 1 else None
        if number in windows.shortened:
            note = f"Longer than {about.seq_len} tokens: the longer text lost its end."
        if not n_windows or not n_tokens:
            note = NO_TOKEN if text.strip() else EMPTY
        yield {"n_tokens": n_tokens, "n_windows": n_windows, "note": note}


def _word_reading(text: str, read: WordsRead, number: int) -> dict[str, Any]:
    n_windows, unread = read.n_windows[number], len(read.unread[number])
    said = [f"Read in {n_windows} windows."] if n_windows > 1 else []
    said += [f"Words without a piece of their own: {unread}."] if unread else []
    if not n_windows:
        said = [NO_TOKEN if text.strip() else EMPTY]
    return {
        "n_tokens": read.n_tokens[number],
        "n_windows": n_windows,
        "note": " ".join(said) or None,
    }


def _spans(
    text: str, places: Sequence[Span], labels: Sequence[str | None]
) -> Iterator[dict[str, Any]]:
    for span in spans_of(labels):
        start, end = places[span.first][0], places[span.stop - 1][1]
        yield {"text": text[start:end], "start": start, "end": end, "label": span.kind}
