"""Layouts of models, by the names that transformers gives them: how they read, and what they label.

Nothing here imports torch: a job is refused for its model's layout before it is sent anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from kblib.errors import ModelError

OfWhat = Literal["texts", "words"]
CAUSAL = (
    "gpt_neox", "gpt_neo", "gpt2", "gptj", "gpt_bigcode", "bloom", "opt", "falcon", "mpt",
    "llama", "mistral", "mixtral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe",
    "gemma", "gemma2", "gemma3_text", "olmo", "olmo2", "olmo3", "phi", "phi3",
    "smollm3", "stablelm",
)  # fmt: skip
"""Layouts that read from left to right: only the last piece has seen all before it."""
BOTH_WAYS = (
    "modernbert", "bert", "megatron-bert", "roberta", "roberta-prelayernorm", "xlm-roberta",
    "xlm-roberta-xl", "camembert", "electra", "distilbert", "albert", "mpnet", "ernie",
    "deberta", "deberta-v2", "roformer",
)  # fmt: skip
"""Layouts of which each piece has seen the whole text."""
WITHOUT_WORDS = ("gptj", "opt", "gemma3_text", "olmo", "olmo2", "olmo3")
"""Layouts that transformers has a head for labels of texts for, and none for labels of words."""
_SHIFTED = ("roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "mpnet")
"""Layouts that count places from behind the padding piece, and so read fewer than they say."""
_PLACES = ("max_position_embeddings", "n_positions")
"""What configurations call the number of places."""


def is_causal(model_type: str) -> bool:
    """Say whether models of a layout read from left to right only."""
    return model_type in CAUSAL


def most_tokens(config: Any) -> int:
    """Return how many tokens a model reads at once, at most.

    Parameters
    ----------
    config
        Of transformers, or what ``config.json`` holds.

    Raises
    ------
    ModelError
        If its configuration does not say.
    """
    said: Mapping[str, Any] = config if isinstance(config, Mapping) else _Attributes(config)
    places = next((said[name] for name in _PLACES if isinstance(said.get(name), int)), None)
    if places is None:
        raise ModelError(
            f"The configuration of this {said.get('model_type')} model has no "
            "max_position_embeddings.",
            "It says how long a text may be.",
            "Add it to config.json, as the model's makers tell it.",
        )
    if said["model_type"] in _SHIFTED:
        return int(places) - int(said["pad_token_id"]) - 1
    return int(places)


class _Attributes(dict[str, Any]):
    """The attributes of a configuration that are asked for, by name."""

    def __init__(self, config: Any) -> None:
        names = (*_PLACES, "model_type", "pad_token_id")
        super().__init__({name: getattr(config, name, None) for name in names})


def check_layout(name: str, config: Mapping[str, Any], *, of: OfWhat) -> None:
    """Check that a model can be given a head for labels, by its layout.

    Parameters
    ----------
    name
        Of the model, to be named.
    config
        What its ``config.json`` holds.
    of
        What is to be labelled.

    Raises
    ------
    ModelError
        If it is of another kind, such as one that reads a text and writes another, or has no such
        head.
    """
    layout = config.get("model_type")
    if layout not in (*CAUSAL, *BOTH_WAYS):
        raise ModelError(
            f"'{name}' has the layout {layout!r}, which cannot be finetuned here.",
            f"Masked and causal models were expected: {', '.join((*BOTH_WAYS, *CAUSAL))}.",
            'kb.Finetune(labels, model="KB/bert-base-swedish-cased")',
        )
    if of == "words" and layout in WITHOUT_WORDS:
        raise ModelError(
            f"'{name}' has the layout '{layout}', for which transformers has no head that labels "
            "words.",
            "Labels of whole texts, or a model that reads both ways, were expected.",
            'kb.Finetune(labels, model="KB/bert-base-swedish-cased")',
        )
