"""What a GPU must hold while it trains: GiB by term, each with its source.

Arithmetic only: tensor and pipeline parallelism (`tp`, `pp`) are counted here, so that published
runs can be checked; `plan` offers what `submit` runs, which is ZeRO.

GPT-NeoX-20B at its published settings (96 GPUs of 40 GB) comes out at 26.2 GiB. Of two well-known
estimators one says 154.85 GiB for it, and takes neither gradients nor activations as shared
(EleutherAI/cookbook: calc/calc_transformer_mem.py, 827ee3b); the other leaves out what passes
through the model, and promised 0.49 GB where 14 to 21 were seen (DeepSpeed's
estimate_zero3_model_states_mem_needs; microsoft/DeepSpeed#4527).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

from kblib.errors import PlanError
from kblib.models.shape import ModelShape
from kblib.planner import activations

GIB = 2**30
DTYPES = {"fp32": 4, "bf16": 2, "fp16": 2}
"""Bytes of a number."""
ADAM = 8
"""Bytes a parameter of Adam's two moments in float32 (Kingma and Ba 2015)."""
CONTEXT_GIB = 1.5
"""CUDA context, libraries' workspaces and NCCL's buffers; 1 to 3 GiB are seen on A100s."""
DEEPSPEED_BUCKET = 500_000_000
"""Numbers that DeepSpeed reduces at a time, its own default."""
MOST_GATHERED = 1_000_000_000
"""Numbers that stage 3 has gathered at a time (stage3_max_live_parameters, its default)."""


