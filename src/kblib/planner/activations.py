"""What a model keeps of a forward pass for its backward pass, counted as numbers a token.

The counts are those of transformers' own models with torch's fused attention, read off what
autograd keeps; the tests compare them with the storages of real models. Letters: D width, F width
inside the feed-forward part, H heads, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

from kblib.models.shape import ModelShape

FULL = 4
"""Bytes of float32, in which norms and losses keep their statistics whatever the model computes."""
_LOSS_IN_HALF = 10
"""Bytes a logit while the loss of a 16-bit model is taken: itself, its float32 log-probability and
the float32 gradient."""


@dataclass(frozen=True)
class Kept:
    """Numbers that are kept a token: in the number type of the computation, and in float32."""

    own: float
    full: float = 0.0

    def bytes(self, width: int) -> float:
        """Return bytes a token where a number of the computation takes `width` bytes."""
        return self.own * width + self.full * FULL


@dataclass(frozen=True)
class Loss:
    """Bytes of the head and the loss: kept after the forward pass, and at the highest."""

    kept: float
    peak: float


def kept_by_layer(shape: ModelShape, *, half: bool = False, autocast: bool = False) -> Kept:
    """Return what one layer keeps a token.

    Parameters
    ----------
    half
        Whether the computation has 16 bits: Llama's norms then work on float32 copies.
    autocast
        Whether weights and residual stream stay in float32 and each product casts its input.
    """
    d, h = shape.n_embd, shape.n_head
    times = {"gpt_neox": 2, "bert": 2, "gpt2": 5}.get(
        shape.architecture, 4
    )  # gated, or GPT-2's GELU
    plain, in_half, cast = {
        # numbers of width D: (all alike), (16 bits: own, float32), (autocast: own, float32)
        "gpt_neox": (10, (10, 0), (9, 1)),
        "bert": (8, (8, 0), (8, 2)),
        "modernbert": (10, (10, 0), (8, 2)),
        "llama": (10, (8, 2), (9, 4)),
        "gpt2": (8, (8, 0), (6, 2)),
    }[shape.architecture]
    own, full = cast if autocast else in_half if half else (plain, 0)
    norms = 2 if shape.architecture == "llama" else 4
    return Kept(own * d + times * shape.inner, full * d + norms + h)


def kept_by_ends(shape: ModelShape) -> Kept:
    """Return what is kept a token below the first layer and above the last."""
    d = shape.n_embd
    # GPT's have a norm at their end only, the masked ones one at the embeddings.
    return Kept(d if shape.architecture in ("gpt_neox", "gpt2") else 2 * d, 2)


def loss_bytes(shape: ModelShape, tokens: int, *, half: bool, guessed: float, tp: int = 1) -> Loss:
    """Return the bytes of head and loss of a micro-batch.

    Parameters
    ----------
    tokens
        Of the micro-batch.
    guessed
        Share of them that a masked model guesses; its head runs on these only.
    """
    d, v = shape.n_embd, shape.vocab_size
    if shape.objective == "masked":
        asked = round(tokens * guessed)
        own = 2 if half else FULL
        kept = asked * (4 * d * own + v * FULL + 2 * own + 28)
        return Loss(kept, kept + asked * v * (own + FULL))
    if half:
        return Loss(tokens * v * FULL / tp, tokens * v * _LOSS_IN_HALF / tp)
    # The loss is taken strip by strip, and keeps the gradients of states and head instead.
    strips = FULL * (v * d + tokens * d) / tp
    return Loss(strips, strips)


def megatron_layer_bytes(shape: ModelShape, seq_len: int, tp: int, *, eager: bool) -> float:
    """Return bytes a token that a layer in 16 bits keeps when `tp` GPUs share it.

    References
    ----------
    Korthikanti et al. (2022), Reducing activation recomputation, equation 2; without its last term
    where attention is fused.
    """
    scores = 5 * shape.n_head * seq_len / (shape.n_embd * tp) if eager else 0.0
    return shape.n_embd * (10 + 24 / tp + scores)
