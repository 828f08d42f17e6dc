"""How a text is continued: the numbers of a draw, and the draw itself inside transformers' loop.

Letters on tensors: B texts, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
    StoppingCriteria,
    StoppingCriteriaList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from kblib.errors import ModelError
from kblib.tokens.subwords import Tokenizer


@dataclass(frozen=True)
class Sampling:
    """How a text is continued.

    Parameters
    ----------
    max_tokens
        Sub-words to add at most; fewer if the model ends the text.
    temperature
        0 takes the most likely piece each time; 1 draws as the model's probabilities say; above,
        more wildly.
    top_k
        Draw among so many of the most likely pieces only; None for all.
    top_p
        Draw among the most likely pieces that hold this share of the probability (Holtzman et al.
        2020); None for all.
    stop
        Words or signs that end the text; they are left out.

    Raises
    ------
    ModelError
        Naming the number that makes no sense, with one that does.
    """

    max_tokens: int = 40
    temperature: float = 0.8
    top_k: int | None = None
    top_p: float | None = None
    stop: Sequence[str] = ()

    def __post_init__(self) -> None:
        stop = _words(self.stop)
        object.__setattr__(self, "stop", stop)
        if not _whole(self.max_tokens):
            raise _wrong("max_tokens", self.max_tokens, "At least 1 token was expected.", 40)
        if not _number(self.temperature) or not 0 <= self.temperature < float("inf"):
            expected = "0 (always the most likely piece) or more was expected; 1 is the model's own"
            raise _wrong("temperature", self.temperature, f"{expected} share.", 0.8)
        if self.top_k is not None and not _whole(self.top_k):
            raise _wrong("top_k", self.top_k, "At least 1 piece must be left to draw from.", 40)
        if self.top_p is not None and not (_number(self.top_p) and 0 < self.top_p <= 1):
            raise _wrong("top_p", self.top_p, "A share above 0 and at most 1 was expected.", 0.9)
        if not all(stop):
            raise _wrong("stop", stop, "Each stop word needs at least one letter or sign.", ("\n",))

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain values."""
        return {**asdict(self), "stop": list(self.stop)}


def continued(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    prompts: Sequence[Sequence[int]],
    seeds: Sequence[int],
    sampling: Sampling,
) -> list[list[int]]:
    """Return the tokens that follow each prompt, without the end mark.

    Each text is drawn with a generator of its own: it is the same whatever stands beside it in the
    batch. Adding Gumbel noise and taking the largest is drawing by the probabilities (Gumbel 1954).
    """
    longest = max(map(len, prompts))
    fill = [[tokenizer.end_id] * (longest - len(ids)) for ids in prompts]
    ids_BT = torch.tensor([[*pad, *ids] for pad, ids in zip(fill, prompts, strict=True)])
    seen_BT = torch.tensor(
        [[*[0] * len(pad), *[1] * len(ids)] for pad, ids in zip(fill, prompts, strict=True)]
    )
    with torch.inference_mode():
        out_BT = model.generate(  # type: ignore[operator]
            ids_BT.to(model.device),
            attention_mask=seen_BT.to(model.device),
            generation_config=_settings(tokenizer, sampling),
            logits_processor=_processors(tokenizer, sampling, seeds),
            stopping_criteria=StoppingCriteriaList([_StopWords(tokenizer, sampling.stop, longest)]),
        )
    return [_until_end(row[longest:].tolist(), tokenizer.end_id) for row in out_BT.cpu()]


def _settings(tokenizer: Tokenizer, sampling: Sampling) -> GenerationConfig:
    """Return settings of our own: those that come with a model would change what was asked for."""
    return GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=sampling.max_tokens,
        do_sample=False,  # the draw is among the processors
        num_beams=1,
        repetition_penalty=1.0,
        eos_token_id=tokenizer.end_id,
        pad_token_id=tokenizer.end_id,
    )


def _processors(
    tokenizer: Tokenizer, sampling: Sampling, seeds: Sequence[int]
) -> LogitsProcessorList:
    steps: list[Any] = [_OwnPieces(tokenizer.vocab_size)]
    if sampling.temperature > 0:
        steps.append(TemperatureLogitsWarper(float(sampling.temperature)))
        if sampling.top_k is not None:
            steps.append(TopKLogitsWarper(sampling.top_k))
        if sampling.top_p is not None:
            steps.append(TopPLogitsWarper(float(sampling.top_p)))
        steps.append(_Draw(seeds))
    return LogitsProcessorList(steps)


class _OwnPieces(LogitsProcessor):
    """Leave out rows of the head that no piece has: many models round their number up."""

    def __init__(self, vocab_size: int) -> None:
        self.vocab_size = vocab_size

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # noqa: ARG002
        scores = scores.float()
        scores[:, self.vocab_size :] = -torch.inf
        return scores


class _Draw(LogitsProcessor):
    """Add Gumbel noise, each text's from its own seed, on the CPU whatever the device."""

    def __init__(self, seeds: Sequence[int]) -> None:
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # noqa: ARG002
        size = scores.shape[1]
        noise = [torch.empty(size).exponential_(generator=draw) for draw in self.generators]
        return scores - torch.stack(noise).log().to(scores.device)


class _StopWords(StoppingCriteria):
    """Say of each text whether a stop word has been written."""

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str], start: int) -> None:
        self.tokenizer = tokenizer
        self.stop = stop
        self.start = start

    def __call__(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:  # noqa: ARG002
        found = [False] * len(input_ids)
        if self.stop:
            texts = [self.tokenizer.decode(row[self.start :].tolist()) for row in input_ids]
            found = [any(word in text for word in self.stop) for text in texts]
        return torch.tensor(found, device=input_ids.device)


def _until_end(ids: list[int], end_id: int) -> list[int]:
    return ids[: ids.index(end_id)] if end_id in ids else ids


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _words(stop: object) -> tuple[str, ...]:
    """Return stop words as they are kept; one may be given by itself."""
    given = [stop] if isinstance(stop, str) else stop
    if not isinstance(given, Iterable) or not all(isinstance(one, str) for one in given):
        raise _wrong("stop", stop, "Words or signs that end the text were expected.", ("\n",))
    return tuple(given)


def _wrong(name: str, value: object, expected: str, usual: object) -> ModelError:
    return ModelError(f"{name} is {value!r}.", expected, f"{name}={usual!r}")
