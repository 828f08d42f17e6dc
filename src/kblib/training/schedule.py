"""The learning rate as a function of the step: straight up, then down, straight or as a cosine."""

from __future__ import annotations

import math

from kblib.training.config import TrainingConfig


def learning_rate(config: TrainingConfig, step: int) -> float:
    """Return the learning rate of step `step` (0 is the first).

    It rises linearly over `warmup_steps` to the top, then falls to `final_learning_rate` times the
    top at the end: linearly (Devlin et al. 2019, BERT) or as half a cosine (Brown et al. 2020,
    GPT-3). A model that goes on rises and falls once more: re-warming and re-decaying (Ibrahim et
    al. 2024, Simple and scalable strategies to continually pre-train large language models).
    """
    warmup = min(config.warmup_steps, config.steps)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    left = (config.steps - step) / max(1, config.steps - warmup)
    if config.schedule == "cosine":
        left = (1 - math.cos(math.pi * left)) / 2
    share = config.final_learning_rate + (1 - config.final_learning_rate) * left
    return config.learning_rate * share
