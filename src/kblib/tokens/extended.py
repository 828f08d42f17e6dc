"""New pieces for a vocabulary that is there: it goes on learning where it ended.

Pairs of neighbouring pieces that are frequent in the new texts become pieces, the most frequent
first, as byte-pair encoding does from letters on (Sennrich, Haddow and Birch 2016). What was learnt
before keeps its rank and its number, so a text in which no new piece occurs is cut as ever.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import tokenizers

from kblib.errors import TokenError
from kblib.tokens.learn import CONTINUES, HasTexts, again
from kblib.tokens.subwords import Tokenizer

_LEAST = 2
"""A pair that occurs once is no habit of the texts."""
_AT_ONCE = 10_000  # words
Pair = tuple[int, int]


@dataclass(frozen=True)
class NewPiece:
    """A piece that was added: how it is spelt, its id, and the older pieces that spell it."""

    piece: str
    id: int
    parts: tuple[int, ...]
    count: int


@dataclass(frozen=True)
class Extended:
    """A tokenizer with new pieces, in the order in which they were found."""

    tokenizer: Tokenizer
    pieces: tuple[NewPiece, ...]


def extended(tokenizer: Tokenizer, texts: Iterable[str] | HasTexts, n_pieces: int) -> Extended:
    """Add pieces that make texts shorter in tokens; the same texts always give the same pieces.

    Parameters
    ----------
    tokenizer
        WordPiece or BPE, ours or that of any model.
    texts
        A corpus, or any iterable of texts.
    n_pieces
        New pieces at most; few texts may yield fewer.

    Raises
    ------
    TokenError
        If the tokenizer is of another kind, or there is nothing to add.

    Examples
    --------
    >>> old = Tokenizer.train(["sol och regn"] * 3, kind="bpe", vocab_size=270)
    >>> new = extended(old, ["solsken"] * 9, 3)
    >>> len(new.tokenizer.encode("solsken")) < len(old.encode("solsken"))
    True
    """
    return extensions(tokenizer, texts, [n_pieces])[n_pieces]


def extensions(
    tokenizer: Tokenizer, texts: Iterable[str] | HasTexts, sizes: Iterable[int]
) -> dict[int, Extended]:
    """Return what `extended` does for each of several sizes; the texts are read once.

    Raises
    ------
    TokenError
        As `extended`.
    """
    wanted = list(sizes)
    if tokenizer.kind not in ("wordpiece", "bpe"):
        raise TokenError(
            f"The tokenizer is of the kind '{tokenizer.kind}'.",
            "New pieces are learnt for the kinds wordpiece and bpe.",
        )
    for n_pieces in wanted:
        if type(n_pieces) is not int or n_pieces < 1:
            raise TokenError(f"{n_pieces!r} new pieces were asked for.", "At least 1 was expected.")
    words = _words(tokenizer, texts)
    pieces = list(_learnt(tokenizer, words, max(wanted)))
    if not pieces:
        raise TokenError(
            f"No two pieces of {tokenizer!r} are neighbours twice in these texts.",
            "Texts with words that it cuts were expected.",
        )
    return {n_pieces: _of(tokenizer, pieces[:n_pieces]) for n_pieces in wanted}


def _of(tokenizer: Tokenizer, pieces: list[tuple[tuple[str, str], NewPiece]]) -> Extended:
    return Extended(_with(tokenizer, pieces), tuple(piece for _, piece in pieces))


class _Words:
    """Different words as sequences of pieces, how often each occurs, and where each pair is."""

    def __init__(self, counted: Counter[tuple[int, ...]]) -> None:
        self.pieces = [list(word) for word in counted]
        self.times = list(counted.values())
        self.counts: Counter[Pair] = Counter()
        self.where: dict[Pair, set[int]] = {}
        for number in range(len(self.pieces)):
            self._count(number, 1)
        self._queue = [(-n, pair) for pair, n in self.counts.items()]
        heapq.heapify(self._queue)

    def most_frequent(self) -> Pair | None:
        """Return the most frequent pair, of equal ones that of the lowest ids; None without one."""
        while self._queue:
            count, pair = heapq.heappop(self._queue)
            if self.counts[pair] == -count >= _LEAST:
                return pair
            if 0 < self.counts[pair] < -count:  # it became rarer since it was queued
                heapq.heappush(self._queue, (-self.counts[pair], pair))
        return None

    def join(self, pair: Pair, new: int) -> None:
        """Write the new piece for a pair in every word that has it."""
        for number in sorted(self.where.pop(pair)):
            self._count(number, -1)
            self.pieces[number] = _joined(self.pieces[number], pair, new)
            for found in self._count(number, 1):
                heapq.heappush(self._queue, (-self.counts[found], found))

    def pass_over(self, pair: Pair) -> None:
        """Leave a pair as it is, for good."""
        del self.counts[pair], self.where[pair]

    def _count(self, number: int, sign: int) -> set[Pair]:
        word = self.pieces[number]
        pairs = set(pairwise(word))
        for pair in pairwise(word):
            self.counts[pair] += sign * self.times[number]
        for pair in pairs:
            place = self.where.setdefault(pair, set())
            (place.add if sign > 0 else place.discard)(number)
        return pairs


def _joined(word: list[int], pair: Pair, new: int) -> list[int]:
    found: list[int] = []
    at = 0
    while at < len(word):
        here = tuple(word[at : at + 2]) == pair
        found.append(new if here else word[at])
        at += 2 if here else 1
    return found


def _words(tokenizer: Tokenizer, texts: Iterable[str] | HasTexts) -> _Words:
    """Cut each different word of the texts with the vocabulary as it is."""
    counted: Counter[str] = Counter()
    for text in again(texts)():
        counted.update(text.split())
    # Byte-level vocabularies spell the space before a word, the others add one themselves.
    space = " " if _is_byte_level(tokenizer) else ""
    unknown = tokenizer.unknown_id if tokenizer.has("unk_token") else None
    sequences: Counter[tuple[int, ...]] = Counter()
    words = sorted(counted)
    for start in range(0, len(words), _AT_ONCE):
        part = words[start : start + _AT_ONCE]
        cut = tokenizer.engine.encode_batch([space + w for w in part], add_special_tokens=False)
        for word, encoding in zip(part, cut, strict=True):
            for ids in _by_pre_token(encoding):
                if unknown not in ids:
                    sequences[ids] += counted[word]
    return _Words(sequences)


def _by_pre_token(encoding: tokenizers.Encoding) -> Iterator[tuple[int, ...]]:
    """Yield the pieces of each part of a word that is cut by itself, such as its punctuation."""
    groups: dict[int | None, list[int]] = {}
    for index, group in zip(encoding.ids, encoding.word_ids, strict=True):
        groups.setdefault(group, []).append(index)
    return (tuple(ids) for ids in groups.values())


def _is_byte_level(tokenizer: Tokenizer) -> bool:
    said = json.loads(tokenizer.engine.to_str())
    return "ByteLevel" in json.dumps(said.get("pre_tokenizer"))


def _learnt(
    tokenizer: Tokenizer, words: _Words, n_pieces: int
) -> Iterator[tuple[tuple[str, str], NewPiece]]:
    """Yield the pieces as they are found, each with the two that it is made of."""
    known = tokenizer.engine.get_vocab(with_added_tokens=True)
    spelt = {index: piece for piece, index in known.items()}
    special = set(tokenizer.special_ids)
    parts: dict[int, tuple[int, ...]] = {}
    new = tokenizer.vocab_size
    while len(parts) < n_pieces and (pair := words.most_frequent()) is not None:
        one, other = (spelt[index] for index in pair)
        piece = (
            one + other.removeprefix(CONTINUES) if tokenizer.kind == "wordpiece" else one + other
        )
        if piece in known or special & set(pair):  # there already, and not reached: it stays so
            words.pass_over(pair)
            continue
        count = words.counts[pair]
        words.join(pair, new)
        spelt[new], known[piece] = piece, new
        parts[new] = tuple(part for index in pair for part in parts.get(index, (index,)))
        yield (one, other), NewPiece(piece, new, parts[new], count)
        new += 1


def _with(tokenizer: Tokenizer, pieces: list[tuple[tuple[str, str], NewPiece]]) -> Tokenizer:
    said: dict[str, Any] = json.loads(tokenizer.engine.to_str())
    said["model"]["vocab"].update({piece.piece: piece.id for _, piece in pieces})
    if tokenizer.kind == "bpe":
        said["model"]["merges"] += [list(pair) for pair, _ in pieces]
    engine = tokenizers.Tokenizer.from_str(json.dumps(said))
    return Tokenizer(engine, tokenizer.roles)
