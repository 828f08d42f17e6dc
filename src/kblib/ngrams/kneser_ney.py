"""Interpolated modified Kneser-Ney: probabilities from n-gram counts.

Chen & Goodman (1999), An empirical study of smoothing techniques for language modeling; Heafield et
al. (2013), Scalable modified Kneser-Ney language model estimation. The definitions are those of
KenLM's ``lmplz -o N --discount_fallback`` with interpolated unigrams:

- the highest order, and n-grams that start with the begin of a text, keep their counts; any other
  n-gram counts the different tokens seen before it;
- each order has three discounts, for n-grams counted once, twice, and three times or more; where
  they cannot be estimated, 0.5, 1 and 1.5 stand in, and `KneserNey.discounts` says so;
- the lowest order is mixed with the uniform distribution over the vocabulary, in which the end
  counts and the begin, which is never guessed, does not. KenLM's uniform counts the types of the
  text and ``<unk>``: equal, if the vocabulary holds just these, else the same as ``--vocab_pad``.

Letters: B queries, N tokens of context, T tokens in a row, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kblib.errors import TokenError
from kblib.ngrams.counts import Bools, CountedNgrams, checked_ids, framed
from kblib.ngrams.discounts import Discounts, Floats, adjusted_counts, lmplz_counts
from kblib.ngrams.pruning import pruned_trie
from kblib.ngrams.trie import Integers, NgramTrie

Numbers = NDArray[np.floating[Any]]  # in 4 or 8 bytes
_ALL = np.empty(0, bool)  # n-grams that stay


@dataclass(frozen=True, eq=False)
class KneserNey:
    """An n-gram model over integer tokens, in memory.

    Parameters
    ----------
    trie
        The n-grams seen.
    probs
        ``probs[k - 1]``: of the last token of each n-gram of order k after the tokens before it.
    backoffs
        ``backoffs[k - 1]``: what is left to lower orders after each n-gram of order k; 1 where
        nothing followed it.
    discounts
        ``discounts[k - 1]``: of order k, and whether they are a fallback; none if not known.
    begin_id, end_id
        The tokens that frame a text; see `CountedNgrams`.

    Examples
    --------
    Texts of the words 3 and 4, framed by 1 and 2; 0 never occurs.

    >>> model = KneserNey.train([1, 3, 4, 2, 1, 3, 2], order=2, vocab_size=5, begin_id=1, end_id=2)
    >>> model.distribution([3]).round(3).tolist()
    [0.062, 0.0, 0.438, 0.125, 0.375]
    >>> model.fallback_orders
    (1, 2)
    """

    trie: NgramTrie
    probs: tuple[Numbers, ...]
    backoffs: tuple[Numbers, ...]
    discounts: tuple[Discounts, ...]
    begin_id: int
    end_id: int

    @classmethod
    def train(
        cls,
        ids: ArrayLike,
        *,
        order: int = 5,
        vocab_size: int,
        begin_id: int,
        end_id: int,
        like_lmplz: bool = False,
    ) -> KneserNey:
        """Count the n-grams of texts laid end to end and smooth them.

        Takes and raises what `CountedNgrams.count` does, and `like_lmplz` of `smooth`. At order 5
        the memory needed is about 90 bytes a token of the text, and 60 a token afterwards.
        """
        counted = CountedNgrams.count(
            ids, order=order, vocab_size=vocab_size, begin_id=begin_id, end_id=end_id
        )
        return cls.smooth(counted, like_lmplz=like_lmplz)

    @classmethod
    def smooth(
        cls,
        counted: CountedNgrams,
        *,
        kept: Sequence[Bools] | None = None,
        like_lmplz: bool = False,
        spend: bool = False,
    ) -> KneserNey:
        """Smooth counted n-grams, from the shortest to the longest.

        Parameters
        ----------
        kept
            Which n-grams of each order stay in the model, see `pruning.kept_ngrams`; the share of
            the others goes to lower orders. Tokens that do not stay leave the vocabulary, and those
            after them move up.
        like_lmplz
            Repeat a slip of lmplz, for equal numbers on small texts: it estimates the discounts of
            all but the highest order with one n-gram miscounted, see `discounts.lmplz_counts`.
        spend
            Write the probabilities over the counts, which are of no use afterwards, in 4 bytes
            instead of 8, as lmplz and `model_file` do: next to no further memory is needed.
        """
        from kblib.ngrams.smooth_loops import smooth_order

        trie = counted.trie
        estimate = partial(_discounts, counted, like_lmplz=like_lmplz)
        discounts = tuple(map(estimate, range(1, trie.order + 1)))
        probs: list[Numbers] = []
        backoffs: list[Numbers] = []
        n_types = trie.vocab_size if kept is None else int(kept[0].sum())
        lower: Numbers = _uniform(n_types, counted)
        edges: Integers = np.array([0, trie.vocab_size])
        room = _written_over if spend else _beside
        for k in range(1, trie.order + 1):
            counts, stays = adjusted_counts(counted, k), _ALL if kept is None else kept[k - 1]
            suffixes = counted.suffixes[k - 1]
            found = room(suffixes), room(counted.counts[k - 2]) if k > 1 else np.empty(1)
            smooth_order(edges, counts, stays, discounts[k - 1].by_count, (lower, suffixes), found)
            if k == 1 and counted.begin_id != counted.end_id:
                found[0][counted.begin_id] = 0.0
            probs.append(found[0])
            backoffs.append(found[1])
            lower, edges = found[0], trie.edges[k - 1] if k < trie.order else edges
        if kept is None:
            ends = (counted.begin_id, counted.end_id)
            return cls(trie, tuple(probs), tuple(backoffs[1:]), discounts, *ends)
        new_ids = np.cumsum(kept[0]) - 1
        return cls(
            pruned_trie(trie, kept),
            tuple(prob[stays] for prob, stays in zip(probs, kept, strict=True)),
            tuple(backoff[stays] for backoff, stays in zip(backoffs[1:], kept, strict=False)),
            discounts,
            int(new_ids[counted.begin_id]),
            int(new_ids[counted.end_id]),
        )

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return self.trie.order

    @property
    def vocab_size(self) -> int:
        """Tokens are the integers below it."""
        return self.trie.vocab_size

    @property
    def fallback_orders(self) -> tuple[int, ...]:
        """Orders whose discounts could not be estimated; `discounts` holds the reason."""
        return tuple(k for k, d in enumerate(self.discounts, start=1) if d.fallback_reason)

    def __str__(self) -> str:
        lines = [f"Kneser-Ney n-gram model of order {self.order}, {self.vocab_size:,} types"]
        lines += [f"  order {k}: {n:,} n-grams" for k, n in enumerate(self.trie.sizes(), start=1)]
        for k, d in enumerate(self.discounts, start=1):
            reason = f" (fallback: {d.fallback_reason})" if d.fallback_reason else ""
            lines[k] += f", discounts {d.once:.3f} {d.twice:.3f} {d.more:.3f}{reason}"
        return "\n".join(lines)

    def log10_prob(self, context_BN: ArrayLike, word_B: ArrayLike) -> Floats:
        """Return log10 of the probability of each word after its context, shape (B,).

        Parameters
        ----------
        context_BN
            Tokens before the words; at most the last ``order - 1`` count, fewer are fine, N = 0
            too. What stands before the begin of a text has no influence.
        word_B
            The words; a begin that differs from the end gets minus infinity.

        Raises
        ------
        TokenError
            If a token is outside the vocabulary or the shapes do not fit.
        """
        context = checked_ids(context_BN, self.vocab_size)
        word = checked_ids(word_B, self.vocab_size)
        if context.ndim != 2 or word.shape != context.shape[:1]:
            raise TokenError(
                f"Contexts of the shape {context.shape} do not fit words of {word.shape}.",
                "One row of context a word was expected: (B, N) and (B,).",
                "For a single word: model.log10_prob([context], [word]).",
            )
        nearest = context[:, max(0, context.shape[1] - self.order + 1) :]
        tokens = np.concatenate([nearest, word[:, None]], axis=1)
        return _log10(self.row_probs(tokens)[:, -1])

    def log10_probs(self, ids: ArrayLike) -> Floats:
        """Return log10 of the probability of each word of texts laid end to end, begins left out.

        The perplexity of a token is ``10 ** -log10_probs(ids).mean()``; ends count, as in KenLM.
        """
        tokens = checked_ids(ids, self.vocab_size)
        stream = framed(tokens, self.begin_id, self.end_id)
        words = self.row_probs(stream[None, :])[0]
        return _log10(words[1:] if len(stream) > len(tokens) else words[stream != self.begin_id])

    def distribution(self, context: ArrayLike) -> Floats:
        """Return the probability of each token after a context, shape (V,); sums to 1."""
        tokens = checked_ids(context, self.vocab_size).tolist()[::-1][: self.order - 1][::-1]
        probs_V = self.probs[0].astype(np.float64)
        for k in range(1, len(tokens) + 1):
            rank = self.trie.rank(tokens[-k:])
            if rank < 0:  # then no longer context was seen either
                break
            after = self.trie.followers(k, rank)
            probs_V *= self.backoffs[k - 1][rank]
            probs_V[self.trie.last_tokens(k + 1, after)] = self.probs[k][after]
        return probs_V

    def row_probs(self, tokens_BT: Integers) -> Floats:
        """Return the probability of each token after those to its left in its row; checks nothing.

        No n-gram of the model holds a begin after its first token or goes on after an end, so
        contexts stop there of themselves.
        """
        from kblib.ngrams.score_loops import extend, weigh

        tokens, trie = np.ascontiguousarray(tokens_BT, np.int32).ravel(), self.trie
        ranks, probs_T = tokens.copy(), np.ones(len(tokens))
        longest = np.ones(len(tokens), np.int8), tokens.copy(), probs_T
        for k in range(2, self.order + 1):
            arrays = (trie.edges[k - 2], trie.tokens[k - 1], trie.slots[k - 2])
            extend(k, arrays, self.backoffs[k - 2], tokens, tokens_BT.shape[1], ranks, longest)
        for k in range(1, self.order + 1):
            weigh(k, self.probs[k - 1], longest)
        return probs_T.reshape(tokens_BT.shape)


def _discounts(counted: CountedNgrams, k: int, *, like_lmplz: bool) -> Discounts:
    counts = lmplz_counts(counted, k) if like_lmplz else adjusted_counts(counted, k)
    return Discounts.estimate(counts, single=like_lmplz)


def _beside(numbers: Integers) -> Numbers:
    """Return room for as many probabilities."""
    return np.empty(len(numbers))


def _written_over(numbers: Integers) -> Numbers:
    """Return the memory of numbers as room for probabilities in 4 bytes."""
    room: Numbers = numbers.view(np.float32)[:: numbers.itemsize // 4]
    return room


def _uniform(n_types: int, counted: CountedNgrams) -> Floats:
    guessed = n_types - (counted.begin_id != counted.end_id)
    return np.array([1.0 / guessed])


def _log10(probs: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        logs: Floats = np.log10(probs)
    return logs