@dataclass(frozen=True)
class Setting:
    """How a model is trained, as far as memory goes; `memory_per_gpu` explains each."""

    micro_batch_size: int
    seq_len: int
    dp: int = 1
    tp: int = 1
    pp: int = 1
    zero: int = 0
    dtype: str = "bf16"
    grad_dtype: str | None = None
    autocast: bool = False
    activation_checkpointing: bool = False
    attention: str = "fused"
    offload: str | None = None
    guessed: float = 1.0
    bucket_size: int = DEEPSPEED_BUCKET
    buckets: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name in ("micro_batch_size", "seq_len", "dp", "tp", "pp", "bucket_size"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise _wrong(name, value, "A whole number of at least 1 was expected.", "1")
        _check_choices(self)

    @property
    def width(self) -> int:
        """Bytes of a number of the computation."""
        return DTYPES[self.dtype]

    @property
    def weight_width(self) -> int:
        """Bytes of a weight as the model holds it."""
        return 4 if self.autocast else self.width

    @property
    def half(self) -> bool:
        """Whether the computation has 16 bits."""
        return self.width == 2

    @property
    def tokens(self) -> int:
        """Tokens of a micro-batch."""
        return self.micro_batch_size * self.seq_len


@dataclass(frozen=True)
class Term:
    """One term: bytes on a GPU, how many of them lie there after a forward pass, and a source."""

    name: str
    bytes: float
    source: str
    kept: float = 0.0

    @property
    def gib(self) -> float:
        """GiB on a GPU."""
        return self.bytes / GIB


@dataclass(frozen=True)
class Memory:
    """What a GPU must hold, by term.

    Parameters
    ----------
    shape, setting
        What was counted.
    terms
        The terms of tensors.
    context_gib
        What libraries take beside tensors; an assumption.
    """

    shape: ModelShape
    setting: Setting
    terms: tuple[Term, ...]
    context_gib: float = CONTEXT_GIB

    def __getitem__(self, name: str) -> float:
        """Return GiB of a term by name."""
        found = {term.name: term.gib for term in self.terms}
        if name not in found:
            raise PlanError(
                f"Memory has no term '{name}'.", f"Its terms are: {', '.join(found)}.", ""
            )
        return found[name]

    @property
    def gib(self) -> float:
        """GiB of all tensors."""
        return sum(term.gib for term in self.terms)

    @property
    def needed_gib(self) -> float:
        """GiB of tensors and context: what the GPU must have."""
        return self.gib + self.context_gib

    @property
    def states_gib(self) -> float:
        """GiB of weights, gradients and optimiser: there whatever the batch."""
        return sum(self[name] for name in ("parameters", "gradients", "optimizer"))

    @property
    def table(self) -> pd.DataFrame:
        """The terms as a table: GiB, and where each comes from."""
        rows = [(term.name, round(term.gib, 3), term.source) for term in self.terms]
        rows.append(("context", self.context_gib, "assumed: CUDA, NCCL and libraries, 1 to 3 GiB"))
        rows.append(("all", round(self.needed_gib, 3), "sum; its terms do not all peak at once"))
        return pd.DataFrame(rows, columns=["term", "GiB", "source"])

    def __str__(self) -> str:
        return (
            f"{self.gib:,.1f} GiB of tensors on each GPU, and about {self.context_gib:g} "
            "for CUDA and NCCL"
        )


def memory_per_gpu(
    shape: ModelShape, *, micro_batch_size: int, seq_len: int | None = None, **setting: Any
) -> Memory:
    """Count what each GPU holds while it trains a model.

    Parameters
    ----------
    shape
        The model.
    micro_batch_size, seq_len
        Blocks that go through the model at once, and their tokens; by default the model's longest.
    dp, tp, pp
        GPUs that share out batches, the inside of layers, and layers; their product is the number
        of GPUs.
    zero
        What the `dp` share besides: 1 optimiser, 2 gradients, 3 weights.
    dtype, grad_dtype
        ``bf16``, ``fp16`` or ``fp32``: what is computed in, and what gradients are kept in.
    autocast
        Whether weights, gradients and the residual stream stay in float32 all the same (this
        project's engines without ZeRO).
    activation_checkpointing
        Whether a layer keeps its input only and is computed again in the backward pass.
    attention
        ``fused``, or ``eager`` where the table of scores is kept.
    offload
        ``cpu`` where the optimiser's states lie in the node's memory.
    guessed
        Share of tokens that a masked model guesses.
    bucket_size, buckets
        Numbers in a bucket of the reduction, and how many buckets there are (DeepSpeed takes two
        where it overlaps).

    Returns
    -------
    Memory
        Terms in GiB. What lies on the first and on the last stage of a pipeline is added up, as
        are terms that do not peak at once: the sum is an upper bound.

    References
    ----------
    Rajbhandari et al. (2020), ZeRO.
    Korthikanti et al. (2022), Reducing activation recomputation in large transformer models.

    Examples
    --------
    >>> shape = ModelShape(
    ...     n_layer=44, n_head=64, n_embd=6144, architecture="gpt_neox",
    ...     vocab_size=50432, seq_len=2048,
    ... )
    >>> neox = memory_per_gpu(
    ...     shape, micro_batch_size=4, dp=12, tp=2, pp=4, zero=1, dtype="fp16",
    ...     activation_checkpointing=True, attention="eager", bucket_size=1_260_000_000, buckets=2,
    ... )
    >>> round(neox.gib, 1)
    26.2
    """
    known = {field.name for field in fields(Setting)}
    if unknown := set(setting) - known:
        raise PlanError(
            f"memory_per_gpu has no '{sorted(unknown)[0]}'.",
            f"It has: {', '.join(sorted(known))}.",
            "memory_per_gpu(shape, micro_batch_size=4, dp=8, zero=3)",
        )
    chosen = Setting(micro_batch_size, seq_len or shape.seq_len, **setting)
    return Memory(shape, chosen, tuple(_terms(shape, chosen)))


def _terms(shape: ModelShape, s: Setting) -> Iterator[Term]:
    here = shape.parameters() / (s.tp * s.pp)
    yield _weights(here, s)
    yield _gradients(here, s)
    yield _optimizer(here, s)
    yield _buckets(here, s)
    if s.zero == 3:
        yield _gathered(shape, here, s)
    yield from _passes(shape, s)
    yield _logits(shape, s)


def _weights(here: float, s: Setting) -> Term:
    if s.offload == "cpu" and s.zero == 3:
        return Term("parameters", 0.0, "in the node's memory")
    shared = s.dp if s.zero == 3 else 1
    whole = "" if s.zero < 3 else ", shared out (ZeRO-3)"
    source = f"{s.weight_width} bytes a parameter{whole}"
    return Term("parameters", here * s.weight_width / shared, source)


def _gradients(here: float, s: Setting) -> Term:
    if s.offload == "cpu" and s.zero >= 2:
        return Term("gradients", 0.0, "in the node's memory")
    width = 4 if s.autocast else DTYPES[s.grad_dtype or s.dtype]
    shared = s.dp if s.zero >= 2 else 1
    whole = "" if s.zero < 2 else f", shared out (ZeRO-{s.zero})"
    return Term("gradients", here * width / shared, f"{width} bytes a parameter{whole}")


def _optimizer(here: float, s: Setting) -> Term:
    # ZeRO works on a copy of its own, also where the weights are float32 already.
    copy = 0 if s.autocast or (s.dtype == "fp32" and not s.zero) else 4
    shared = s.dp if s.zero else 1
    if s.offload == "cpu":
        return Term("optimizer", 0.0, "in the node's memory")
    said = f"{ADAM} bytes of Adam" + (f" and {copy} of a float32 copy" if copy else "")
    whole = f", shared out (ZeRO-{s.zero})" if s.zero else ""
    return Term("optimizer", here * (ADAM + copy) / shared, f"{said} a parameter{whole}")


def _buckets(here: float, s: Setting) -> Term:
    if s.dp == 1 and not s.zero:
        return Term("buckets", 0.0, "nothing to reduce on one rank")
    width = 4 if s.autocast else DTYPES[s.grad_dtype or s.dtype]
    held = s.buckets * min(s.bucket_size, here) * width
    return Term("buckets", held, f"{s.buckets} of at most {s.bucket_size:,} numbers")


def _gathered(shape: ModelShape, here: float, s: Setting) -> Term:
    """Weights that a rank has whole for a while.

    What is used again within the limit stays: at the turn from forward to backward a model below
    it is there in full.
    """
    largest = shape.vocab_size * shape.n_embd
    held = min(here, max(MOST_GATHERED, largest))
    source = f"weights made whole for a while: at most {MOST_GATHERED:,} (DeepSpeed's default)"
    return Term("gathered", held * s.weight_width, source)


def _passes(shape: ModelShape, s: Setting) -> Iterator[Term]:
    """Count what the forward pass keeps for the backward pass."""
    layer = _layer_bytes(shape, s)
    # The first stage of a pipeline has a micro-batch under way for each stage.
    layers = shape.n_layer / s.pp * s.pp
    if s.activation_checkpointing:
        kept = layers * s.tokens * shape.n_embd * s.width
        yield Term("activations", kept, "the input of each layer, in all stages' passes", kept)
        yield Term("live layer", layer * s.tokens, _layer_source(s))
        return
    kept = layers * layer * s.tokens
    if s.tp == 1:
        kept += s.tokens * activations.kept_by_ends(shape).bytes(s.weight_width)
    if s.autocast and s.half:
        kept += _matrices(shape) * s.width  # each product's weights in 16 bits
    yield Term("activations", kept, _layer_source(s), kept)


def _layer_bytes(shape: ModelShape, s: Setting) -> float:
    if s.tp > 1 or s.attention == "eager":
        eager = s.attention == "eager"
        return activations.megatron_layer_bytes(shape, s.seq_len, s.tp, eager=eager) * s.width / 2
    kept = activations.kept_by_layer(shape, half=s.half, autocast=s.autocast and s.half)
    return kept.bytes(s.width)


def _layer_source(s: Setting) -> str:
    if s.tp > 1 or s.attention == "eager":
        return "Korthikanti et al. (2022), equation 2"
    return "what autograd keeps of transformers' layers, counted"


def _logits(shape: ModelShape, s: Setting) -> Term:
    loss = activations.loss_bytes(shape, s.tokens, half=s.half, guessed=s.guessed, tp=s.tp)
    return Term("logits", loss.peak, "while the loss is taken", loss.kept)


def _matrices(shape: ModelShape) -> int:
    parts = shape.parameters_by_part()
    head = shape.vocab_size * shape.n_embd
    return parts["attention"] + parts["feed_forward"] + head


def _check_choices(s: Setting) -> None:
    choices: dict[str, tuple[Any, ...]] = {
        "zero": (0, 1, 2, 3),
        "dtype": tuple(DTYPES),
        "grad_dtype": (None, *DTYPES),
        "attention": ("fused", "eager"),
        "offload": (None, "cpu"),
    }
    for name, allowed in choices.items():
        if getattr(s, name) not in allowed:
            listed = ", ".join(repr(one) for one in allowed)
            raise _wrong(name, getattr(s, name), f"One of {listed} was expected.", repr(allowed[1]))
    if not 0 < s.guessed <= 1:
        raise _wrong("guessed", s.guessed, "A share above 0, 1 at most, was expected.", "0.25")
    if s.offload and not s.zero:
        raise _wrong("offload", s.offload, "ZeRO hands states to the CPU.", "None")


def _wrong(name: str, value: object, expected: str, instead: str) -> PlanError:
    return PlanError(
        f"memory_per_gpu got {name}={value!r}.",
        expected,
        f"memory_per_gpu(shape, ..., {name}={instead})",
    )
