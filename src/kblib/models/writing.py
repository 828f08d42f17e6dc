"""From prompts to continuations: drawn together, then read once more for what each word got."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from kblib.errors import ModelError
from kblib.models.generated import (
    Continuations,
    Ending,
    Generated,
    WrittenWord,
    in_words,
    piece_texts,
)
from kblib.models.reading import continuation_nats
from kblib.models.sampling import Sampling, continued

if TYPE_CHECKING:
    from kblib.models.causal import CausalLM

_AT_ONCE = 16  # texts
_SEEDS = 2**63
"""Seeds are below this: torch's generators take no larger ones."""
Start = tuple[str, list[int], int]
"""Prompt, its ids, seed."""


def write_all(
    model: CausalLM, prompts: Sequence[str], seeds: Sequence[int], how: Sampling
) -> Continuations:
    """Continue each prompt with each seed; what is asked is checked before anything is drawn."""
    _check_seeds(seeds)
    if not prompts:
        raise ModelError(
            "There are no prompts.",
            "At least one was expected.",
            'model.continuations("Kungen", seeds=[1, 2])',
        )
    known = {prompt: model.prompt_ids(prompt, how.max_tokens) for prompt in prompts}
    starts = [(prompt, known[prompt], seed) for prompt in prompts for seed in seeds]
    about = {**model.provenance, "seeds": list(seeds), **how.to_dict()}
    return Continuations(tuple(write(model, starts, how)), about)


def write(model: CausalLM, starts: Sequence[Start], how: Sampling) -> list[Generated]:
    """Continue prompts, some at a time."""
    texts: list[Generated] = []
    for first in range(0, len(starts), _AT_ONCE):
        part = starts[first : first + _AT_ONCE]
        rows, seeds = [ids for _, ids, _ in part], [seed for _, _, seed in part]
        new = continued(model.model, model.tokenizer, rows, seeds, how)
        texts += [_written(model, one, more, how) for one, more in zip(part, new, strict=True)]
    return texts


def _written(model: CausalLM, start: Start, new: list[int], how: Sampling) -> Generated:
    """Return what was written, up to a stop word, with the probability of each word."""
    prompt, known, seed = start
    pieces = piece_texts(known, new, model.tokenizer)
    text, ended = _until_stop("".join(pieces), how.stop)
    if ended is None:
        ended = "end" if len(new) < how.max_tokens else "length"
    words: list[WrittenWord] = []
    left = len(text)
    nats = continuation_nats(model.model, known, [new])[0] if new else ()
    for group in in_words(pieces):
        word = "".join(pieces[number] for number in group)[:left]
        if not word:
            break
        chance = math.exp(-math.fsum(nats[number] for number in group))
        words.append(WrittenWord(word, chance, len(group)))
        left -= len(word)
    about: dict[str, Any] = {**model.provenance, "seed": seed, **how.to_dict()}
    return Generated(prompt, text, about, tuple(words), ended)


def _until_stop(text: str, stop: Sequence[str]) -> tuple[str, Ending | None]:
    """Cut a text before the first stop word in it."""
    places = [text.index(word) for word in stop if word in text]
    return (text[: min(places)], "stop") if places else (text, None)


def _check_seeds(seeds: object) -> None:
    given = list(seeds) if isinstance(seeds, Iterable) else []
    if not given or not all(type(one) is int and 0 <= one < _SEEDS for one in given):
        raise ModelError(
            f"The seeds are {given or seeds!r}.",
            f"At least one whole number of 0 or more was expected, none above {_SEEDS - 1}.",
            "seeds=[1, 2, 3]",
        )
