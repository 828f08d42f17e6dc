"""Words of several pieces behind several masks, against one slow reading a piece."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from kblib.errors import ModelError
from kblib.models.masked import MaskedLM
from kblib.models.masked_candidates import MaskedCandidates, piece_lengths

BEFORE, AFTER = "Kungen besökte ", " i dag."
WORDS = ("Stockholm", "Kiruna", "Göteborg", "järnvägen", "biblioteket", "i", "Malmös")
LENGTHS = {1: 0.5, 2: 0.25, 3: 0.125, 4: 0.0625}


@pytest.fixture
def model(masked_model, wordpiece) -> MaskedLM:
    return MaskedLM(masked_model, wordpiece, name="small")


def slow(model: MaskedLM, word: str) -> float:
    """Add up the logarithms of a word's pieces, each from one reading of the whole sentence."""
    tokenizer, total = model.tokenizer, 0.0
    left = tokenizer.encode(BEFORE)[:-1]
    right = tokenizer.encode(AFTER)[1:]
    pieces = tokenizer.encode(word, special=False)
    for i, piece in enumerate(pieces):
        ids = [*left, *pieces[:i], *[tokenizer.mask_id] * (len(pieces) - i), *right]
        with torch.inference_mode():
            logits = model.model(torch.tensor([ids])).logits[0, len(left) + i].double()
        total += float(logits[: tokenizer.vocab_size].log_softmax(-1)[piece])
    return total


def test_words_of_all_lengths_are_among_them(wordpiece) -> None:
    lengths = {len(ids) for ids in wordpiece.encode_batch(list(WORDS), special=False)}
    assert {1, 2} < lengths


def test_likelihoods_are_those_of_a_slow_loop(model: MaskedLM) -> None:
    _, likelihood = MaskedCandidates(model, WORDS, LENGTHS).scores(BEFORE, AFTER)
    assert likelihood == pytest.approx([slow(model, word) for word in WORDS], abs=1e-4)


def test_many_beginnings_are_read_in_several_batches(
    model: MaskedLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = MaskedCandidates(model, WORDS, LENGTHS).scores(BEFORE, AFTER)
    monkeypatch.setattr("kblib.models.masked_candidates._TOKENS", 1)
    one_by_one = MaskedCandidates(model, WORDS, LENGTHS).scores(BEFORE, AFTER)
    assert np.allclose(whole, one_by_one, atol=1e-4)


def test_score_knows_how_many_words_have_so_many_pieces(model: MaskedLM) -> None:
    score, likelihood = MaskedCandidates(model, WORDS, LENGTHS).scores(BEFORE, AFTER)
    n = [len(model.tokenizer.encode(word, special=False)) for word in WORDS]
    wanted = [math.log(LENGTHS.get(length, 0.0625)) for length in n]
    assert score - likelihood == pytest.approx(wanted)


def test_words_of_one_length_are_all_there_are(model: MaskedLM) -> None:
    """Over the whole vocabulary, words of one piece have probability 1 together."""
    tokenizer = model.tokenizer
    pieces = [tokenizer.token(i) for i in range(tokenizer.vocab_size)]
    whole = [
        p for p in pieces if tokenizer.encode(p, special=False) == [tokenizer.engine.token_to_id(p)]
    ]
    _, likelihood = MaskedCandidates(model, whole, LENGTHS).scores(BEFORE, AFTER)
    assert 0.1 < np.exp(likelihood).sum() <= 1.0


def test_word_that_cannot_be_spelt_is_impossible(model: MaskedLM) -> None:
    score, likelihood = MaskedCandidates(model, ("i", "漢字"), LENGTHS).scores(BEFORE, AFTER)
    assert np.isfinite(score[0])
    assert score[1] == likelihood[1] == -np.inf


def test_sentence_longer_than_the_model_reads_is_refused(model: MaskedLM) -> None:
    with pytest.raises(ModelError, match="'small' reads at most 32 at once"):
        MaskedCandidates(model, WORDS, LENGTHS).scores("Kungen och " * 20, ".")


def test_piece_lengths_are_shares_of_running_words(wordpiece) -> None:
    words, counts = ["i", "Stockholm", "järnvägen"], [6, 3, 1]
    found = piece_lengths(wordpiece, words, counts)
    wanted: dict[int, float] = {}
    for word, count in zip(words, counts, strict=True):
        n = len(wordpiece.encode(word, special=False))
        wanted[n] = wanted.get(n, 0) + count / 10
    assert found == pytest.approx(wanted)


def test_words_besides_the_list_come_last(model: MaskedLM) -> None:
    whole = MaskedCandidates(model, WORDS, LENGTHS).scores(BEFORE, AFTER)
    found = MaskedCandidates(model, WORDS[:5], LENGTHS).scores(BEFORE, AFTER, also=WORDS[5:])
    assert np.allclose(found, whole, atol=1e-4)
