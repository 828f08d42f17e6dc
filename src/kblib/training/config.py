"""What a training loop is told: numbers only, no paths and no models."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingConfig:
    """The numbers of one training.

    Parameters
    ----------
    steps
        Optimiser steps in all.
    seq_len
        Tokens a block.
    batch_size
        Blocks a step over all ranks (the global batch).
    grad_accum_steps
        Into how many pieces each rank cuts its share of a batch.
    learning_rate
        At the top, after the warm-up.
    warmup_steps
        Steps from zero to the top.
    schedule, final_learning_rate
        How the rate falls after the warm-up, ``linear`` or ``cosine``, and the share of the top
        that is left at the last step.
    beta2
        AdamW's second beta. The usual one is RoBERTa's (Liu et al. 2019): steadier than 0.999 with
        few masked words a batch.
    weight_decay
        Decoupled decay of the weight matrices; biases and norms are spared.
    clip_norm
        Largest gradient norm; larger ones are scaled down.
    mask_rate
        Share of a block's tokens that a masked model must guess.
    random_rate, keep_rate
        Shares of these that show a random token, or the true one, instead of the mask.
    seed
        All randomness is a function of this, the step and the rank.
    eval_every, save_every
        Steps between evaluations on held-out text, and between checkpoints.
    keep_checkpoints
        How many of the newest checkpoints stay.
    whole_words
        Whether all pieces of a word are masked, or none.
    isolate_documents
        Whether a document sees nothing of its neighbours in a block.
    """

    steps: int
    seq_len: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    eval_every: int
    save_every: int
    grad_accum_steps: int = 1
    final_learning_rate: float = 0.0
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    mask_rate: float = 0.25
    random_rate: float = 0.0
    keep_rate: float = 0.0
    seed: int = 1
    keep_checkpoints: int = 2
    isolate_documents: bool = False
    schedule: str = "linear"
    beta2: float = 0.98
    whole_words: bool = False
