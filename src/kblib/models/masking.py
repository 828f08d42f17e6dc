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
class MaskedBlocks:
    """Blocks with masks, and what stood there.

    Parameters
    ----------
    input_ids
        Shape (B, T); masked positions hold the mask.
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
) -> MaskedBlocks:
    """Mask ``round(rate * T)`` tokens of each block, at least one, never a special one.

    The mask itself always stands there, never a random or the true token.

    Parameters
    ----------
    ids_BT
        Token ids, shape (B, T).
    keys
        One number a block, shape (B,): equal seed and key give equal places.
    special_ids
        Ids that are never masked.

    Raises
    ------
    TokenError
        If the rate is not above 0 and below 1.
    """
    if not 0.0 < rate < 1.0:
        raise TokenError(f"The mask rate is {rate}.", "A share above 0 and below 1 was expected.")
    length = ids_BT.shape[1]
    n_masked = max(1, round(rate * length))
    order_BT = np.stack([_draw(seed, int(key), length) for key in keys])
    # Special tokens go behind all others: they are taken only when nothing else is left, and then
    # weigh nothing.
    order_BT = order_BT + np.isin(ids_BT, special_ids)
    positions = np.sort(np.argpartition(order_BT, n_masked - 1, axis=1)[:, :n_masked], axis=1)
    targets = np.take_along_axis(ids_BT, positions, axis=1)
    ordinary = ~np.isin(targets, special_ids)
    input_ids = ids_BT.copy()
    np.put_along_axis(input_ids, positions, np.where(ordinary, mask_id, targets), axis=1)
    return MaskedBlocks(input_ids, positions, targets, ordinary.astype(np.float32))


def _draw(seed: int, key: int, n: int) -> NDArray[np.float64]:
    """Return `n` numbers from 0 to 1, by the counter-based Philox (Salmon et al. 2011)."""
    return np.random.Generator(np.random.Philox(key=[seed, key])).random(n)
