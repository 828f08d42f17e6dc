"""The loss of labels: cross-entropy of texts or words, squared error of numbers.

Letters on tensors: B windows, T tokens, C labels.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from kblib.finetuning.examples import IGNORED


class LabelObjective(nn.Module):
    """A model with its loss, as the training loop wants it.

    Parameters
    ----------
    model
        Of transformers with a head, or such a model in peft's wrapping.
    is_scale
        Whether a number is learnt.
    """

    def __init__(self, model: nn.Module, *, is_scale: bool) -> None:
        super().__init__()
        self.model = model
        self.is_scale = is_scale

    def forward(self, targets: Tensor, weights: Tensor, **inputs: Tensor) -> Tensor:
        """Return the weighted sum of losses: in nats, or in squared units of the spread.

        Targets and weights are of windows, (B,), or of pieces, (B, T).
        """
        logits = self.model(**inputs).logits.float()
        if self.is_scale:
            losses = mse_loss(logits.squeeze(-1), targets, reduction="none")
        else:
            losses = cross_entropy(
                logits.flatten(0, -2), targets.flatten(), reduction="none", ignore_index=IGNORED
            )
        return (losses * weights.flatten()).sum()
