"""Scores on held-out text during and after training: the same blocks and masks each time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from kblib.models.masking import HIDDEN, Corruption
from kblib.models.scores import evenly_spread, score_masked
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer

MASK_RATE = 0.15
"""Share masked in held-out text, that of Devlin et al. (2019), whatever the training masks."""
MASK_SEED = 15
_BATCH = 32


@dataclass(frozen=True)
class HeldOut:
    """Held-out blocks, to score a model on as often as needed.

    Parameters
    ----------
    blocks, tokenizer
        Packed held-out text and the tokenizer that made it.
    objective
        ``masked`` or ``causal``.
    seq_len
        Tokens a block.
    most_blocks
        How many blocks are read at most, spread evenly over the text.
    """

    blocks: TokenBlocks
    tokenizer: Tokenizer
    objective: str
    seq_len: int
    most_blocks: int

    def score(self, model: PreTrainedModel, corruption: Corruption = HIDDEN) -> dict[str, float]:
        """Return loss in nats a guessed token and n; for masked models top1 and top5 as well."""
        if self.objective == "causal":
            return self._next_token_loss(model)
        found = score_masked(
            model,
            self.blocks,
            self.tokenizer,
            seq_len=self.seq_len,
            mask_rate=MASK_RATE,
            seed=MASK_SEED,
            corruption=corruption,
            most_blocks=self.most_blocks,
        )
        return {"loss": found.loss, "top1": found.top1, "top5": found.top5, "n": found.n}

    @torch.inference_mode()
    def _next_token_loss(self, model: PreTrainedModel) -> dict[str, float]:
        chosen = evenly_spread(self.blocks, self.seq_len, self.most_blocks)
        training, total, n = model.training, 0.0, 0
        model.train(False)
        for start in range(0, len(chosen), _BATCH):
            ids = self.blocks.blocks(chosen[start : start + _BATCH], self.seq_len)
            ids_BT = torch.from_numpy(ids).to(model.device)
            logits_BTV = model(input_ids=ids_BT, use_cache=False).logits[:, :-1].float()
            targets = ids_BT[:, 1:].flatten()
            total += float(cross_entropy(logits_BTV.flatten(0, 1), targets, reduction="sum"))
            n += targets.numel()
        model.train(training)
        return {"loss": total / n, "n": n}
