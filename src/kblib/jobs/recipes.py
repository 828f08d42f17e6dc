"""Pretrainings by name: each returns the job that its source describes, ready to be planned.

A recipe takes the corpus, and any argument of `Pretrain` that shall be otherwise::

    job = neox_20b_continue(corpus, tokens=2e9, replay=old, replay_share=0.1)

What a recipe does not take from its source it says. All lengths are of one pass; `kb.plan` says
what they cost, and what of it a corpus can feed.
"""

from __future__ import annotations

import difflib
import inspect
from typing import Any

from kblib.corpora import Corpus
from kblib.errors import JobError
from kblib.jobs.quantities import LENGTHS
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape

NEOX_20B = ModelShape(44, 64, 6144, "gpt_neox", vocab_size=50_432, seq_len=2048)
OPEN_LLAMA_7B = ModelShape(32, 32, 4096, "llama", vocab_size=32_000, seq_len=2048, n_inner=11_008)
OPEN_LLAMA_3B = ModelShape(26, 32, 3200, "llama", vocab_size=32_000, seq_len=2048, n_inner=8_640)
BERT_BASE = ModelShape(12, 12, 768, "bert", vocab_size=50_325)
BERT_LARGE = ModelShape(24, 16, 1024, "bert", vocab_size=50_325)
MODERNBERT_BASE = ModelShape(22, 12, 768, "modernbert", vocab_size=50_368, seq_len=8192)
MINI_MASKED = ModelShape(4, 4, 256, vocab_size=8192, seq_len=128)
MINI_CAUSAL = ModelShape(4, 4, 256, "gpt_neox", vocab_size=8192, seq_len=128, tied=True)

_LONG_TEXT = {"seq_len": 2048, "eval_every": 500, "save_every": 500}
_SHARED_OUT = {"engine": "deepspeed", "zero_stage": 3, "activation_checkpointing": True}
"""A rank keeps a part of everything, as those need whose weights alone fill a GPU."""
_CONTINUED = {
    "schedule": "cosine",
    "final_learning_rate": 0.1,
    "weight_decay": 0.1,
    "beta2": 0.95,
    "dtype": "bf16",
}
"""Re-warming to the parent's own top and re-decaying to a tenth of it.

Ibrahim et al. (2024), Simple and scalable strategies to continually pre-train large language
models; add `replay=` of the old language, of which they find 5 % enough for a near shift.
"""


def _job(corpus: Corpus, recipe: dict[str, Any], changes: dict[str, Any]) -> Pretrain:
    """Return the job of a recipe; another length takes the place of its own, and of its warm-up."""
    for name in changes:
        _check_name(name)
    if any(changes.get(name) is not None for name in LENGTHS):
        left_out = (*LENGTHS, "warmup_steps")  # of the usual length; another has the usual one
        recipe = {name: value for name, value in recipe.items() if name not in left_out}
    return Pretrain(corpus, **recipe | changes)


def _check_name(name: str) -> None:
    """Refuse what no training takes.

    Raises
    ------
    JobError
        With the nearest name that one takes.
    """
    known = [one for one in inspect.signature(Pretrain).parameters if one != "corpus"]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        raise JobError(
            f"A recipe got '{name}', which no training takes.",
            f"There are: {', '.join(known)}.",
            f"Did you mean {near[0]}=...?" if near else "help(kb.Pretrain) says what each is.",
        )


def neox_20b_continue(corpus: Corpus, **changes: Any) -> Pretrain:
    """Continue GPT-NeoX-20B: 20.55 billion parameters, one pass, ZeRO stage 3.

    References
    ----------
    Black et al. (2022), GPT-NeoX-20B, arXiv 2204.06745, and gpt-neox ``configs/20B.yml``: batch,
    rates, betas. Ibrahim et al. (2024): re-warming. bf16 instead of its fp16, which needs no scale.
    """
    recipe = {
        "continue_from": "EleutherAI/gpt-neox-20b",
        "shape": NEOX_20B,
        "epochs": 1,
        "batch_size": 1536,  # 1,538 there, which 96 ranks do not divide
        "grad_accum_steps": 4,
        "learning_rate": 0.97e-4,
        "name": "neox-20b-continued",
        **_LONG_TEXT,
        **_SHARED_OUT,
        **_CONTINUED,
        "weight_decay": 0.01,
    }
    return _job(corpus, recipe, changes)


def neox_20b_from_scratch(corpus: Corpus, **changes: Any) -> Pretrain:
    """Train GPT-NeoX-20B from nothing: 150,000 steps, 472 billion tokens.

    References
    ----------
    Black et al. (2022), GPT-NeoX-20B, arXiv 2204.06745, and gpt-neox ``configs/20B.yml``.
    """
    recipe = {
        "shape": NEOX_20B,
        "steps": 150_000,
        "warmup_steps": 1_500,  # 1 % of all
        "batch_size": 1536,
        "grad_accum_steps": 4,
        "learning_rate": 0.97e-4,
        "name": "neox-20b",
        **_LONG_TEXT,
        **_SHARED_OUT,
        **_CONTINUED,
        "weight_decay": 0.01,
    }
    return _job(corpus, recipe, changes)


