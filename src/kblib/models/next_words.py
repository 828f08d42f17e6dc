"""The next word after a text: whole words, not only the pieces a model writes in.

A word is complete where the next piece begins something else: a blank, a sign, the end. So the
probability of a word is that of its pieces, times that of all pieces that could end it there.
Without the second factor ``kung`` would be credited with every ``kungen``.

Letters: B beginnings, T tokens, V vocabulary.

References
----------
Pimentel and Meister (2024), How to compute the probability of a word.
"""

from __future__ import annotations

import heapq
import html
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from kblib.tokens.subwords import Tokenizer

if TYPE_CHECKING:
    import pandas as pd
    from transformers import PreTrainedModel

Kind = Literal["word", "ending", "mark", "end"]
END = "(the text ends)"
_UNFINISHED = "\ufffd"  # the first bytes of a letter whose others are in the next piece
_ANCHOR = "a"  # a piece of its own before a blank: some tokenizers drop a blank that begins a text
_AT_ONCE = 16  # beginnings of words that are read together
_MOST_ROUNDS = 40
_FAINTEST = 1e-7
"""Beginnings less likely than this are not followed; k words that are rarer still are not asked."""


@dataclass(frozen=True)
class NextWord:
    """One way to go on.

    Parameters
    ----------
    word
        As a reader writes it; ``-en`` goes on with the last word of the text.
    probability
        That exactly this comes next.
    kind
        ``word``, ``ending`` (of the last word), ``mark`` (a sign between words) or ``end``.
    append
        What has to be added to the text for it.
    """

    word: str
    probability: float
    kind: Kind
    append: str


@dataclass(frozen=True)
class NextWords:
    """The likeliest ways to go on with a text, most probable first.

    The probabilities are over all there is; those of the rows shown sum to less than 1.

    Parameters
    ----------
    text
        The text.
    words
        The ways to go on.
    provenance
        Model, weights.
    """

    text: str
    words: tuple[NextWord, ...]
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> pd.DataFrame:
        """One row a way to go on: rank (from 1), word, probability, kind."""
        import pandas as pd

        rows = [(rank, w.word, w.probability, w.kind) for rank, w in enumerate(self.words, start=1)]
        return pd.DataFrame(rows, columns=["rank", "word", "probability", "kind"])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{rank}</td><td>{html.escape(w.word)}</td><td>{w.probability:.1%}</td></tr>"
            for rank, w in enumerate(self.words, start=1)
        )
        head = "".join(f"<th scope='col'>{name}</th>" for name in ("rank", "word", "probability"))
        caption = f"<caption>{html.escape(self.text)} …</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def __str__(self) -> str:
        """Return the text and one line a way to go on."""
        lines = [
            f"{rank:>3}  {w.probability:6.1%}  {w.word}" for rank, w in enumerate(self.words, 1)
        ]
        return "\n".join([f"{self.text} …", *lines])


@dataclass(frozen=True)
class PieceTable:
    """The pieces of a tokenizer as they stand in a text, and what each can do to a word.

    Parameters
    ----------
    texts
        Text of each piece, its blank in front included; empty for special ones.
    goes_on
        Whether a piece goes on with a word that ends in a letter or digit, shape (V,).
    end_id
        The end mark.
    """

    texts: tuple[str, ...]
    goes_on: npt.NDArray[np.bool_]
    end_id: int

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> PieceTable:
        """Read the pieces of a tokenizer."""
        anchor = tokenizer.encode(_ANCHOR, special=False)
        rows = [[*anchor, piece] for piece in range(tokenizer.vocab_size)]
        start = len(tokenizer.decode(anchor))
        texts = [text[start:] for text in tokenizer.engine.decode_batch(rows)]
        for special in tokenizer.special_ids:
            texts[special] = ""
        goes_on = [text[:1].isalnum() or text[:1] == _UNFINISHED for text in texts]
        return cls(tuple(texts), np.array(goes_on), tokenizer.end_id)


@dataclass(order=True)
class _Beginning:
    """An open beginning of a word; the likeliest is read first."""

    minus_probability: float
    ids: tuple[int, ...] = field(compare=False)
    text: str = field(compare=False)


