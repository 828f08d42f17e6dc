"""Asking a causal model for a summary, long texts piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kblib.errors import ModelError
from kblib.models.given import check_text
from kblib.models.sampling import Sampling

if TYPE_CHECKING:
    import pandas as pd

    from kblib.models.causal import CausalLM

LAYOUT = "Text: {text}\n\nSammanfattning:"
_SMALL = 1e9
"""Parameters below which a reader is warned.

Brown et al. (2020) see next to no task done from a prompt alone by models of 0.1 billion; smaller
ones than this that were taught to follow instructions exist, and need their chat template for it.
"""
_LEAST_ROOM = 16  # tokens of text a piece should have at least


@dataclass(frozen=True)
class Summary:
    """What a model wrote when it was asked for a summary.

    Parameters
    ----------
    text
        The whole text.
    summary
        What it wrote; of a long text, the summaries of its pieces one after the other.
    pieces
        The pieces of the text that were read at once.
    parts
        What it wrote about each.
    warning
        Why this may be none; empty if nothing speaks against it. No summary is checked against its
        text: read both.
    provenance
        Model, weights, seed, layout.
    """

    text: str
    summary: str
    pieces: tuple[str, ...]
    parts: tuple[str, ...]
    warning: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> pd.DataFrame:
        """One row a piece of the text: text, summary."""
        import pandas as pd

        rows = list(zip(self.pieces, self.parts, strict=True))
        return pd.DataFrame(rows, columns=["text", "summary"])

    def __str__(self) -> str:
        """Return the summary, and the warning if there is one."""
        said = self.summary or "(the model wrote nothing)"
        return f"{said}\n({self.warning})" if self.warning else said


def summarise(model: CausalLM, text: str, layout: str, sampling: Sampling, seed: int) -> Summary:
    """Carry out `CausalLM.summarise`."""
    check_text(text)
    if not text.strip():
        raise ModelError("The text is empty.", "A text to sum up was expected.")
    if layout.count("{text}") != 1:
        raise ModelError(
            f"The layout is {layout!r}.",
            "A prompt with {text} once, where the text belongs, was expected.",
            f"layout={LAYOUT!r}",
        )
    sampling = replace(sampling, stop=(*sampling.stop, "\n\n"))
    pieces = tuple(_pieces(model, text, layout, sampling.max_tokens))
    written = [
        model.generate_with(layout.replace("{text}", piece), sampling, seed=seed + number)
        for number, piece in enumerate(pieces)
    ]
    parts = tuple(one.continuation.strip() for one in written)
    about = {**written[0].provenance, "layout": layout, "n_pieces": len(pieces)}
    summary = "\n".join(part for part in parts if part)
    return Summary(text, summary, pieces, parts, _warning(model), about)


def _warning(model: CausalLM) -> str:
    n = model.model.num_parameters()
    if n >= _SMALL:
        return ""
    return (
        f"'{model.name}' has {n / 1e6:,.0f} million parameters. So small a model goes on with the "
        "text in its manner; do not take it for a summary."
    )


def _pieces(model: CausalLM, text: str, layout: str, max_tokens: int) -> Iterator[str]:
    """Cut a text at blanks into pieces that fit, with the prompt and what shall be written."""
    tokenizer = model.tokenizer
    frame = len(tokenizer.encode(layout.replace("{text}", ""), special=False))
    room = model.seq_len - max_tokens - frame - 2  # the begin, and a piece cut anew at its edge
    if room < _LEAST_ROOM:
        raise ModelError(
            f"Of the {model.seq_len} tokens '{model.name}' reads at once, {max(0, room)} are left "
            f"for the text beside {max_tokens} of summary.",
            f"At least {_LEAST_ROOM} were expected.",
            f"max_tokens={max(1, max_tokens - (_LEAST_ROOM - room))}, or a shorter layout.",
        )
    words, start = text.split(" "), 0
    while start < len(words):
        size = _fitting(model, words[start:], room)
        yield " ".join(words[start : start + size])
        start += size


def _fitting(model: CausalLM, words: list[str], room: int) -> int:
    """Return how many of the words fit into so many tokens; at least one, by bisection."""

    def n_tokens(n: int) -> int:
        return len(model.tokenizer.encode(" ".join(words[:n]), special=False))

    low, high = 1, min(len(words), room)  # a word has a token at least
    if n_tokens(1) > room:
        raise ModelError(
            f"The word '{words[0][:40]}…' has {n_tokens(1)} tokens.",
            f"'{model.name}' has room for {room} of text at once.",
        )
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if n_tokens(middle) <= room else (low, middle - 1)
    return low
