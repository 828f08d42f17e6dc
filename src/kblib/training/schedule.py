"""The learning rate as a function of the step: straight up, then straight down."""

from __future__ import annotations

from kblib.training.config import TrainingConfig


def learning_rate(config: TrainingConfig, step: int) -> float:
    """Return the learning rate of step `step` (0 is the first).

    It rises linearly over `warmup_steps` to the top, then falls linearly to `final_learning_rate`
    times the top at the end (the schedule of Devlin et al. 2019, BERT).
    """
    warmup = min(config.warmup_steps, config.steps)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    left = (config.steps - step) / max(1, config.steps - warmup)
    share = config.final_learning_rate + (1 - config.final_learning_rate) * left
    return config.learning_rate * share
