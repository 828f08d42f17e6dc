"""An n-gram model of sub-words: the measure that a GPT must beat.

A model of words says of a word it has never seen only that it is unknown, and not which it is: what
it needs for a text cannot be compared with what a GPT needs, which spells every word. A model of
the GPT's own sub-words can: the same tokens, the same end marks, every text spelt in full.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np

from kblib.errors import ModelError
from kblib.metrics import Perplexity, TextSize
from kblib.ngrams.kneser_ney import KneserNey
from kblib.ngrams.trie import Ints
from kblib.tokens.learn import HasTexts, again
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer

_DOCUMENTS = 4096  # scored at once


@dataclass(frozen=True, eq=False)
class PieceNgrams:
    """An interpolated modified Kneser-Ney model of sub-words.

    Parameters
    ----------
    model
        The n-grams of token ids. A document lies between two end marks, and no n-gram reaches into
        the one before.
    tokenizer
        What cuts texts into tokens.

    Examples
    --------
    >>> texts = ["kungen reser", "kungen talar", "båten går"]
    >>> tokenizer = Tokenizer.train(texts, kind="bpe", vocab_size=280)
    >>> model = PieceNgrams.train(texts, tokenizer, order=3)
    >>> model.perplexity(["kungen går"]).bits_per_byte < model.perplexity(["xyz"]).bits_per_byte
    True
    """

    model: KneserNey
    tokenizer: Tokenizer

    @classmethod
    def train(
        cls,
        texts: TokenBlocks | Iterable[str] | HasTexts,
        tokenizer: Tokenizer,
        *,
        order: int = 5,
    ) -> PieceNgrams:
        """Count and smooth the n-grams of texts.

        Parameters
        ----------
        texts
            Packed tokens of this tokenizer, or a corpus. About 90 bytes of memory a token at order
            5, while it trains.

        Raises
        ------
        ModelError
            If the tokens are another tokenizer's, or the tokenizer cannot spell every text.
        TokenError
            If there is no text.
        """
        _check_spelling(tokenizer)
        if isinstance(texts, TokenBlocks):
            if texts.tokenizer_fingerprint != tokenizer.fingerprint:
                raise ModelError(
                    f"These tokens were packed by tokenizer {texts.tokenizer_fingerprint[:12]}.",
                    f"The one given is {tokenizer.fingerprint[:12]}.",
                    "Give it the corpus itself: PieceNgrams.train(corpus, tokenizer)",
                )
            ids = np.concatenate([np.asarray(part, dtype=np.int64) for part in texts.stream()])
        else:
            ids, _ = _laid_end_to_end(list(again(texts)()), tokenizer)
        end = tokenizer.end_id
        model = KneserNey.train(
            ids, order=order, vocab_size=tokenizer.vocab_size, begin_id=end, end_id=end
        )
        return cls(model, tokenizer)

    @property
    def order(self) -> int:
        """Tokens in the longest n-grams."""
        return self.model.order

    def perplexity(self, corpus: Iterable[str] | HasTexts) -> Perplexity:
        """Measure how surprised the model is by texts, each document on its own.

        Raises
        ------
        ModelError
            If there is no text.
        """
        nats, size = 0.0, TextSize()
        texts = iter(again(corpus)())
        while documents := list(islice(texts, _DOCUMENTS)):
            stream, encoded = _laid_end_to_end(documents, self.tokenizer)
            begun = np.concatenate([[self.tokenizer.end_id], stream])
            nats -= float(np.log(self.model.row_probs(begun[None])[0, 1:]).sum())
            size = size.with_documents(documents, encoded)
        if size.n_words == 0:
            raise ModelError("There are no words to measure.", "A corpus with text was expected.")
        return Perplexity.of(nats, size)


def _laid_end_to_end(texts: list[str], tokenizer: Tokenizer) -> tuple[Ints, list[list[int]]]:
    """Return the tokens of documents, an end after each, and those of each without its end."""
    encoded = tokenizer.encode_batch(texts, special=False)
    ids = (i for document in encoded for i in (*document, tokenizer.end_id))
    return np.fromiter(ids, dtype=np.int64), encoded


def _check_spelling(tokenizer: Tokenizer) -> None:
    if tokenizer.has("unk_token"):
        raise ModelError(
            f"A {tokenizer.kind} tokenizer writes '{tokenizer.roles['unk_token']}' for what it "
            "cannot spell.",
            "Then bits a byte mean nothing; one that spells every text was expected.",
            "Tokenizer.train(texts, kind='bpe')",
        )
