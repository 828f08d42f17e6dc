"""What a masked model says of many texts: words for the blank of each, or how little it expects it.

Letters on tensors: B questions, T tokens, V vocabulary, K candidates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from torch.nn import functional

from kblib.errors import ModelError
from kblib.models.batches import Frame, filler_of, padded
from kblib.models.build import masked_logits
from kblib.models.fill import as_word, check_blank
from kblib.models.lanes import asked_together
from kblib.models.masked import MaskedLM
from kblib.models.words import Word, WordsOfText, check_readable, read_words

_EXAMPLE = 'kb.BatchPredict("kb-mini-masked", corpus, task="surprisal")'
_ANY_LENGTH = 1 << 62  # what is too long is cut
Guesses = tuple[list[list[int]], list[list[float]]]
"""Of each text of a batch: tokens, and their shares."""

FILL_COLUMNS: Mapping[str, Any] = {
    "words": pl.List(pl.String),
    "probabilities": pl.List(pl.Float32),
    "n_tokens": pl.Int64,
    "n_windows": pl.Int64,
    "note": pl.String,
}
SURPRISAL_COLUMNS: Mapping[str, Any] = {
    "bits": pl.Float64,
    "n_pieces": pl.Int64,
    "bits_per_piece": pl.Float64,
    "pseudo_perplexity": pl.Float64,
    "n_tokens": pl.Int64,
    "n_windows": pl.Int64,
    "note": pl.String,
}


@dataclass(frozen=True)
class Question:
    """A piece that a model is asked for.

    Attributes
    ----------
    text
        Number of the text it belongs to.
    window
        The ids around it, framed.
    hidden
        Places in the window that are hidden.
    place
        The one that is asked for.
    """

    text: int
    window: list[int]
    hidden: tuple[int, ...]
    place: int

    def row(self, mask_id: int) -> list[int]:
        """Return the ids that the model is shown."""
        shown = list(self.window)
        for place in self.hidden:
            shown[place] = mask_id
        return shown


def fill_all(model: MaskedLM, texts: Sequence[str], *, k: int = 5) -> pl.DataFrame:
    """Guess the word behind the one ``[MASK]`` of each text, as `MaskedLM.fill` does.

    The vocabulary is asked at the blank alone. Of a text that is longer than the model reads, the
    part around the blank is read.

    Returns
    -------
    polars.DataFrame
        One row a text: words, their probabilities, n_tokens, n_windows, note. What cannot be asked
        has nulls, and the note says why.
    """
    tokenizer, frame = model.tokenizer, Frame.of(model.tokenizer)
    room = model.seq_len - len(frame)
    rows: list[dict[str, object]] = [{"note": _fault(text, model)} for text in texts]
    asked = [number for number, row in enumerate(rows) if row["note"] is None]
    encoded = tokenizer.encode_batch([texts[number] for number in asked], special=False)
    windows = [_around(ids, ids.index(tokenizer.mask_id), room) for ids in encoded]
    for number, ids, window in zip(asked, encoded, windows, strict=True):
        rows[number] |= {"n_tokens": len(ids), "n_windows": 1}
        if len(window) < len(ids):
            rows[number]["note"] = (
                f"{len(window):,} of {len(ids):,} tokens were read, those around the blank."
            )
    batches, found = _guesses(model, [frame.around(window) for window in windows], k)
    word = lru_cache(None)(lambda i: as_word(tokenizer.token(i)))
    for chosen, (tokens_BK, shares_BK) in zip(batches, found, strict=True):
        for i, tokens, shares in zip(chosen, tokens_BK, shares_BK, strict=True):
            rows[asked[i]] |= {"words": [word(t) for t in tokens], "probabilities": shares}
    return pl.DataFrame(rows, schema=FILL_COLUMNS)


def _guesses(
    model: MaskedLM, framed: Sequence[list[int]], k: int
) -> tuple[list[list[int]], list[Guesses]]:
    """Return which texts were read together, and the likeliest tokens of each with their shares."""
    tokenizer, device = model.tokenizer, model.model.device
    special, filler = list(tokenizer.special_ids), filler_of(tokenizer)
    k = min(k, tokenizer.vocab_size - len(special))

    def guesses(chosen: list[int]) -> Guesses:
        rows = [framed[i] for i in chosen]
        ids_BT, mask_BT = padded(rows, filler, device)
        places_B1 = torch.tensor([[ids.index(tokenizer.mask_id)] for ids in rows], device=device)
        logits_BV = masked_logits(model.model, ids_BT, places_B1, mask_BT)[:, 0].float()
        whole_B1 = logits_BV.logsumexp(-1, keepdim=True)
        logits_BV = logits_BV[:, : tokenizer.vocab_size]
        logits_BV[:, special] = -math.inf  # never among the candidates
        best = logits_BV.topk(k)
        return best.indices.tolist(), (best.values - whole_B1).exp().tolist()

    return asked_together([len(ids) for ids in framed], guesses, device)


def surprisal_all(model: MaskedLM, texts: Sequence[str]) -> pl.DataFrame:
    """Say how little a masked model expects each text, as `MaskedLM.surprisal` does.

    Each piece is asked for with the later ones of its word hidden (PLL-word-l2r). A text that is
    longer than the model reads is cut between words into windows that know nothing of each other.

    Returns
    -------
    polars.DataFrame
        One row a text: bits, n_pieces, bits_per_piece, pseudo_perplexity (2 to the bits a piece),
        n_tokens, n_windows, note. These bits know both sides: they never stand on one axis with
        those of causal models. What the vocabulary cannot spell is left out of bits and pieces.

    References
    ----------
    Kauf and Ivanova (2023), A Better Way to Do Masked Language Model Scoring, arXiv 2305.10588.
    """
    rows: list[dict[str, object]] = [{} for _ in texts]
    questions: list[Question] = []
    for number, text in enumerate(texts):
        read = read_words(text, model.tokenizer)
        rows[number]["note"] = _unreadable(read, model)
        if rows[number]["note"] is None:
            own = list(_questions(number, read, model))
            rows[number] |= _said_of(read, own, n_frame=len(Frame.of(model.tokenizer)))
            questions += own
    nats = _nats(model, questions)
    texts_of = np.array([question.text for question in questions], dtype=np.int64)
    sums = np.bincount(texts_of, weights=nats, minlength=len(texts)) / math.log(2)
    counts = np.bincount(texts_of, minlength=len(texts))
    for row, bits, n_pieces in zip(rows, sums.tolist(), counts.tolist(), strict=True):
        if n_pieces:
            each = bits / n_pieces
            row |= {"bits": bits, "bits_per_piece": each, "pseudo_perplexity": 2.0**each}
    return pl.DataFrame(rows, schema=SURPRISAL_COLUMNS)


def _nats(model: MaskedLM, questions: Sequence[Question]) -> npt.NDArray[np.float64]:
    """Return minus the logarithm of what the model gives each asked piece."""
    filler, device = filler_of(model.tokenizer), model.model.device

    def nats(chosen: list[int]) -> npt.NDArray[np.float64]:
        some = [questions[i] for i in chosen]
        shown = [question.row(model.tokenizer.mask_id) for question in some]
        ids_BT, mask_BT = padded(shown, filler, device)
        places_B1 = torch.tensor([[question.place] for question in some], device=device)
        targets_B1 = torch.tensor(
            [[question.window[question.place]] for question in some], device=device
        )
        logits_BV = masked_logits(model.model, ids_BT, places_B1, mask_BT)[:, 0].float()
        nats_B = functional.cross_entropy(logits_BV, targets_B1[:, 0], reduction="none")
        found: npt.NDArray[np.float64] = nats_B.double().cpu().numpy()
        return found

    found = np.zeros(len(questions))
    lengths = [len(question.window) for question in questions]
    for chosen, some in zip(*asked_together(lengths, nats, device), strict=True):
        found[chosen] = some
    return found


def _questions(number: int, read: WordsOfText, model: MaskedLM) -> Iterator[Question]:
    frame = Frame.of(model.tokenizer)
    for words in _windows(read, model.seq_len - len(frame)):
        first, last = words[0].places[0], words[-1].places[-1]
        window = frame.around(read.ids[first : last + 1])
        shift = len(frame.before) - first
        for word in words:
            places = tuple(place + shift for place in word.places)
            for at, place in enumerate(places if word.known else ()):
                yield Question(number, window, places[at:], place)


def _windows(read: WordsOfText, room: int) -> Iterator[list[Word]]:
    """Yield words that fit together; one of too many pieces is cut."""
    window: list[Word] = []
    for word in read.words:
        for start in range(0, len(word.places), room):
            places = word.places[start : start + room]
            part = Word(word.text, word.kind, places, word.pieces, word.known)
            if window and places[-1] - window[0].places[0] >= room:
                yield window
                window = []
            window.append(part)
    if window:
        yield window


def _said_of(read: WordsOfText, own: list[Question], *, n_frame: int) -> dict[str, object]:
    n_windows = len({id(question.window) for question in own})
    unknown = [word.text for word in read.words if not word.known]
    notes = []
    if not own:
        notes.append("The vocabulary can spell no word of it.")
    elif unknown:
        notes.append(f"Left out, since the vocabulary cannot spell it: {', '.join(unknown[:5])}.")
    if n_windows > 1:
        notes.append(f"Read in {n_windows} windows.")
    n_tokens = len(read.ids) - n_frame
    said = {"n_tokens": n_tokens, "n_windows": n_windows, "n_pieces": len(own)}
    return {**said, "note": " ".join(notes) or None}


def _around(ids: list[int], place: int, room: int) -> list[int]:
    """Return as many ids as fit, with as many before a place as behind it where there are."""
    start = max(0, min(place - room // 2, len(ids) - room))
    return ids[start : start + room]


def _fault(text: str, model: MaskedLM) -> str | None:
    """Say why a text cannot be asked for its blank."""
    if not text.strip():
        return "The text is empty."
    try:
        check_blank(text, model.tokenizer.roles["mask_token"])
    except ModelError as error:
        return error.happened
    return None


def _unreadable(read: WordsOfText, model: MaskedLM) -> str | None:
    """Say why a text cannot be read word by word."""
    if read.text.strip() and any(word.kind == "blank" for word in read.words):
        return f"The text has a {model.tokenizer.roles['mask_token']}."
    try:
        check_readable(read, model.tokenizer, _ANY_LENGTH, example=_EXAMPLE)
    except ModelError as error:
        return error.happened
    return None