class NextWordSearch:
    """The k likeliest ways to go on, found by reading the likeliest beginnings first.

    No word can be likelier than its beginning: as soon as k finished ones are likelier than every
    open beginning, they are the k likeliest of all.

    Parameters
    ----------
    model, tokenizer, table
        The model, its tokenizer, and the tokenizer's pieces.
    known
        The ids of the text.
    inside
        Whether the text ends in a letter or digit, so that its last word may go on.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: Tokenizer,
        table: PieceTable,
        known: Sequence[int],
        *,
        inside: bool,
        seq_len: int,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.table = table
        self.known = list(known)
        self.inside = inside
        self.room = seq_len - len(self.known)
        self.found: dict[tuple[str, Kind], float] = defaultdict(float)
        self.appends: dict[tuple[str, Kind], str] = {}
        self.open: list[_Beginning] = []

    def best(self, k: int) -> tuple[NextWord, ...]:
        """Return the k likeliest ways to go on."""
        self._follow(_Beginning(-1.0, (), ""), self._shares([()])[0], k)
        for _ in range(_MOST_ROUNDS):
            chosen = self._likeliest_open(k)
            if not chosen:
                break
            shares = self._shares([one.ids for one in chosen])
            for one, share_V in zip(chosen, shares, strict=True):
                self._follow(one, share_V, k)
        ranked = sorted(self.found.items(), key=lambda item: (-item[1], item[0]))[:k]
        return tuple(
            NextWord(word, probability, kind, self.appends[word, kind])
            for (word, kind), probability in ranked
        )

    def _likeliest_open(self, k: int) -> list[_Beginning]:
        bound = self._bound(k)
        chosen: list[_Beginning] = []
        while self.open and len(chosen) < _AT_ONCE and -self.open[0].minus_probability > bound:
            chosen.append(heapq.heappop(self.open))
        return chosen

    def _bound(self, k: int) -> float:
        """Return what a beginning must exceed to matter: the probability of the k-th word found."""
        ranked = heapq.nlargest(k, self.found.values())
        return max(ranked[-1], _FAINTEST) if len(ranked) == k else _FAINTEST

    @torch.inference_mode()
    def _shares(self, beginnings: Sequence[tuple[int, ...]]) -> npt.NDArray[np.float64]:
        """Return what the model gives each piece after each beginning, shape (B, V)."""
        longest = max(map(len, beginnings))
        rows = [
            [*self.known, *ids, *[self.table.end_id] * (longest - len(ids))] for ids in beginnings
        ]
        logits_BTV = self.model(
            input_ids=torch.tensor(rows, device=self.model.device), use_cache=False
        ).logits
        last = [len(self.known) + len(ids) - 1 for ids in beginnings]
        logits_BV = logits_BTV[range(len(rows)), last, : self.tokenizer.vocab_size].float()
        shares: npt.NDArray[np.float64] = logits_BV.softmax(-1).double().cpu().numpy()
        return shares

    def _follow(self, one: _Beginning, share_V: npt.NDArray[np.float64], k: int) -> None:
        """Finish a beginning where it may end, and open what goes on with it."""
        reached = -one.minus_probability
        whole = one.text[-1:].isalnum()
        if whole:
            self._finish(one.text, reached * float(share_V[~self.table.goes_on].sum()))
        if len(one.ids) >= self.room:
            return
        allowed_V = reached * share_V * (self.table.goes_on if whole else 1.0)
        for piece in np.flatnonzero(allowed_V > self._bound(k)):
            self._open(one, int(piece), float(allowed_V[piece]))

    def _open(self, one: _Beginning, piece: int, probability: float) -> None:
        if piece in self.tokenizer.special_ids:
            if piece == self.table.end_id and not one.ids:
                self._count(END, "end", "", probability)
            return
        ids = (*one.ids, piece)
        text = piece_text(self.tokenizer, self.table, one, piece)
        if _UNFINISHED in text[:-1]:  # bytes that are no letter: nothing a reader could see
            return
        if text.strip() and not text[-1].isalnum() and text[-1] != _UNFINISHED:
            self._finish(text, probability)
        else:
            heapq.heappush(self.open, _Beginning(-probability, ids, text))

    def _finish(self, text: str, probability: float) -> None:
        word = text.strip()
        ending = self.inside and text[0].isalnum()
        if ending:
            self._count(f"-{word}", "ending", text, probability)
        elif any(sign.isalnum() for sign in word):
            self._count(word, "word", text, probability)
        else:
            self._count(word, "mark", text, probability)

    def _count(self, word: str, kind: Kind, append: str, probability: float) -> None:
        self.found[word, kind] += probability
        self.appends.setdefault((word, kind), append)


def piece_text(tokenizer: Tokenizer, table: PieceTable, one: _Beginning, piece: int) -> str:
    """Return the text of a beginning with one more piece; letters of several pieces are joined."""
    text = one.text + table.texts[piece]
    if _UNFINISHED not in text:
        return text
    anchor = tokenizer.encode(_ANCHOR, special=False)
    return tokenizer.decode([*anchor, *one.ids, piece])[len(tokenizer.decode(anchor)) :]
