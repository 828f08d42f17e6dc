"""What a causal model makes of texts it is shown: the surprise at each token.

Letters on tensors: B texts, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from kblib.models.batches import together
from kblib.tokens.subwords import Tokenizer

IGNORED = -100  # the target that torch's cross entropy leaves out by default
Window = tuple[list[int], list[int]]
"""Inputs and targets, of one length; what is not asked for is `IGNORED`."""


def begin_id(tokenizer: Tokenizer) -> int:
    """Return the token a text begins with: its own begin mark, or the end of the text before."""
    begin = tokenizer.engine.token_to_id(tokenizer.roles.get("bos_token", ""))
    return tokenizer.end_id if begin is None else int(begin)


def windows_of(ids: Sequence[int], tokenizer: Tokenizer, size: int) -> Iterator[Window]:
    """Yield the windows of one document, from its begin to its end mark.

    They overlap by half, and each token is asked for once, with at least half a window before it
    (except at the beginning).
    """
    stream = [begin_id(tokenizer), *ids, tokenizer.end_id]
    start, counted = 0, 0
    while counted < len(stream) - 1:
        inputs = stream[start : min(start + size, len(stream) - 1)]
        targets = stream[start + 1 : start + 1 + len(inputs)]
        known = counted - start
        yield inputs, [IGNORED] * known + targets[known:]
        counted = start + len(inputs)
        start += max(1, size // 2)


def window_nats(model: PreTrainedModel, windows: Sequence[Window]) -> float:
    """Return the summed surprise at all targets, in nats."""
    return float(sum(part.sum() for part in target_nats(model, windows)))


@torch.inference_mode()
def target_nats(model: PreTrainedModel, windows: Sequence[Window]) -> list[npt.NDArray[np.float64]]:
    """Return the surprise at the targets of each window, in nats; 0 where none is asked for.

    Windows of like length are read together, padded on the right, where no token looks.
    """
    found: list[npt.NDArray[np.float64]] = [np.empty(0)] * len(windows)
    for chosen in together([len(inputs) for inputs, _ in windows]):
        longest = len(windows[chosen[-1]][0])
        inputs_BT = _padded([windows[i][0] for i in chosen], longest, 0, model)
        targets_BT = _padded([windows[i][1] for i in chosen], longest, IGNORED, model)
        logits_BTV = model(input_ids=inputs_BT, use_cache=False).logits.float()
        nats_BT = functional.cross_entropy(
            logits_BTV.flatten(0, 1), targets_BT.flatten(), reduction="none"
        ).view(targets_BT.shape)
        for row, i in zip(nats_BT.double().cpu().numpy(), chosen, strict=True):
            found[i] = row[: len(windows[i][0])]
    return found


def continuation_nats(
    model: PreTrainedModel, known: Sequence[int], more: Sequence[Sequence[int]]
) -> list[npt.NDArray[np.float64]]:
    """Return the surprise at each token of continuations of one and the same beginning."""
    windows = []
    for ids in more:
        stream = [*known, *ids]
        windows.append((stream[:-1], [IGNORED] * (len(known) - 1) + list(ids)))
    nats = target_nats(model, windows)
    return [row[len(known) - 1 :] for row in nats]


def _padded(
    rows: Sequence[Sequence[int]], length: int, filler: int, model: PreTrainedModel
) -> Tensor:
    filled = [[*row, *[filler] * (length - len(row))] for row in rows]
    return torch.tensor(filled, device=model.device)
