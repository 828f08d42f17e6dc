"""Which tokens of a block are masked: a function of the seed and the block's key, of nothing else.

The same block with the same key is masked in the same places in any batch, on any rank, in any
process; so training can be resumed anywhere, and other models can be asked for the very same
held-out tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kblib.errors import TokenError

# B blocks, T tokens a block, K masked positions a block.


@dataclass(frozen=True)
class Corruption:
    """What is shown at a place that must be guessed: the mask, a random token, or the true one.

    Parameters
    ----------
    random, keep
        Shares of the places that show a random ordinary token, and the true one; the rest show the
        mask.
    """

    random: float = 0.0
    keep: float = 0.0


HIDDEN = Corruption()
"""The mask everywhere: what ``[MASK]`` asks, and what any other model can be asked."""
BERT = Corruption(random=0.1, keep=0.1)
"""80 % masks, 10 % random, 10 % true tokens, as Devlin et al. (2019) train and count accuracy."""


@dataclass(frozen=True)
class MaskedBlocks:
    """Blocks with masks, and what stood there.

    Parameters
    ----------
    input_ids
        Shape (B, T); asked positions hold what the corruption shows there.
    positions
        Shape (B, K), rising within a block.
    targets
        Shape (B, K): the ids that were masked.
    weights
        Shape (B, K), 1.0; 0.0 for surplus places of a block with fewer than K ordinary tokens,
        whose input is left as it was.
    """

    input_ids: NDArray[np.int64]
    positions: NDArray[np.int64]
    targets: NDArray[np.int64]
    weights: NDArray[np.float32]


def mask_blocks(
    ids_BT: NDArray[np.int64],
    *,
    rate: float,
    seed: int,
    keys: Sequence[int] | NDArray[np.int64],
    special_ids: Sequence[int],
    mask_id: int,
    vocab_size: int = 0,
    corruption: Corruption = HIDDEN,
    continues: NDArray[np.bool_] | None = None,
) -> MaskedBlocks:
    """Ask for ``round(rate * T)`` tokens of each block, at least one, never a special one.

    With `continues` whole words are asked for: as many as fit into that number, so that some places
    may be surplus.

    Parameters
    ----------
    ids_BT
        Token ids, shape (B, T).
    keys
        One number a block, shape (B,): equal seed and key give equal places.
    special_ids
        Ids that are never asked for, and never shown as random tokens.
    vocab_size
        Ids there are; needed where random tokens are shown.
    corruption
        What is shown at the places asked for; it does not change which places they are.
    continues
        For each id whether its piece goes on with a word, shape (vocab_size,); see
        `kblib.tokens.pieces_of_words`.

    Raises
    ------
    TokenError
        If the rate is not above 0 and below 1.
    """
    if not 0.0 < rate < 1.0:
        raise TokenError(f"The mask rate is {rate}.", "A share above 0 and below 1 was expected.")
    length = ids_BT.shape[1]
    n_masked = max(1, round(rate * length))
    drawn = np.stack([_draw(seed, int(key), length + 2 * n_masked) for key in keys])
    # Special tokens go behind all others: they are taken only when nothing else is left, and then
    # weigh nothing.
    order_BT = drawn[:, :length] + _is_one_of(ids_BT, special_ids)
    if continues is not None:
        order_BT = _whole_words_first(order_BT, continues[ids_BT], n_masked)
    positions = np.sort(np.argpartition(order_BT, n_masked - 1, axis=1)[:, :n_masked], axis=1)
    targets = np.take_along_axis(ids_BT, positions, axis=1)
    ordinary = np.take_along_axis(order_BT, positions, axis=1) < 1.0
    input_ids = ids_BT.copy()
    fates, choices = np.split(drawn[:, length:], 2, axis=1)
    shown = np.where(fates < corruption.random + corruption.keep, targets, mask_id)
    if corruption.random:
        others = np.setdiff1d(np.arange(vocab_size), special_ids)
        random = others[(choices * len(others)).astype(np.int64)]
        shown = np.where(fates < corruption.random, random, shown)
    np.put_along_axis(input_ids, positions, np.where(ordinary, shown, targets), axis=1)
    return MaskedBlocks(input_ids, positions, targets, ordinary.astype(np.float32))


def _whole_words_first(
    order_BT: NDArray[np.float64], continues_BT: NDArray[np.bool_], n_masked: int
) -> NDArray[np.float64]:
    """Put the words that fit into `n_masked` places first, and leave what is over unasked.

    Words are taken in the order of their first pieces' numbers; one that no longer fits is passed
    over, as BERT's own whole-word masking does (Devlin et al., release of May 2019).
    """
    places_BT = np.full(order_BT.shape, 2.0)
    for order, continues, places in zip(order_BT, continues_BT, places_BT, strict=True):
        starts = np.flatnonzero(~continues | (order >= 1.0))
        if not starts.size or starts[0]:  # the block begins inside a word
            starts = np.insert(starts, 0, 0)
        lengths = np.diff(np.append(starts, order.size))
        left = n_masked
        for word in np.argsort(order[starts], kind="stable"):
            start, length = starts[word], lengths[word]
            if order[start] < 1.0 and length <= left:
                places[start : start + length] = order[start]
                left -= length
    return places_BT


def _is_one_of(ids: NDArray[np.int64], few: Sequence[int]) -> NDArray[np.bool_]:
    """Return what `np.isin` does, in a tenth of its time for a handful of ids."""
    found = np.zeros(ids.shape, dtype=np.bool_)
    for one in few:
        found |= ids == one
    return found


def _draw(seed: int, key: int, n: int) -> NDArray[np.float64]:
    """Return `n` numbers from 0 to 1, by the counter-based Philox (Salmon et al. 2011)."""
    return np.random.Generator(np.random.Philox(key=[seed, key])).random(n)
