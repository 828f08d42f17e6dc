"""Asking a causal model by showing: a few examples, then the text in question.

The model has learnt to go on with a text, nothing else. Examples make the answer the likeliest way
to go on (Brown et al. 2020). Small models follow the form and guess the rest; how often they are
right is for `kblib.evaluation` to say, not for one answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from kblib.errors import ModelError
from kblib.models.given import check_text
from kblib.models.reading import begin_id, continuation_nats
from kblib.models.sampling import Sampling

if TYPE_CHECKING:
    import pandas as pd

    from kblib.models.causal import CausalLM

Example = tuple[str, str]
LAYOUT = "Text: {text}\nSvar: {answer}"
BETWEEN = "\n\n"
EXAMPLE = (
    'model.few_shot([("Laget vann.", "sport"), ("Kungen talade.", "hov")], "Båten kom.", '
    'answers=["sport", "hov"])'
)


@dataclass(frozen=True)
class FewShot:
    """The answer to a text after a few examples.

    Parameters
    ----------
    text
        The text in question.
    answer
        The likeliest of the answers given, or what the model wrote.
    prompt
        All the model was shown.
    answers
        The answers that were given to choose from; empty if the model wrote its own.
    bits
        What the model needs for each of them after the prompt, the end of its line included: a
        longer answer needs more.
    provenance
        Model, weights, number of examples.
    """

    text: str
    answer: str
    prompt: str
    answers: tuple[str, ...] = ()
    bits: tuple[float, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def probabilities(self) -> tuple[float, ...]:
        """Of each answer, given that it is one of these."""
        least = min(self.bits, default=0.0)
        weights = [2.0 ** (least - bits) for bits in self.bits]
        return tuple(weight / math.fsum(weights) for weight in weights)

    @property
    def table(self) -> pd.DataFrame:
        """One row an answer, likeliest first: answer, probability (among these), bits."""
        import pandas as pd

        rows = list(zip(self.answers, self.probabilities, self.bits, strict=True))
        table = pd.DataFrame(rows, columns=["answer", "probability", "bits"])
        return table.sort_values("bits", kind="stable", ignore_index=True)

    def __str__(self) -> str:
        return f"{self.text}\n  {self.answer}"


def few_shot(
    model: CausalLM,
    examples: Sequence[Example],
    text: str,
    answers: Sequence[str] | None,
    layout: str,
    sampling: Sampling,
    seed: int,
) -> FewShot:
    """Carry out `CausalLM.few_shot`."""
    _check_layout(layout)
    _check_texts(examples, text, answers)
    prompt = prompt_of(examples, text, layout)
    about = {**model.provenance, "n_examples": len(examples), "layout": layout}
    if answers is None:
        _check_room(model, examples, text, layout, sampling.max_tokens)
        written = model.generate_with(prompt, sampling, seed=seed)
        about |= written.provenance
        return FewShot(text, written.continuation.strip(), prompt, provenance=about)
    longest = max(len(answer_ids(model, answer)) for answer in answers)
    _check_room(model, examples, text, layout, longest)
    bits = tuple(_bits(model, prompt, answers))
    best = answers[int(np.argmin(bits))]
    return FewShot(text, best, prompt, tuple(answers), bits, about)


def prompt_of(examples: Sequence[Example], text: str, layout: str) -> str:
    """Return all that a model is shown: examples, then the text in question without its answer."""
    shown = [layout.format(text=one, answer=answer) for one, answer in examples]
    question = layout.split("{answer}", maxsplit=1)[0].format(text=text).rstrip(" ")
    return BETWEEN.join([*shown, question])


def _bits(model: CausalLM, prompt: str, answers: Sequence[str]) -> list[float]:
    known = [begin_id(model.tokenizer), *model.tokenizer.encode(prompt, special=False)]
    rows = [answer_ids(model, answer) for answer in answers]
    nats = continuation_nats(model.model, known, rows)
    return [float(row.sum()) / math.log(2) for row in nats]


def answer_ids(model: CausalLM, answer: str) -> list[int]:
    """Return the tokens of an answer after a colon, to the end of its line."""
    lead = model.tokenizer.encode(":", special=False)
    return model.tokenizer.encode(f": {answer.strip()}\n", special=False)[len(lead) :]


def _check_layout(layout: str) -> None:
    try:
        said = layout.format(text="\0", answer="\1")
    except (KeyError, IndexError, ValueError):
        said = ""
    if "\0" not in said or not said.endswith("\1"):
        raise ModelError(
            f"The layout is {layout!r}.",
            "A text with {text}, and {answer} at its end, was expected.",
            f"layout={LAYOUT!r}",
        )


def _check_texts(examples: Sequence[Example], text: str, answers: Sequence[str] | None) -> None:
    check_text(text)
    if not text.strip():
        raise ModelError("The text is empty.", "A text to be answered was expected.", EXAMPLE)
    if not examples:
        raise ModelError("There are no examples.", "At least one was expected.", EXAMPLE)
    for number, example in enumerate(examples, start=1):
        if not _is_example(example):
            raise ModelError(
                f"Example {number} is {example!r}.",
                "A text and its answer were expected.",
                EXAMPLE,
            )
    if answers is not None:
        different = set() if isinstance(answers, str) else {str(one).strip() for one in answers}
        if len(different) < max(2, len(answers)) or "" in different:
            raise ModelError(
                f"The answers to choose from are {answers!r}.",
                "At least two different ones were expected.",
                EXAMPLE,
            )


def _is_example(given: object) -> bool:
    """Say whether something is a text with its answer, neither of them empty."""
    if isinstance(given, str) or not isinstance(given, Sequence):
        return False
    return len(given) == 2 and all(isinstance(one, str) and one.strip() for one in given)


def _check_room(
    model: CausalLM, examples: Sequence[Example], text: str, layout: str, more: int
) -> None:
    """Refuse what is longer than the model reads, and say how many examples would fit."""

    def n_tokens(n: int) -> int:
        prompt = prompt_of(examples[len(examples) - n :], text, layout)
        return 1 + len(model.tokenizer.encode(prompt, special=False)) + more

    total = n_tokens(len(examples))
    if total <= model.seq_len:
        return
    fitting = [n for n in range(1, len(examples)) if n_tokens(n) <= model.seq_len]
    raise ModelError(
        f"Examples, text and answer have {total} tokens.",
        f"'{model.name}' reads at most {model.seq_len} at once.",
        f"Show fewer: examples[-{fitting[-1]}:]" if fitting else "Shorter texts are needed.",
    )
