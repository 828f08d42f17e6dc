from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from kblib.errors import ModelError
from kblib.models.build import build_causal, build_masked
from kblib.models.initialise import (
    _add_mirror,
    start_from_frequencies,
    start_from_neighbours,
)
from kblib.models.shape import ModelShape
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer

WINDOW = 2


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(["sol regn snö", "hund katt häst", "i på av"] * 9, vocab_size=60)


@pytest.fixture(scope="module")
def packed(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> TokenBlocks:
    """Two sorts of words, which keep to themselves."""
    generator = np.random.default_rng(4)
    weather, animals = ("sol", "regn", "snö"), ("hund", "katt", "häst")
    texts = [
        " ".join(generator.choice(words, 6)) for words in (weather, animals) for _ in range(60)
    ]
    return TokenBlocks.pack(texts, tokenizer, tmp_path_factory.mktemp("start") / "packed")


def model_for(tokenizer: Tokenizer, n_embd: int = 32) -> torch.nn.Module:
    return build_masked(ModelShape(1, 1, n_embd, vocab_size=tokenizer.vocab_size), seed=1)


@pytest.mark.parametrize("architecture", ["modernbert", "bert"])
def test_bias_is_the_log_frequency(
    architecture: str, packed: TokenBlocks, tokenizer: Tokenizer
) -> None:
    shape = ModelShape(1, 1, 16, architecture, vocab_size=tokenizer.vocab_size)  # type: ignore[arg-type]
    model = build_masked(shape, seed=1)
    start_from_frequencies(model, packed, special_ids=tokenizer.special_ids)
    counts = packed.counts()
    words = sum(int(n) for i, n in enumerate(counts) if i not in tokenizer.special_ids)
    bias = model.get_output_embeddings().bias
    sol = tokenizer.encode("sol", special=False)[0]
    by_hand = np.log((counts[sol] + 1) / (words + tokenizer.vocab_size))
    assert bias[sol].item() == pytest.approx(by_hand, abs=1e-5)
    assert bias[tokenizer.mask_id].item() == pytest.approx(
        np.log(1 / (words + tokenizer.vocab_size)), abs=1e-5
    )
    assert bias.exp().sum().item() == pytest.approx(1, abs=1e-4)


def test_decoder_without_bias_is_refused(packed: TokenBlocks, tokenizer: Tokenizer) -> None:
    causal = build_causal(ModelShape(1, 1, 16, "llama", vocab_size=tokenizer.vocab_size), seed=1)
    with pytest.raises(ModelError, match="has no bias"):
        start_from_frequencies(causal, packed)


def naive_ppmi(stream: list[int], special: tuple[int, ...]) -> dict[tuple[int, int], float]:
    """Positive PMI with contexts to the power 0.75, written out."""
    pairs: Counter[tuple[int, int]] = Counter()
    for here, piece in enumerate(stream):
        for there in range(max(0, here - WINDOW), min(len(stream), here + WINDOW + 1)):
            if there != here and piece not in special and stream[there] not in special:
                pairs[piece, stream[there]] += 1
    rows: Counter[int] = Counter()
    for (piece, _), count in pairs.items():
        rows[piece] += count
    smoothed = sum(n**0.75 for n in rows.values())
    return {
        (a, b): max(0.0, float(np.log(n / rows[a] / (rows[b] ** 0.75 / smoothed))))
        for (a, b), n in pairs.items()
    }


def test_neighbours_are_the_singular_vectors_of_naive_ppmi(
    packed: TokenBlocks, tokenizer: Tokenizer
) -> None:
    model = model_for(tokenizer, n_embd=64)
    special = tokenizer.special_ids
    start_from_neighbours(model, packed, special_ids=special, window=WINDOW)
    stream = [int(i) for piece in packed.stream() for i in piece]
    pieces = sorted(set(stream) - set(special))
    table = naive_ppmi(stream, special)
    dense = np.array([[table.get((a, b), 0.0) for b in pieces] for a in pieces])
    left, strength, _ = np.linalg.svd(dense)
    naive = left * np.sqrt(strength)
    naive *= 0.02 / np.sqrt((naive**2).mean())
    found = model.get_input_embeddings().weight[pieces, : len(pieces)].detach().numpy()
    assert np.allclose(found @ found.T, naive @ naive.T, atol=1e-5)  # up to the sign of an axis


@pytest.mark.parametrize("n", [1, 2, 255, 256, 257, 600])
def test_mirror_is_added_in_place(n: int) -> None:
    table = np.random.default_rng(n).random((n, n)).astype(np.float32)
    wanted = table + table.T
    _add_mirror(table)
    assert np.array_equal(table, wanted)


def test_words_that_share_neighbours_lie_together(
    packed: TokenBlocks, tokenizer: Tokenizer
) -> None:
    model = model_for(tokenizer, n_embd=2)
    start_from_neighbours(model, packed, special_ids=tokenizer.special_ids, window=WINDOW)
    weight = model.get_input_embeddings().weight

    def likeness(one: str, other: str) -> float:
        a, b = (weight[tokenizer.encode(word, special=False)[0]] for word in (one, other))
        return torch.nn.functional.cosine_similarity(a, b, dim=0).item()

    assert likeness("sol", "regn") > likeness("sol", "katt") + 0.5


def test_special_and_unseen_pieces_keep_their_random_rows(
    packed: TokenBlocks, tokenizer: Tokenizer
) -> None:
    fresh, started = model_for(tokenizer), model_for(tokenizer)
    start_from_neighbours(started, packed, special_ids=tokenizer.special_ids)
    changed = (fresh.get_input_embeddings().weight != started.get_input_embeddings().weight).any(1)
    seen = set(np.flatnonzero(packed.counts())) - set(tokenizer.special_ids)
    assert set(torch.nonzero(changed).flatten().tolist()) == seen


def test_start_is_the_same_each_time_and_leaves_the_generator_alone(
    packed: TokenBlocks, tokenizer: Tokenizer
) -> None:
    torch.manual_seed(9)
    before = torch.random.get_rng_state()
    one, two = model_for(tokenizer), model_for(tokenizer)
    for model in (one, two):
        start_from_neighbours(model, packed, special_ids=tokenizer.special_ids)
    assert torch.equal(one.get_input_embeddings().weight, two.get_input_embeddings().weight)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_text_of_one_word_leaves_the_model_as_it_was(tokenizer: Tokenizer, tmp_path: Path) -> None:
    alone = TokenBlocks.pack(["i"], tokenizer, tmp_path / "p")
    fresh, started = model_for(tokenizer), model_for(tokenizer)
    start_from_neighbours(started, alone, special_ids=tokenizer.special_ids)
    assert torch.equal(fresh.get_input_embeddings().weight, started.get_input_embeddings().weight)
