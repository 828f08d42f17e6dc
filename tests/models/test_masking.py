from __future__ import annotations

import numpy as np
import pytest

from kblib.errors import TokenError
from kblib.models.masking import MaskedBlocks, mask_blocks

SPECIAL = (0, 1, 2, 3, 4)
MASK = 4


def blocks(n: int = 8, length: int = 40) -> np.ndarray:
    return np.random.default_rng(2).integers(5, 100, (n, length))


def masked(ids: np.ndarray, keys: list[int], *, rate: float = 0.15, seed: int = 1) -> MaskedBlocks:
    return mask_blocks(ids, rate=rate, seed=seed, keys=keys, special_ids=SPECIAL, mask_id=MASK)


@pytest.mark.parametrize(("rate", "length", "n"), [(0.15, 40, 6), (0.25, 64, 16), (0.001, 40, 1)])
def test_number_of_masks_is_fixed(rate: float, length: int, n: int) -> None:
    found = masked(blocks(3, length), [0, 1, 2], rate=rate)
    assert found.positions.shape == (3, n)
    assert (found.input_ids == MASK).sum(1).tolist() == [n, n, n]


def test_masks_cover_their_targets_and_nothing_else() -> None:
    ids = blocks()
    found = masked(ids, list(range(8)))
    for row in range(8):
        restored = found.input_ids[row].copy()
        restored[found.positions[row]] = found.targets[row]
        assert np.array_equal(restored, ids[row])
        assert (np.diff(found.positions[row]) > 0).all()


def test_choice_depends_on_seed_and_key_not_on_the_batch() -> None:
    ids = blocks()
    together = masked(ids, list(range(8)))
    for row in range(8):
        alone = masked(ids[row : row + 1], [row])
        assert np.array_equal(alone.positions[0], together.positions[row])


def test_another_seed_or_key_chooses_otherwise() -> None:
    ids = np.repeat(blocks(1), 2, axis=0)
    found = masked(ids, [0, 1])
    assert not np.array_equal(found.positions[0], found.positions[1])
    assert not np.array_equal(masked(ids, [0, 1], seed=2).positions[0], found.positions[0])


def test_places_are_chosen_evenly() -> None:
    keys = list(range(4000))
    found = masked(np.full((4000, 20), 7), keys, rate=0.25)
    counts = np.bincount(found.positions.ravel(), minlength=20)
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(1000 * 0.75)  # five standard deviations


def test_special_pieces_are_never_masked() -> None:
    ids = blocks(4)
    ids[:, ::2] = 2
    found = masked(ids, [0, 1, 2, 3], rate=0.5)
    assert (found.positions % 2 == 1).all()
    assert (found.input_ids[:, ::2] == 2).all()


def test_block_with_too_few_words_gives_weight_zero_to_the_surplus() -> None:
    ids = np.full((2, 10), 3)
    ids[0, [2, 5]] = 50  # two words; the other block has none
    found = masked(ids, [0, 1], rate=0.4)
    assert found.weights.sum(1).tolist() == [2.0, 0.0]
    assert sorted(found.positions[0][found.weights[0] > 0].tolist()) == [2, 5]
    assert found.input_ids[0].tolist() == [3, 3, MASK, 3, 3, MASK, 3, 3, 3, 3]
    assert np.array_equal(found.input_ids[1], ids[1])


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.0, 15])
def test_rate_that_is_no_share_is_refused(rate: float) -> None:
    with pytest.raises(TokenError, match=f"The mask rate is {rate}"):
        masked(blocks(), list(range(8)), rate=rate)
