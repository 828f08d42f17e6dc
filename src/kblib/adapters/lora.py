"""LoRA through peft: which matrices of a layout get a low-rank addition.

References
----------
Hu et al. (2022), LoRA: Low-rank adaptation of large language models. Dettmers et al. (2023), QLoRA:
Efficient finetuning of quantized LLMs.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from kblib.errors import MissingPartError, ModelError
from kblib.models.quiet_bitsandbytes import quiet_bitsandbytes


def with_lora(
    model: PreTrainedModel, *, rank: int, alpha: float, seed: int, heads: Sequence[str] = ()
) -> Any:
    """Put an untrained adapter beside a model's matrices and freeze everything else.

    All matrices of attention, feed-forward part and head get an addition (Dettmers et al. 2023, 4),
    whatever the layout calls them; not the one that gives the words, for it is often tied to the
    embeddings, which would change with it. Of mixtures of experts (mixtral, qwen2_moe, qwen3_moe)
    the experts get none: transformers 5 keeps them as one tensor and not as linear layers.

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
        If the model has no matrices, or the rank is below 1.
    """
    import torch

    peft = require_peft()
    if rank < 1:
        raise ModelError(f"rank is {rank}.", "At least 1 was expected.", "rank=8")
    places = _matrices(model, heads)
    if not places:
        raise ModelError(
            f"A {model.config.model_type} model has no matrices to put an addition beside.",
            "Linear layers were expected in its body.",
            'method="full"',
        )
    config = peft.LoraConfig(
        r=rank,
        lora_alpha=alpha,
        target_modules=sorted({name.rsplit(".", 1)[-1] for name in places}),
        modules_to_save=list(heads) or None,
        exclude_modules=_inside(model, heads) or None,
        fan_in_fan_out=any(isinstance(one, Conv1D) for one in places.values()),
    )
    with torch.random.fork_rng(devices=[]), quiet_peft():
        torch.manual_seed(seed)
        return peft.get_peft_model(model, config)


def _matrices(model: PreTrainedModel, heads: Sequence[str]) -> dict[str, nn.Module]:
    """Return all matrices, by name, but those of parts that are new and that which gives words."""
    words: Any = cast(Any, model).get_output_embeddings()
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D)
        and module is not words
        and not set(name.split(".")) & set(heads)
    }


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
    quiet_bitsandbytes()
    try:
        import peft
    except ImportError:
        raise MissingPartError(
            "Adapters need peft, which is not installed here.",
            "It comes with the extra 'train'.",
            "python -m pip install 'peft>=0.21'",
        ) from None
    return peft
