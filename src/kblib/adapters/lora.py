"""LoRA through peft: which matrices of a layout get a low-rank addition.

References
----------
Hu et al. (2022), LoRA: Low-rank adaptation of large language models.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from transformers import PreTrainedModel

from kblib.errors import MissingPartError, ModelError

# All matrices of attention, feed-forward part and head, by the names transformers gives them; not
# the decoder, for it is tied to the embeddings, which would change with it.
TARGETS = {
    "modernbert": ("Wqkv", "Wo", "Wi", "dense"),
    "bert": ("query", "key", "value", "dense"),
    "megatron-bert": ("query", "key", "value", "dense"),
    "roberta": ("query", "key", "value", "dense"),
    "xlm-roberta": ("query", "key", "value", "dense"),
    "electra": ("query", "key", "value", "dense"),
    "gpt_neox": ("query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"),
    "llama": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
}


def with_lora(
    model: PreTrainedModel, *, rank: int, alpha: float, seed: int, heads: Sequence[str] = ()
) -> Any:
    """Put an untrained adapter beside a model's matrices and freeze everything else.

    Parameters
    ----------
    rank
        Of each addition.
    alpha
        What is added is multiplied by ``alpha / rank``.
    seed
        Of its first weights; the generator of the caller is left as it was.
    heads
        Parts that are new, by name: they are trained as they are and saved with the adapter.

    Returns
    -------
    peft.PeftModel
        The model, changed in place, in peft's wrapping. It answers as before: what is added starts
        at zero.

    Raises
    ------
    ModelError
        If the layout is not known, or the rank below 1.
    """
    import torch

    peft = require_peft()
    kind = str(model.config.model_type)
    if kind not in TARGETS:
        raise ModelError(
            f"No adapter is known for the layout '{kind}'.", f"Known are: {', '.join(TARGETS)}."
        )
    if rank < 1:
        raise ModelError(f"rank is {rank}.", "At least 1 was expected.", "rank=8")
    config = peft.LoraConfig(
        r=rank,
        lora_alpha=alpha,
        target_modules=list(TARGETS[kind]),
        modules_to_save=list(heads) or None,
        exclude_modules=_inside(model, heads) or None,
    )
    with torch.random.fork_rng(devices=[]), quiet_peft():
        torch.manual_seed(seed)
        return peft.get_peft_model(model, config)


def _inside(model: PreTrainedModel, heads: Sequence[str]) -> list[str]:
    """Return the matrices of parts that are trained whole: an addition to them would be lost."""
    names = [name for name, module in model.named_modules() if not list(module.children())]
    return sorted(name for name in names if set(name.split(".")) & set(heads))


@contextmanager
def quiet_peft() -> Iterator[None]:
    """Keep off the page that peft asks transformers for something by its old name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*deprecated")
        yield


def require_peft() -> Any:
    """Return the module peft.

    Raises
    ------
    MissingPartError
        If it is not installed, with the command that brings it.
    """
    # It looks for kernels of other packages when it is imported, and warns that there are none.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    try:
        import peft
    except ImportError:
        raise MissingPartError(
            "Adapters need peft, which is not installed here.",
            "It comes with the extra 'train'.",
            "python -m pip install 'peft>=0.21'",
        ) from None
    return peft
