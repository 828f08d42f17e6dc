"""Build models of a shape with transformers' own classes, so that any tool can load them.

Letters on tensors: B blocks, T tokens a block, K asked positions a block, D width, V vocabulary.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedModel,
)

from kblib.errors import ModelError
from kblib.models.shape import ModelShape

_ATTENTION = "sdpa"


def build_masked(
    shape: ModelShape, *, dropout: float = 0.0, seed: int, special: dict[str, int] | None = None
) -> PreTrainedModel:
    """Build a masked model with random weights.

    Parameters
    ----------
    dropout
        Share of numbers dropped while training, in embeddings, attention and feed-forward alike.
    seed
        Equal seeds give equal weights. The generator of the caller is left as it was.
    special
        Ids of ``pad``, ``cls``, ``sep``; by default 0, 2, 3, as this project's WordPiece tokenizers
        number them.

    Raises
    ------
    ModelError
        If the shape is a causal one, or the dropout no share.
    """
    _check_dropout(dropout)
    ids = {"pad": 0, "cls": 2, "sep": 3, **(special or {})}
    if shape.architecture == "modernbert":
        return _seeded(ModernBertForMaskedLM, _modernbert_config(shape, dropout, ids), seed)
    if shape.architecture == "bert":
        return _seeded(BertForMaskedLM, _bert_config(shape, dropout, ids), seed)
    raise ModelError(
        f"'{shape.architecture}' is a causal architecture.",
        "A masked one was expected: modernbert or bert.",
        f"build_causal({shape!r}, seed={seed})",
    )


def build_causal(
    shape: ModelShape, *, dropout: float = 0.0, seed: int, end_id: int = 0
) -> PreTrainedModel:
    """Build a causal model with random weights.

    Parameters
    ----------
    dropout
        Share of numbers dropped while training, in embeddings, attention and feed-forward alike;
        not in a ``llama``.
    seed
        Equal seeds give equal weights. The generator of the caller is left as it was.
    end_id
        Id that ends a text; 0 in this project's BPE tokenizers.

    Raises
    ------
    ModelError
        If the shape is a masked one, the dropout no share, or the layout has no place for it.
    """
    _check_dropout(dropout)
    common = dict(_sizes(shape), bos_token_id=end_id, eos_token_id=end_id, pad_token_id=end_id)
    common["tie_word_embeddings"] = shape.head_is_tied
    if shape.architecture == "gpt_neox":
        config = GPTNeoXConfig(**common, hidden_dropout=dropout, attention_dropout=dropout)
        return _seeded(GPTNeoXForCausalLM, config, seed)
    if shape.architecture == "gpt2":
        return _seeded(GPT2LMHeadModel, _gpt2_config(common, dropout), seed)
    if shape.architecture == "llama":
        if dropout:
            raise ModelError(
                f"dropout is {dropout} for a llama.",
                "This layout has no dropout in its embeddings and feed-forward parts.",
                f"build_causal({shape!r}, seed={seed})",
            )
        return _seeded(LlamaForCausalLM, LlamaConfig(**common), seed)
    raise ModelError(
        f"'{shape.architecture}' is a masked architecture.",
        "A causal one was expected: gpt_neox, llama or gpt2.",
        f"build_masked({shape!r}, seed={seed})",
    )


def build_model(shape: ModelShape, *, dropout: float = 0.0, seed: int) -> PreTrainedModel:
    """Build a model of either kind with random weights and this project's special ids."""
    if shape.objective == "masked":
        return build_masked(shape, dropout=dropout, seed=seed)
    return build_causal(shape, dropout=dropout, seed=seed)


def masked_logits(
    model: PreTrainedModel,
    input_ids_BT: Tensor,
    positions_BK: Tensor,
    attention_mask: Any = None,
    position_ids: Tensor | None = None,
) -> Tensor:
    """Return the vocabulary logits at the asked positions, shape (B, K, V).

    The body runs on every token, the head and the decoder on the asked positions only: on a small
    model the decoder is most of the work, and there is nothing to learn from the other positions.
    The numbers are those of the full forward.

    Raises
    ------
    ModelError
        If the model is no masked model of a known architecture.
    """
    states_BTD = masked_states(model, input_ids_BT, attention_mask, position_ids)
    index_BKD = positions_BK.unsqueeze(-1).expand(-1, -1, states_BTD.shape[-1])
    return apply_head(model, states_BTD.gather(1, index_BKD))


def masked_states(
    model: PreTrainedModel,
    input_ids_BT: Tensor,
    attention_mask: Any = None,
    position_ids: Tensor | None = None,
) -> Tensor:
    """Return the last hidden states of a masked model's body, shape (B, T, D).

    The mask is one of padding, shape (B, T), or what the model's own layers take.
    """
    states: Tensor = model.base_model(
        input_ids=input_ids_BT, attention_mask=attention_mask, position_ids=position_ids
    )[0]
    return states


def apply_head(model: PreTrainedModel, states: Tensor) -> Tensor:
    """Return the vocabulary logits of hidden states, shape (..., V)."""
    if isinstance(model, ModernBertForMaskedLM):
        logits: Tensor = cast(Any, model).decoder(cast(Any, model).head(states))
    elif hasattr(getattr(model, "cls", None), "predictions"):  # BERT and Megatron-BERT
        logits = cast(Any, model).cls(states)
    else:
        raise ModelError(
            f"{type(model).__name__} is no masked model this project knows.",
            "A ModernBERT, BERT or Megatron-BERT model was expected.",
        )
    return logits


def embedding_matrix(model: PreTrainedModel) -> nn.Parameter:
    """Return the input embeddings, shape (V, D); masked models share them with their decoder."""
    return cast(nn.Parameter, model.get_input_embeddings().weight)


def _check_dropout(dropout: float) -> None:
    if not 0.0 <= dropout < 1.0:
        raise ModelError(f"dropout is {dropout}.", "A share from 0 to below 1 was expected.")


def _sizes(shape: ModelShape) -> dict[str, Any]:
    return {
        "vocab_size": shape.vocab_size,
        "hidden_size": shape.n_embd,
        "intermediate_size": shape.inner,
        "num_hidden_layers": shape.n_layer,
        "num_attention_heads": shape.n_head,
        "max_position_embeddings": shape.seq_len,
        "attn_implementation": _ATTENTION,
    }


def _modernbert_config(shape: ModelShape, dropout: float, ids: dict[str, int]) -> ModernBertConfig:
    # Every third layer looks at the whole input, the others at 128 tokens: transformers' own
    # defaults.
    return ModernBertConfig(
        **_sizes(shape),
        embedding_dropout=dropout,
        attention_dropout=dropout,
        mlp_dropout=dropout,
        pad_token_id=ids["pad"],
        cls_token_id=ids["cls"],
        sep_token_id=ids["sep"],
        bos_token_id=ids["cls"],
        eos_token_id=ids["sep"],
    )


def _bert_config(shape: ModelShape, dropout: float, ids: dict[str, int]) -> BertConfig:
    return BertConfig(
        **_sizes(shape),
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        pad_token_id=ids["pad"],
        bos_token_id=ids["cls"],
        eos_token_id=ids["sep"],
    )


def _gpt2_config(common: dict[str, Any], dropout: float) -> GPT2Config:
    # GPT-2 says the inner width by a word of its own; the other sizes it takes by either.
    inner = common.pop("intermediate_size")
    return GPT2Config(
        **common, n_inner=inner, resid_pdrop=dropout, embd_pdrop=dropout, attn_pdrop=dropout
    )


def _seeded(model_class: type[PreTrainedModel], config: Any, seed: int) -> PreTrainedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return model_class(config)
