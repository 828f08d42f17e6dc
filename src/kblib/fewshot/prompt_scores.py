"""How likely a language model finds each answer after a prompt, and what it would say to nothing.

Some answers are likely after any text, and longer ones are less likely than short ones. So the same
prompt is asked with texts that say nothing, and what it gives there is taken off (Zhao et al. 2021,
Calibrate before use, arXiv 2102.09690). What is left is what the text itself adds.

Letters on arrays: N texts, C answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from kblib.errors import ModelError
from kblib.fewshot.logistic_head import Floats
from kblib.files import read_json
from kblib.models.catalog import CONFIG, find_model
from kblib.models.causal import CausalLM
from kblib.models.masked import MaskedLM
from kblib.models.masked_candidates import MaskedCandidates
from kblib.models.prompting import Example, answer_ids, prompt_of
from kblib.models.reading import begin_id
from kblib.models.remembered import Remembered

SAYS_NOTHING = ("", "…")
_MASKED, _CAUSAL = ("ForMaskedLM", "ForPreTraining"), ("ForCausalLM", "LMHeadModel")


def opened_model(model: Any) -> CausalLM | MaskedLM:
    """Open a causal or masked model by name or folder; one that is open stays as it is.

    Raises
    ------
    ModelError
        If it is neither.
    """
    if isinstance(model, CausalLM | MaskedLM):
        return model
    folder = find_model(model) if isinstance(model, str | Path) else None
    names = read_json(folder / CONFIG).get("architectures") or [""] if folder else [repr(model)]
    if names[0].endswith(_MASKED):
        return MaskedLM.open(model)
    if names[0].endswith(_CAUSAL):
        return CausalLM.open(model)
    raise ModelError(
        f"The model '{folder.name if folder else model}' is a {names[0] or 'layout of no name'}.",
        "A language model was expected: one that goes on with a text, or fills a blank.",
        'kb.PromptedClassifier.of_examples(labels, "kb-mini-causal")',
    )


def n_tokens(model: CausalLM | MaskedLM, examples: Sequence[Example], layout: str) -> int:
    """Return how many tokens a prompt of some examples and an empty text takes, without answer."""
    return len(model.tokenizer.encode(prompt_of(examples, "", layout))) + 1


def longest_answer(model: CausalLM | MaskedLM, answers: Sequence[str]) -> int:
    """Return how many tokens the longest answer takes."""
    if isinstance(model, CausalLM):
        return max(len(answer_ids(model, one)) for one in answers)
    return max(len(model.tokenizer.encode(one, special=False)) for one in answers)


def nats_of(
    model: CausalLM | MaskedLM,
    examples: Sequence[Example],
    texts: Sequence[str],
    answers: Sequence[str],
    layout: str,
) -> Floats:
    """Return the logarithm of the probability of each answer after each text, shape (N, C)."""
    prompts = [prompt_of(examples, text, layout) for text in texts]
    if isinstance(model, CausalLM):
        return _causal(model, prompts, answers)
    return _masked(model, prompts, answers)


def _causal(model: CausalLM, prompts: Sequence[str], answers: Sequence[str]) -> Floats:
    """Read what all prompts begin with, the examples, once."""
    begin, said = begin_id(model.tokenizer), [answer_ids(model, one) for one in answers]
    asked = [[begin, *ids] for ids in model.tokenizer.encode_batch(list(prompts), special=False)]
    alike = takewhile(lambda each: len(set(each)) == 1, zip(*asked, strict=False))
    n_shared = min(sum(1 for _ in alike), min(map(len, asked)) - 1)
    begun = Remembered.of(model, asked[0][:n_shared])
    rows = [[*ids[n_shared:], *answer] for ids in asked for answer in said]
    found_R = np.empty(len(rows))
    for chosen, logs_BTV in begun.after([row[:-1] for row in rows]):
        for i, logs_TV in zip(chosen, logs_BTV, strict=True):
            answer = said[i % len(said)]
            places = np.arange(len(rows[i]) - len(answer), len(rows[i])) - 1
            found_R[i] = logs_TV[places, answer].sum(dtype=np.float64)
    return found_R.reshape(len(prompts), len(answers))


def _masked(model: MaskedLM, prompts: Sequence[str], answers: Sequence[str]) -> Floats:
    asked = MaskedCandidates(model, answers, {1: 1.0})
    found_NC = np.stack([asked.scores(f"{prompt} ", ".")[1] for prompt in prompts])
    if np.isinf(found_NC).any():
        unspelt = answers[int(np.isinf(found_NC).any(axis=0).argmax())]
        raise ModelError(
            f"The model '{model.name}' cannot spell the answer '{unspelt}'.",
            "Each label needs a word that the model knows.",
            f"words={{'{unspelt}': '...'}}",
        )
    return found_NC
