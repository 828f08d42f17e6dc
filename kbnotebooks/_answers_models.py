"""Right answers of the lessons on attention, generation and the ladder."""

from __future__ import annotations

from functools import cache
from typing import Any

from kbnotebooks._answers import Exercise, clean_films, masked_model
from kbnotebooks._words import later

GPT = "kb-mini-causal"
PLAYERS = "Kungen och [MASK] hälsade på spelarna."
INVENTION = "Den uppfinningen har funnits här sedan urminnes [MASK]."
ARRIVAL = "Kungen och drottningen kom till Stockholm."
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


@cache
def _gpt() -> Any:
    from kblib.models.causal import CausalLM

    return CausalLM.open(GPT)


def _texts_without_chance() -> int:
    seeds = range(5)
    return len({_gpt().generate("Här ser vi", seed=one, temperature=0.0).text for one in seeds})


@cache
def _ladder() -> Any:
    from kblib.ladder.ladder import Ladder

    return Ladder.build(clean_films())


def _trigram_on(sentence: str, word: str) -> Any:
    answers = _ladder().ask(sentence, answer=word).answers
    return next(rung.truth for rung in answers if rung.name == "trigram, left")


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

GENERATION = {
    "gpt-1": Exercise(
        lambda: str(_gpt().next_words("Statsminister Per Albin", k=1).table["word"][0]),
        later("model.next_words('Statsminister Per Albin', k=1).table."),
        later("'{right}': ask the n-gram model of lesson 4 too; a name needs no network."),
    ),
    "gpt-2": Exercise(
        _texts_without_chance,
        later("with temperature=0 the most probable piece is taken each time."),
        later("{right}: where nothing is drawn, the seed decides nothing."),
    ),
    "gpt-3": Exercise(
        lambda: float(_gpt().surprisal(ARRIVAL).bits),
        later("model.surprisal('Kungen och drottningen kom till Stockholm.').bits."),
        later("{right} bits: read from the left, word by word, each with all before it."),
        within=0.01,
    ),
}

LADDER = {
    "ladder-1": Exercise(
        lambda: len(_ladder().decades),
        later("ladder.decades lists them; ladder.left_out says why the others are not there."),
        later("{right}: the others have too little speech for a model of their own."),
    ),
    "ladder-2": Exercise(
        lambda: int(_trigram_on(PLAYERS, "drottningen").rank),
        later("ladder.ask(sentence, answer='drottningen').answers: each has a truth with a rank."),
        later("{right}: it has seen two words, and for these two they are enough."),
    ),
    "ladder-3": Exercise(
        lambda: float(_trigram_on(INVENTION, "tider").bits),
        later("the same, for 'tider': truth.bits."),
        later("{right} bits; on this axis the GPT that reads from the left may stand beside it."),
        within=0.01,
    ),
}
