"""The shape of a language model: its sizes, and what follows from them, without building it.

Five layouts, each exactly as transformers builds it, biases and norms included:

- ``modernbert``: masked; norms before each part, rotary positions, gated GELU, tied embeddings
  (Warner et al. 2024);
- ``bert``: masked; norms after each part, learnt positions, tied embeddings (Devlin et al. 2019);
- ``gpt_neox``: causal; attention and feed-forward side by side, rotary positions on a quarter of
  each head, untied embeddings as published (Black et al. 2022);
- ``llama``: causal; RMS norms, rotary positions, gated SiLU, untied embeddings as published
  (Touvron et al. 2023);
- ``gpt2``: causal; norms before each part, learnt positions, tied embeddings as published (Radford
  et al. 2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from kblib.errors import ModelError

Architecture = Literal["modernbert", "bert", "gpt_neox", "llama", "gpt2"]
ARCHITECTURES: tuple[str, ...] = get_args(Architecture)
MASKED = ("modernbert", "bert")
_TIED = (*MASKED, "gpt2")
"""Layouts whose head was published as the matrix of their embeddings."""


@dataclass(frozen=True)
class ModelShape:
    """Sizes of a transformer language model.

    Parameters
    ----------
    n_layer
        Layers.
    n_head
        Attention heads a layer; divides `n_embd`.
    n_embd
        Width of the model.
    architecture
        ``modernbert``, ``bert`` (masked), ``gpt_neox``, ``llama`` or ``gpt2`` (causal).
    vocab_size
        Pieces in the vocabulary.
    seq_len
        Longest input, in tokens. Only ``bert`` and ``gpt2`` spend parameters on it.
    n_inner
        Width inside the feed-forward part. By default 4 times the width for ``bert``,
        ``gpt_neox`` and ``gpt2``; for the gated ones, rounded up to a multiple of 64: 3/2 times for
        ``modernbert`` (1152 at 768, as published), 8/3 times for ``llama`` (published models round
        on: 11008 at 4096 instead of 10944).
    tied
        Whether the head is the matrix of the embeddings once more: a third fewer parameters in a
        small model, and a better one from little text (Press and Wolf 2017). None, and what comes
        to the same, is as the layout was published; masked ones are always tied.

    Raises
    ------
    ModelError
        If a size is not positive, the architecture is unknown, heads and width do not fit each
        other, or a masked layout is to be untied.

    Examples
    --------
    >>> shape = ModelShape(n_layer=12, n_head=12, n_embd=768, architecture="bert", vocab_size=30522)
    >>> shape.parameters()
    109514298
    """

    n_layer: int
    n_head: int
    n_embd: int
    architecture: Architecture = "modernbert"
    vocab_size: int = 8192
    seq_len: int = 512
    n_inner: int | None = None
    tied: bool | None = None

    def __post_init__(self) -> None:
        """Check the sizes and fill in `n_inner`."""
        if self.architecture not in ARCHITECTURES:
            raise ModelError(
                f"No architecture is called '{self.architecture}'.",
                f"Known are: {', '.join(ARCHITECTURES)}.",
            )
        for name in ("n_layer", "n_head", "n_embd", "vocab_size", "seq_len", "n_inner"):
            value = getattr(self, name)
            if value is None and name == "n_inner":
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ModelError(
                    f"{name} is {value!r}.", "A whole number of at least 1 was expected."
                )
        _check_heads(self)
        if self.n_inner is None:
            object.__setattr__(self, "n_inner", _usual_inner(self.architecture, self.n_embd))
        _check_tied(self)

    @property
    def objective(self) -> Literal["masked", "causal"]:
        """What the model learns: ``masked`` (words in the middle) or ``causal`` (the next word)."""
        return "masked" if self.architecture in MASKED else "causal"

    @property
    def head_is_tied(self) -> bool:
        """Whether the head is the matrix of the embeddings, as said or as published."""
        return self.architecture in _TIED if self.tied is None else self.tied

    @property
    def inner(self) -> int:
        """Width inside the feed-forward part, given or usual."""
        return self.n_inner or _usual_inner(self.architecture, self.n_embd)

    def parameters_by_part(self) -> dict[str, int]:
        """Return parameters by part of the model; a tied matrix counts once, as embeddings."""
        count = {
            "modernbert": _modernbert,
            "bert": _bert,
            "gpt_neox": _gpt_neox,
            "llama": _llama,
            "gpt2": _gpt2,
        }
        return count[self.architecture](self)

    def parameters(self) -> int:
        """Return how many numbers the model learns, exactly as transformers' model has them."""
        return sum(self.parameters_by_part().values())

    def flops_per_token(self, seq_len: int | None = None) -> float:
        """Return operations to train on one token: ``6 N + 12 n_layer n_embd seq_len``.

        N is all parameters; the second term is attention's, which grows with the input. Forward is
        a third of it. For masked models this is at most: N counts the vocabulary matrix for every
        token, although training multiplies by it at the masked positions only.

        References
        ----------
        Kaplan et al. (2020), Scaling laws for neural language models.
        Chowdhery et al. (2022), PaLM, appendix B.
        """
        length = self.seq_len if seq_len is None else seq_len
        return 6.0 * self.parameters() + 12.0 * self.n_layer * self.n_embd * length

    def to_dict(self) -> dict[str, Any]:
        """Return the sizes as plain values.

        `tied` is only said where it is not as published: shapes from before there was a choice keep
        what they are known by.
        """
        content = asdict(self)
        if self.tied is None:
            del content["tied"]
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ModelShape:
        """Make a shape from what `to_dict` gave.

        Raises
        ------
        ModelError
            If a size is unknown or missing.
        """
        known = {field.name for field in fields(cls)}
        if unknown := set(content) - known:
            raise ModelError(
                f"A shape has no {', '.join(sorted(unknown))}.",
                f"It has: {', '.join(sorted(known))}.",
            )
        if missing := {"n_layer", "n_head", "n_embd"} - set(content):
            raise ModelError(
                f"This shape lacks {', '.join(sorted(missing))}.",
                "n_layer, n_head and n_embd were expected.",
            )
        return cls(**content)

    def __str__(self) -> str:
        """Return layout, layers and width: ``modernbert 4x256``."""
        return f"{self.architecture} {self.n_layer}x{self.n_embd}"


