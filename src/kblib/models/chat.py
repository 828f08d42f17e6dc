"""Talking to a model that was taught to answer, in the form it was taught in.

The form is the tokenizer's own chat template. A model without one was never taught to answer: what
it would say to a question is a continuation of the question, so it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kblib.errors import ModelError

if TYPE_CHECKING:
    from kblib.models.causal import CausalLM

ROLES = ("system", "user", "assistant")
Message = dict[str, str]


def chat_prompt(model: CausalLM, messages: str | Sequence[Message], system: str | None) -> str:
    """Return messages as the model's chat template writes them, ready to be answered.

    Raises
    ------
    ModelError
        If the model has no template, the template refuses the messages, or they are empty or out
        of form.
    """
    asked = [{"role": "user", "content": messages}] if isinstance(messages, str) else list(messages)
    _check(asked)
    if system is not None:
        asked = [{"role": "system", "content": system}, *asked]
    tokenizer = _with_template(model)
    try:
        prompt = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    except Exception as error:  # noqa: BLE001 - templates raise errors of their own
        raise ModelError(
            f"The chat template of '{model.name}' refuses these messages: {error}.",
            "Many templates want user and assistant in turn, and some know no system message.",
        ) from None
    return str(prompt)


def _check(messages: Sequence[object]) -> None:
    example = 'model.chat("Vad visar filmen?", seed=1)'
    if not messages:
        raise ModelError("There are no messages.", "At least one was expected.", example)
    for number, message in enumerate(messages, start=1):
        told = message if isinstance(message, Mapping) else {}
        content = told.get("content")
        if told.get("role") not in ROLES or not isinstance(content, str) or not content.strip():
            raise ModelError(
                f"Message {number} is {message!r}.",
                f"A role ({', '.join(ROLES)}) and a content that is not empty were expected.",
                example,
            )


def _with_template(model: CausalLM) -> Any:
    """Return transformers' tokenizer of a model that has a chat template."""
    from transformers import AutoTokenizer

    if model.folder is not None:
        tokenizer: Any = AutoTokenizer.from_pretrained(
            model.folder, trust_remote_code=False, local_files_only=True
        )
        if tokenizer.chat_template:
            return tokenizer
    raise ModelError(
        f"The tokenizer of '{model.name}' has no chat template: it was not taught to answer.",
        "A model trained for conversation was expected; such names often end in Instruct or Chat.",
        f'To let {model.name} go on with a text: model.generate("Filmen visar", seed=1)',
    )
