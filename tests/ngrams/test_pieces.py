"""The n-gram model of sub-words, beside one that counts with a dictionary of strings."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from kblib.corpora import Corpus
from kblib.errors import ModelError, TokenError
from kblib.ngrams.kneser_ney import KneserNey
from kblib.ngrams.language_model import NgramLM
from kblib.ngrams.pieces import PieceNgrams
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer


@pytest.fixture(scope="module")
def texts(films: Corpus) -> list[str]:
    return list(films.texts())


@pytest.fixture(scope="module")
def bpe(texts: list[str]) -> Tokenizer:
    return Tokenizer.train(texts, kind="bpe", vocab_size=400)


@pytest.fixture(scope="module")
def model(texts: list[str], bpe: Tokenizer) -> PieceNgrams:
    return PieceNgrams.train(texts[:300], bpe, order=3)


def nats_by_distributions(model: KneserNey, ids: list[int]) -> float:
    """One distribution over the whole vocabulary a token, each of which sums to one."""
    nats, context = 0.0, [model.end_id]
    for token in [*ids, model.end_id]:
        shares = model.distribution(context[-(model.order - 1) :])
        assert shares.sum() == pytest.approx(1.0)
        nats -= math.log(shares[token])
        context.append(token)
    return nats


def test_measure_equals_a_slow_one(model: PieceNgrams, texts: list[str], bpe: Tokenizer) -> None:
    held_out = [*texts[300:305], "Ett ord som aldrig sågs: Åmål."]
    encoded = [bpe.encode(text, special=False) for text in held_out]
    nats = sum(nats_by_distributions(model.model, ids) for ids in encoded)
    n_bytes = sum(len(text.encode()) for text in held_out)
    found = model.perplexity(held_out)
    assert found.n_tokens == sum(map(len, encoded)) + len(held_out)
    assert (found.n_bytes, found.n_documents) == (n_bytes, 6)
    assert found.bits_per_byte == pytest.approx(nats / math.log(2) / n_bytes)
    assert found.loss == pytest.approx(nats / found.n_tokens)


def test_pieces_written_as_words_give_the_same_model(
    model: PieceNgrams, texts: list[str], bpe: Tokenizer
) -> None:
    """Beside `NgramLM`, which KenLM's own files check.

    The two differ in the uniform share (one knows every piece of the tokenizer, the other the
    pieces seen and one unknown) and in lmplz's slip on small texts: so they agree to a per cent.
    """

    def written(text: str) -> str:
        return " ".join(map(str, bpe.encode(text, special=False)))

    words = NgramLM.train([written(text) for text in texts[:300]], order=3)
    for text in texts[:5]:
        ours = model.perplexity([text])
        theirs = -words.log10_score(written(text)) * math.log(10) / ours.n_tokens
        assert ours.loss == pytest.approx(theirs, rel=1e-2)


def test_packed_tokens_give_the_same_model(
    model: PieceNgrams, texts: list[str], bpe: Tokenizer, tmp_path: Path
) -> None:
    packed = TokenBlocks.pack(texts[:300], bpe, tmp_path / "packed")
    again = PieceNgrams.train(packed, bpe, order=3)
    assert again.perplexity(texts[300:]) == model.perplexity(texts[300:])


def test_tokens_of_another_tokenizer_are_refused(
    texts: list[str], bpe: Tokenizer, tmp_path: Path
) -> None:
    packed = TokenBlocks.pack(texts[:30], bpe, tmp_path / "packed")
    other = Tokenizer.train(texts, kind="bpe", vocab_size=300)
    with pytest.raises(ModelError) as refused:
        PieceNgrams.train(packed, other)
    assert str(refused.value) == (
        f"These tokens were packed by tokenizer {bpe.fingerprint[:12]}. "
        f"The one given is {other.fingerprint[:12]}.\n"
        "  Give it the corpus itself: PieceNgrams.train(corpus, tokenizer)"
    )


def test_tokenizer_that_cannot_spell_all_is_refused(texts: list[str]) -> None:
    with pytest.raises(ModelError, match="writes '\\[UNK\\]' for what it cannot spell"):
        PieceNgrams.train(texts, Tokenizer.train(texts, vocab_size=300))


def test_no_text_is_refused(model: PieceNgrams, bpe: Tokenizer) -> None:
    with pytest.raises(TokenError, match="hold no text"):
        PieceNgrams.train([], bpe)
    with pytest.raises(ModelError, match="There are no words to measure"):
        model.perplexity([" "])