def _check_heads(shape: ModelShape) -> None:
    if shape.n_embd % shape.n_head:
        divisors = [n for n in range(1, shape.n_embd + 1) if shape.n_embd % (8 * n) == 0]
        nearest = min(divisors, key=lambda n: abs(n - shape.n_head), default=1)
        raise ModelError(
            f"{shape.n_head} heads do not divide a width of {shape.n_embd}.",
            "Each head takes an equal part of the width.",
            f"ModelShape(n_layer={shape.n_layer}, n_head={nearest}, n_embd={shape.n_embd})",
        )
    # Rotary positions turn pairs of numbers; GPT-NeoX turns a quarter of each head.
    step = {"bert": 1, "gpt2": 1, "gpt_neox": 8}.get(shape.architecture, 2)
    if shape.n_embd // shape.n_head % step:
        raise ModelError(
            f"Heads of {shape.n_embd // shape.n_head} numbers ({shape.n_embd} / {shape.n_head}) "
            "cannot be rotated.",
            f"{shape.architecture} needs a multiple of {step}.",
        )


def _check_tied(shape: ModelShape) -> None:
    if shape.tied is False and shape.architecture in MASKED:
        raise ModelError(
            f"A {shape.architecture} was asked for with tied=False.",
            "Its head is always the matrix of its embeddings.",
            f"ModelShape(..., architecture='{shape.architecture}')",
        )
    if shape.tied == (shape.architecture in _TIED):
        object.__setattr__(shape, "tied", None)  # equal shapes are equal, however they are said


def _usual_inner(architecture: str, n_embd: int) -> int:
    if architecture in ("bert", "gpt_neox", "gpt2"):
        return 4 * n_embd
    times, over = (3, 2) if architecture == "modernbert" else (8, 3)
    return -(-n_embd * times // (over * 64)) * 64


def _modernbert(s: ModelShape) -> dict[str, int]:
    d, v = s.n_embd, s.vocab_size
    return {
        "embeddings": v * d,
        "attention": s.n_layer * 4 * d * d,
        "feed_forward": s.n_layer * 3 * d * s.inner,
        "norms": 2 * s.n_layer * d + d,  # the first layer has one fewer, the embeddings have one
        "head": d * d + d + v,  # dense and norm; the decoder is the embedding matrix with a bias
    }


def _bert(s: ModelShape) -> dict[str, int]:
    d, v = s.n_embd, s.vocab_size
    return {
        "embeddings": (v + s.seq_len + 2) * d,
        "attention": s.n_layer * 4 * (d * d + d),
        "feed_forward": s.n_layer * (2 * d * s.inner + s.inner + d),
        "norms": s.n_layer * 4 * d + 2 * d,
        "head": d * d + d + 2 * d + v,
    }


def _gpt_neox(s: ModelShape) -> dict[str, int]:
    d, v = s.n_embd, s.vocab_size
    return {
        "embeddings": v * d,
        "attention": s.n_layer * 4 * (d * d + d),
        "feed_forward": s.n_layer * (2 * d * s.inner + s.inner + d),
        "norms": s.n_layer * 4 * d + 2 * d,
        "head": 0 if s.head_is_tied else v * d,
    }


def _llama(s: ModelShape) -> dict[str, int]:
    d, v = s.n_embd, s.vocab_size
    return {
        "embeddings": v * d,
        "attention": s.n_layer * 4 * d * d,
        "feed_forward": s.n_layer * 3 * d * s.inner,
        "norms": s.n_layer * 2 * d + d,
        "head": 0 if s.head_is_tied else v * d,
    }


def _gpt2(s: ModelShape) -> dict[str, int]:
    d, v = s.n_embd, s.vocab_size
    return {
        "embeddings": (v + s.seq_len) * d,
        "attention": s.n_layer * 4 * (d * d + d),
        "feed_forward": s.n_layer * (2 * d * s.inner + s.inner + d),
        "norms": s.n_layer * 4 * d + 2 * d,
        "head": 0 if s.head_is_tied else v * d,
    }
