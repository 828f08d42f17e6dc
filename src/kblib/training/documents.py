"""Documents kept apart inside a block: attention that ends at a document's edge.

A block is cut out of one long stream, so that it may hold the end of one document and the beginning
of another. Kept apart, a token sees its own document only, and positions begin anew with each, so
that a document is read as if it stood alone.

Letters on tensors: B blocks, T tokens a block.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel


def document_numbers(ids_BT: NDArray[np.int64], first_id: int) -> NDArray[np.int64]:
    """Return the number of each token's document, shape (B, T); `first_id` begins a new one.

    What opens a document is ``[CLS]`` for masked models. For causal ones it is the mark that ends
    the text before: it is predicted as an end, and read as a beginning.
    """
    return np.cumsum(ids_BT == first_id, axis=1)


def kept_apart(model: PreTrainedModel, documents_BT: Tensor | None) -> dict[str, Any]:
    """Return the arguments by which a model keeps the documents of its blocks apart.

    None keeps nothing apart. The masks have four dimensions, which transformers' models take as
    they are; a layer with a window gets one of its own.
    """
    if documents_BT is None:
        return {}
    n_tokens = documents_BT.shape[1]
    places_T = torch.arange(n_tokens, device=documents_BT.device)
    begins_BT = torch.ones_like(documents_BT, dtype=torch.bool)
    begins_BT[:, 1:] = documents_BT[:, 1:] != documents_BT[:, :-1]
    first_BT = torch.where(begins_BT, places_T, 0).cummax(dim=1).values
    sees_B1TT = documents_BT[:, None, :, None] == documents_BT[:, None, None, :]
    return {
        "position_ids": places_T - first_BT,
        "attention_mask": _for_layers(model, sees_B1TT, places_T),
    }


def _for_layers(model: PreTrainedModel, sees_B1TT: Tensor, places_T: Tensor) -> Any:
    distance_TT = places_T[:, None] - places_T[None, :]
    kind = str(model.config.model_type)
    if kind == "modernbert":
        near_TT = distance_TT.abs() <= int(model.config.sliding_window)
        return {"full_attention": sees_B1TT, "sliding_attention": sees_B1TT & near_TT}
    return sees_B1TT if kind == "bert" else sees_B1TT & (distance_TT >= 0)