def open_llama_7b_continue(corpus: Corpus, **changes: Any) -> Pretrain:
    """Continue OpenLLaMA 7B: 6.74 billion parameters, one pass, ZeRO stage 3.

    References
    ----------
    Geng and Liu (2023), OpenLLaMA, which follows Touvron et al. (2023), LLaMA, table 2 and §2.3:
    4 million tokens a batch, 3e-4, betas 0.9 and 0.95, decay 0.1, cosine to a tenth.
    Ibrahim et al. (2024): re-warming.
    """
    recipe = {
        "continue_from": "openlm-research/open_llama_7b",
        "shape": OPEN_LLAMA_7B,
        "epochs": 1,
        "batch_size": 1920,  # of 2,048 tokens, which 96 ranks divide
        "grad_accum_steps": 4,
        "learning_rate": 3e-4,
        "name": "open-llama-7b-continued",
        **_LONG_TEXT,
        **_SHARED_OUT,
        **_CONTINUED,
    }
    return _job(corpus, recipe, changes)


def open_llama_3b_continue(corpus: Corpus, **changes: Any) -> Pretrain:
    """Continue OpenLLaMA 3B: 3.43 billion parameters, one pass, ZeRO stage 2.

    References
    ----------
    As `open_llama_7b_continue`; the sizes are those of the model's own ``config.json``.
    """
    recipe = {
        "continue_from": "openlm-research/open_llama_3b",
        "shape": OPEN_LLAMA_3B,
        "epochs": 1,
        "batch_size": 1920,
        "grad_accum_steps": 4,
        "learning_rate": 3e-4,
        "name": "open-llama-3b-continued",
        **_LONG_TEXT,
        **_SHARED_OUT,
        "zero_stage": 2,
        **_CONTINUED,
    }
    return _job(corpus, recipe, changes)


def bert_base(corpus: Corpus, **changes: Any) -> Pretrain:
    """Train a BERT of the base size from nothing, with whole-word masking.

    References
    ----------
    Devlin et al. (2019), BERT: sizes, 15 % asked for, batch of 256 x 512, 1e-4, 10,000 steps of
    warm-up, 1,000,000 steps, dropout 0.1. Malmsten, Börjeson and Haffenden (2020), arXiv
    2007.01658: the Swedish vocabulary of 50,325 and whole words.
    """
    return _job(corpus, {"shape": BERT_BASE, "name": "bert-base", **_BERT}, changes)


def bert_large(corpus: Corpus, **changes: Any) -> Pretrain:
    """Train a BERT of the large size from nothing, with whole-word masking.

    References
    ----------
    As `bert_base`.
    """
    recipe = {"shape": BERT_LARGE, "name": "bert-large", **_BERT}
    return _job(corpus, recipe | {"engine": "deepspeed", "zero_stage": 1}, changes)


_BERT = {
    "steps": 1_000_000,
    "warmup_steps": 10_000,
    "seq_len": 512,
    "batch_size": 256,
    "learning_rate": 1e-4,
    "weight_decay": 0.01,
    "beta2": 0.999,
    "dropout": 0.1,
    "mask_rate": 0.15,
    "whole_words": True,
    "eval_every": 5_000,
    "save_every": 5_000,
}


def modernbert_base(corpus: Corpus, **changes: Any) -> Pretrain:
    """Train a ModernBERT of the base size from nothing, on inputs of 1,024 tokens.

    Its second part, on inputs of 8,192, is another job: ``continue_from=`` this one's model,
    ``seq_len=8192``. Its optimiser, StableAdamW, is AdamW here, and its schedule (warm-up, stable,
    decay) a linear one.

    References
    ----------
    Warner et al. (2024), Smarter, better, faster, longer, arXiv 2412.13663, table 3: 1.7 trillion
    tokens, 30 % asked for, 8e-4, batches of 4,608 blocks, decay 1e-5, betas 0.9 and 0.98.
    """
    recipe = {
        "shape": MODERNBERT_BASE,
        "tokens": 1.719e12,
        "seq_len": 1024,
        "batch_size": 4608,
        "grad_accum_steps": 4,
        "learning_rate": 8e-4,
        "weight_decay": 1e-5,
        "mask_rate": 0.3,
        "engine": "deepspeed",
        "zero_stage": 1,
        "dtype": "bf16",
        "eval_every": 2_000,
        "save_every": 2_000,
        "name": "modernbert-base",
    }
    return _job(corpus, recipe, changes)


def mini_masked(corpus: Corpus, **changes: Any) -> Pretrain:
    """Train a small masked model on one machine: the ModernBERT layout, 4 x 256.

    References
    ----------
    This project's own ``kb-mini-masked``: ``models/kb-mini-masked/README.md`` says how good it is.
    """
    recipe = {
        "shape": MINI_MASKED,
        "epochs": 6,
        "learning_rate": 1.5e-3,
        "warmup_steps": 200,
        "mask_rate": 0.25,
        "eval_every": 250,
        "save_every": 250,
        "name": "mini-masked",
    }
    return _job(corpus, recipe, changes)


def mini_causal(corpus: Corpus, **changes: Any) -> Pretrain:
    """Train a small causal model on one machine: the GPT-NeoX layout, 4 x 256, its head tied.

    Dropout and decay keep four readings of a small corpus from becoming learning by heart.

    References
    ----------
    This project's own ``kb-mini-causal``: ``models/kb-mini-causal/README.md`` says how good it is.
    """
    recipe = {
        "shape": MINI_CAUSAL,
        "epochs": 4,
        "seq_len": 128,  # it shall write as far as it reads
        "batch_size": 16,
        "learning_rate": 2e-3,
        "warmup_steps": 200,
        "weight_decay": 0.1,
        "dropout": 0.1,
        "eval_every": 250,
        "save_every": 250,
        "name": "mini-causal",
    }
    return _job(corpus, recipe, changes)
