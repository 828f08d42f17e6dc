"""How fast a GPU trains a model that nobody has measured there: one rate a card, two constants.

Narrow models and small micro-batches leave a GPU waiting. With d the width of the model and m the
tokens of a micro-batch on one GPU, a card whose rate has no end at R computes

    R / (1 + 800 / d) / (1 + 1300 / m)

hardware TFLOP/s. R is set by one row of a published table, the one that is named as its
calibration; the two constants were fitted once, over the three tables of llm-foundry together.
``python -m kblib plan --check`` prints what comes of it for each published row.
"""

from __future__ import annotations

from kblib.planner.flops import RECOMPUTED, TERA
from kblib.planner.published import RateTable, Row, Size, table_of

HALF_WIDTH = 800.0
"""The width at which a GPU reaches half of its rate."""
HALF_TOKENS = 1300.0
"""The tokens of a micro-batch at which it does."""
USUAL_TOKENS = 8192
"""Of a micro-batch where none is published: 4 blocks of 2,048."""


def share_of_rate(
    n_embd: float,
    micro_tokens: float,
    half_width: float = HALF_WIDTH,
    half_tokens: float = HALF_TOKENS,
) -> float:
    """Return the share of a card's endless rate that a model reaches."""
    return 1 / ((1 + half_width / n_embd) * (1 + half_tokens / (micro_tokens or USUAL_TOKENS)))


def endless_rate(table: RateTable) -> float:
    """Return a card's hardware TFLOP/s for a model without end, by the calibration row."""
    row = table.calibration
    return row.tflops / share_of_rate(row.size.n_embd, row.micro_tokens)


def predicted(table: RateTable, row: Row) -> float:
    """Return the hardware TFLOP/s that are foretold for a row of a table."""
    return endless_rate(table) * share_of_rate(row.size.n_embd, row.micro_tokens)


def model_tflops(card: str, size: Size, micro_tokens: float, *, recompute: bool) -> float:
    """Return the model TFLOP/s of one GPU in a short run, attention counted.

    Raises
    ------
    PlanError
        If nothing was published for the card.
    """
    hardware = endless_rate(table_of(card)) * share_of_rate(size.n_embd, micro_tokens)
    return hardware / RECOMPUTED if recompute else hardware


def tokens_per_s(
    card: str, size: Size, *, seq_len: int, micro_tokens: float, recompute: bool
) -> float:
    """Return the tokens a second of one GPU in a short run."""
    rate = model_tflops(card, size, micro_tokens, recompute=recompute)
    return rate * TERA / size.flops_per_token(seq_len)
