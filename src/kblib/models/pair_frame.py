"""Two texts read together, such as a premise and a hypothesis: what a model expects around them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kblib.errors import ModelError
from kblib.files import read_json
from kblib.tokens.subwords import CONFIG_FILE, Tokenizer

_FIRST, _SECOND = ("a", "1", "."), ("b", "2", ",")


@dataclass(frozen=True)
class PairFrame:
    """The pieces around two texts, such as ``[CLS] first [SEP] second [SEP]``.

    Attributes
    ----------
    before, between, after
        Their ids.
    types
        What the tokenizer says of the first text with all before the second, and of the second.
    """

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    types: tuple[int, int]

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> PairFrame:
        """Find what a tokenizer puts around two texts by framing two.

        Raises
        ------
        ModelError
            If it does not tell two texts apart.
        """
        for one, other in zip(_FIRST, _SECOND, strict=True):
            first, second = (tokenizer.encode(text, special=False) for text in (one, other))
            whole = tokenizer.engine.encode(one, other)
            start = _find(whole.ids, first, 0)
            then = _find(whole.ids, second, start + len(first))
            if first and second and 0 <= start < then and whole.ids[start + len(first) : then]:
                types = list(whole.type_ids)
                end = then + len(second)
                frame = cls(
                    tuple(whole.ids[:start]),
                    tuple(whole.ids[start + len(first) : then]),
                    tuple(whole.ids[end:]),
                    (types[start], types[then]),
                )
                if types == [frame.types[0]] * then + [frame.types[1]] * (len(types) - then):
                    return frame
        raise ModelError(
            f"This {tokenizer.kind} tokenizer puts nothing between two texts.",
            "A pair was expected to become something like [CLS] first [SEP] second [SEP].",
            "A model that was trained on single texts cannot compare two.",
        )

    def __len__(self) -> int:
        return len(self.before) + len(self.between) + len(self.after)

    def first(self, ids: Sequence[int]) -> list[int]:
        """Return the first text with all that stands before the second."""
        return [*self.before, *ids, *self.between]

    def second(self, ids: Sequence[int]) -> list[int]:
        """Return the second text with what ends the pair."""
        return [*ids, *self.after]


def reads_types(model: Any, folder: Path | None) -> bool:
    """Tell whether a model is told which of two texts a token belongs to.

    It is if its layout knows types, and its tokenizer's configuration does not leave them out: so
    transformers' own tokenizer decides, and a model must be asked as it was trained.
    """
    if "token_type_ids" not in inspect.signature(model.forward).parameters:
        return False
    if int(getattr(model.config, "type_vocab_size", 0) or 0) < 2:
        return False
    path = folder / CONFIG_FILE if folder is not None else None
    named = read_json(path).get("model_input_names") if path and path.is_file() else None
    return named is None or "token_type_ids" in named


def _find(ids: Sequence[int], wanted: Sequence[int], start: int) -> int:
    """Return where a run of ids begins, or -1."""
    for place in range(start, len(ids) - len(wanted) + 1):
        if list(ids[place : place + len(wanted)]) == list(wanted):
            return place
    return -1
