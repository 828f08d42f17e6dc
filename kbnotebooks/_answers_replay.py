"""Right answers of the lesson on continued pretraining."""

from __future__ import annotations

import math

from kbnotebooks._answers import Exercise, clean_films
from kbnotebooks._words import later

STEPS, BATCH, LENGTH, SHARE, RISE = 1000, 16, 64, 0.25, 0.15


def _replayed() -> int:
    from kblib.training.mixture import MixedOrder

    counts = MixedOrder([1, 1], [1 - SHARE, SHARE], BATCH, seed=1).counts(STEPS)
    return int(counts[1]) * LENGTH


def _speech_for_each_title() -> float:
    films = clean_films()
    return films.filter(medium="speech").n_words / films.filter(medium="intertitle").n_words


REPLAY = {
    "replay-1": Exercise(
        _replayed,
        later("steps times batch_size times seq_len, and a quarter of it."),
        later("{right} tokens of the old texts: they are not read of the new ones."),
    ),
    "replay-2": Exercise(
        lambda: math.exp(RISE),
        later("perplexity is the exponential of the loss: math.exp of the rise."),
        later("{right} times: as if the model had to choose among so many times as many words."),
        within=0.005,
    ),
    "replay-3": Exercise(
        _speech_for_each_title,
        later("speech.n_words / titles.n_words."),
        later("{right}: who comes with few texts has the more to lose of the old."),
        within=0.03,
    ),
}
