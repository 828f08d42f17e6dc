"""Right answers of the lessons on attention, generation and the ladder."""

from __future__ import annotations

from functools import cache
from typing import Any

from kbnotebooks._answers import Exercise, masked_model
from kbnotebooks._words import later

ROYAL = "Kungen och [MASK] lämnar sina anhöriga och går ner för trappan."
CITY = "På bilden ser vi en [MASK] i Stockholm."


def _weights() -> int:
    from kblib.models.attention import attention

    seen = attention(masked_model(), ROYAL)
    return int(seen.n_layer * seen.n_head * len(seen.units) ** 2)


@cache
def _control() -> Any:
    from kblib.models.explaining import attention_control

    return attention_control(masked_model(), CITY).table


def _most_looked_at() -> str:
    return str(_control()["word"][_control()["attention"].idxmax()])


def _bits_of_the_city() -> float:
    table = _control()
    return float(table["effect_bits"][table["word"] == "Stockholm"].iloc[0])


ATTENTION = {
    "attention-1": Exercise(
        _weights,
        later("seen.n_layer * seen.n_head * len(seen.units) ** 2."),
        later("{right} weights for one short sentence: somewhere among them is any story."),
    ),
    "attention-2": Exercise(
        _most_looked_at,
        later("kb.attention_control(model, sentence).table has a column 'attention'."),
        later("'{right}' gets most of it; whether the answer would miss it is another question."),
    ),
    "attention-3": Exercise(
        _bits_of_the_city,
        later("the row of 'Stockholm' in that table, column 'effect_bits'."),
        later("{right} bits: each bit is half the probability."),
        within=0.02,
    ),
}
