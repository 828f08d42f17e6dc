"""Ask a masked model and n-gram models for the very same hidden sub-words.

Letters: B blocks, T tokens a block, K hidden positions a block, N hidden positions in all,
V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from kblib.models.build import masked_logits
from kblib.models.masked import MaskedLM
from kblib.models.masking import MaskedBlocks, mask_blocks
from kblib.models.scores import evenly_spread, ranks_of
from kblib.ngrams.guess import guess_masked
from kblib.ngrams.kneser_ney import KneserNey
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer
from kblib.training.scoring import MASK_RATE, MASK_SEED

_BATCH = 32


@dataclass(frozen=True, eq=False)
class Answers:
    """What a guesser said, one number of each kind a hidden position.

    Parameters
    ----------
    name
        The guesser, as the table calls it.
    nats
        Minus the natural logarithm of the probability given to the true sub-word, shape (N,).
    rank
        Its place among the guesses, 0 for the first, shape (N,).
    """

    name: str
    nats: NDArray[np.float64]
    rank: NDArray[np.int64]

    def right(self, k: int) -> NDArray[np.bool_]:
        """Return where the true sub-word is among the first `k` guesses, shape (N,)."""
        return self.rank < k


@dataclass(frozen=True, eq=False)
class Hidden:
    """Held-out blocks with hidden positions: those a model is scored on after its training.

    Parameters
    ----------
    ids
        The blocks as they are, shape (B, T).
    masked
        The same with masks; surplus positions weigh 0.
    starts
        Where each block begins in the stream of tokens, shape (B,).
    """

    ids: NDArray[np.int64]
    masked: MaskedBlocks
    starts: NDArray[np.int64]

    @classmethod
    def choose(
        cls, blocks: TokenBlocks, tokenizer: Tokenizer, seq_len: int, most: int | None
    ) -> Hidden:
        """Hide what `kblib.training.scoring` hides, in at most so many blocks."""
        chosen = evenly_spread(blocks, seq_len, most)
        ids_BT = blocks.blocks(chosen, seq_len)
        masked = mask_blocks(
            ids_BT,
            rate=MASK_RATE,
            seed=MASK_SEED,
            keys=chosen,
            special_ids=tokenizer.special_ids,
            mask_id=tokenizer.mask_id,
        )
        return cls(ids_BT, masked, chosen * seq_len)

    @property
    def asked(self) -> NDArray[np.bool_]:
        """Where a position really is asked for, shape (B, K)."""
        return self.masked.weights > 0

    @property
    def places(self) -> NDArray[np.int64]:
        """Where each hidden sub-word stands in the stream of tokens, shape (N,)."""
        return (self.starts[:, None] + self.masked.positions)[self.asked]


@torch.inference_mode()
def ask_model(model: MaskedLM, hidden: Hidden) -> Answers:
    """Let a masked model guess; its guesses run over the whole vocabulary."""
    nats, ranks = [], []
    for start in range(0, len(hidden.ids), _BATCH):
        here = slice(start, start + _BATCH)
        inputs_BT = torch.from_numpy(hidden.masked.input_ids[here])
        positions_BK = torch.from_numpy(hidden.masked.positions[here])
        asked_BK = torch.from_numpy(hidden.asked[here])
        targets_N = torch.from_numpy(hidden.masked.targets[here])[asked_BK]
        logits_NV = masked_logits(model.model, inputs_BT, positions_BK)[asked_BK].float()
        nats.append(cross_entropy(logits_NV, targets_N, reduction="none").double().numpy())
        ranks.append(ranks_of(logits_NV, targets_N).numpy())
    return Answers(model.name, np.concatenate(nats), np.concatenate(ranks))


def ask_ngrams(
    name: str,
    model: KneserNey,
    hidden: Hidden,
    tokenizer: Tokenizer,
    *,
    sides: Literal["left", "both"],
) -> Answers:
    """Let an n-gram model guess; special pieces are no candidates."""
    found = guess_masked(
        model,
        hidden.ids,
        hidden.masked.positions,
        weights_BK=hidden.masked.weights,
        special_ids=tokenizer.special_ids,
        sides=sides,
    )
    return Answers(name, -found.log_prob, found.rank - 1)
