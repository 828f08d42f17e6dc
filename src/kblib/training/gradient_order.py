"""The order in which a rank gets its gradients, which must be that of all the others.

From stage 2 of ZeRO on, DeepSpeed lays gradients into a bucket as they come, and the buckets of all
ranks are added number by number; stage 3 sorts those of a bucket, but which bucket one falls into
hangs on when it came. Where they come in another order on one rank, gradients of different weights
are added: the training goes wrong and nothing says so
(https://github.com/deepspeedai/DeepSpeed/issues/2343). They do where a rank computes the same by
other operations, such as by another function for a linear layer.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from zlib import crc32

from torch import Tensor, nn

from kblib.errors import TrainingError

_DIGESTS = 2**20
"""So many: their squares, added over 4096 ranks, are whole numbers in float64."""


class GradientOrder:
    """What a rank remembers of the order in which gradients came.

    Parameters
    ----------
    parameters
        Those of the model, in the same order on every rank.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self._seen = 0
        for number, parameter in enumerate(parameters):
            if parameter.requires_grad:
                came = partial(self._came, number)
                parameter.register_post_accumulate_grad_hook(came)  # type: ignore[no-untyped-call]

    def _came(self, number: int, _: Tensor) -> None:
        self._seen = crc32(number.to_bytes(4, "little"), self._seen)

    def digest(self) -> int:
        """Return a number for the order since it was asked for last."""
        seen, self._seen = self._seen, 0
        return seen % _DIGESTS


def check_one_order(ranks: int, digests: float, squares: float) -> None:
    """Compare the orders of all ranks, of which only sums are known.

    Parameters
    ----------
    ranks
        How many there are.
    digests, squares
        Their digests, and the squares of these, added up: numbers without spread are equal.

    Raises
    ------
    TrainingError
        If the ranks had different ones.
    """
    if ranks * int(squares) != int(digests) ** 2:
        raise TrainingError(
            "The ranks got the gradients of this step in different orders.",
            "ZeRO lays them into buckets in the order in which they come, and may have added those "
            "of different weights. Nothing of this step is saved.",
            "run.branch(zero_stage=1) goes on from the last checkpoint; stage 1 adds them in the "
            "order of the model.",
        )
