"""The loss of a causal model without the table of all its logits.

A small model spends much of a step on its vocabulary: the logits of 2,048 tokens over 8,192 pieces
are 64 MB, written and read again by each of half a dozen operations. Cut into strips that stay in
the processor's cache, with the gradient made where the logits still are, the same numbers cost a
fifth less of the whole step, and no memory.

Letters on tensors: N tokens, D width, V vocabulary, S tokens a strip.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

_STRIP = 512  # tokens; the best of 128 to 2,048 on two cores with 8,192 pieces


def next_token_loss(model: nn.Module, input_ids_BT: Tensor, **apart: Any) -> Tensor:
    """Return the mean cross-entropy of all tokens but the first of each row, in nats.

    What keeps documents apart (`kblib.training.documents`) is handed to the model.
    """
    targets_N = input_ids_BT[:, 1:].flatten()
    head = _plain_head(model)
    if head is None or torch.is_autocast_enabled(input_ids_BT.device.type):
        logits_BTV = model(input_ids=input_ids_BT, use_cache=False, **apart).logits
        return cross_entropy(logits_BTV[:, :-1].flatten(0, 1).float(), targets_N)
    body = cast(PreTrainedModel, model).base_model
    states_BTD = body(input_ids=input_ids_BT, use_cache=False, **apart)[0]
    return strip_loss(states_BTD[:, :-1].flatten(0, 1), head.weight, targets_N)


def strip_loss(states_ND: Tensor, weight_VD: Tensor, targets_N: Tensor) -> Tensor:
    """Return the mean cross-entropy of ``states @ weight.T`` against the targets."""
    loss: Tensor = cast(Any, _StripLoss).apply(states_ND, weight_VD, targets_N)
    return loss


def _plain_head(model: nn.Module) -> nn.Linear | None:
    """Return the head of a model that is nothing but a matrix in 32 bits; None for any other.

    Adapters wrap a model, or its head, into something else.
    """
    if not isinstance(model, PreTrainedModel):
        return None
    head = cast(Any, model).get_output_embeddings()
    if type(head) is nn.Linear and cast(Any, head).bias is None:
        return head if head.weight.dtype == torch.float32 else None
    return None


class _StripLoss(torch.autograd.Function):
    """The loss, and its gradients on the way: a strip of logits is turned into its own gradient."""

    @staticmethod
    def forward(ctx: Any, states_ND: Tensor, weight_VD: Tensor, targets_N: Tensor) -> Tensor:
        """Add up the strips."""
        grad_states, grad_weight = torch.empty_like(states_ND), torch.zeros_like(weight_VD)
        total = states_ND.new_zeros(())
        for start in range(0, len(states_ND), _STRIP):
            strip = slice(start, start + _STRIP)
            logits_SV = states_ND[strip] @ weight_VD.T
            target_S1 = targets_N[strip, None]
            norm_S1 = logits_SV.logsumexp(1, keepdim=True)
            total += (norm_S1 - logits_SV.gather(1, target_S1)).sum()
            logits_SV.sub_(norm_S1).exp_()  # probabilities; less 1 at the target: the gradient
            logits_SV.scatter_add_(1, target_S1, torch.full_like(norm_S1, -1.0))
            torch.mm(logits_SV, weight_VD, out=grad_states[strip])
            grad_weight.addmm_(logits_SV.T, states_ND[strip])
        n = len(states_ND)
        ctx.save_for_backward(grad_states.div_(n), grad_weight.div_(n))
        return total / n

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        """Hand on what `forward` has made."""
        grad_states, grad_weight = ctx.saved_tensors
        return grad_states * grads[0], grad_weight * grads[0], None
