"""Objectives: a model with its loss, as one module, so that any engine can wrap it."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from kblib.models.build import masked_logits
from kblib.models.shape import ModelShape
from kblib.training.documents import kept_apart
from kblib.training.next_token import next_token_loss

# B blocks, T tokens a block, K masked positions a block, V pieces in the vocabulary.


class MaskedObjective(nn.Module):
    """Cross-entropy of the masked tokens, in nats.

    The vocabulary head runs on the masked positions only: the same loss as the usual full head,
    without the work whose result would be thrown away (three quarters of it and more).
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        input_ids: Tensor,
        positions: Tensor,
        targets: Tensor,
        weights: Tensor,
        documents: Tensor | None = None,
    ) -> Tensor:
        """Return the loss of a micro-batch: shapes (B, T), then (B, K) thrice, then (B, T).

        Surplus positions weigh 0. Documents that are numbered are kept apart.

        The sum is divided by B * K whatever the weights, so that the mean over ranks and
        micro-batches is the mean over the whole batch.
        """
        apart = kept_apart(self.model, documents)
        logits_BKV = masked_logits(self.model, input_ids, positions, **apart)
        losses = cross_entropy(
            logits_BKV.flatten(0, 1).float(), targets.flatten(), reduction="none"
        )
        return (losses * weights.flatten()).sum() / weights.numel()


class CausalObjective(nn.Module):
    """Cross-entropy of each next token, in nats."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, documents: Tensor | None = None) -> Tensor:
        """Return the mean loss of all tokens but the first of each block, inputs of shape (B, T).

        Documents that are numbered are kept apart.
        """
        return next_token_loss(self.model, input_ids, **kept_apart(self.model, documents))


def objective_for(model: PreTrainedModel, shape: ModelShape) -> nn.Module:
    """Return the objective that a shape is trained with."""
    return MaskedObjective(model) if shape.objective == "masked" else CausalObjective(model)
