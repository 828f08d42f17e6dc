"""Right answers of the lessons on labels: what a model says, what a reader says, what it costs."""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist
from typing import Any

from kbnotebooks._answers import Exercise, clean_films
from kbnotebooks._words import later

WOMEN = r"\b(?:hon|henne\w*|kvinn\w+|flick\w+)\b"
"""The list of words that is the model of the lesson on counts."""
DRAWN, WITHIN, CONFIDENCE = 600, 0.05, 0.95
TEXTS, PER_SECOND, WORKERS, USUAL = 2_000_000, 40, 16, 1_000


@cache
def spoken_of() -> Any:
    """Return the lines that the lesson on counts is about."""
    return clean_films().filter(years=(1920, 1959))


def _share_of_the_thirties() -> float:
    lines = spoken_of().filter(years=(1930, 1939)).table["text"]
    return float(100 * lines.str.contains(WOMEN, case=False).mean())


def _labels_without_a_model() -> float:
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    return float((0.5 * z / WITHIN) ** 2)


def _lines_that_one_stands_for() -> float:
    from kblib.evaluation.texts import sample_texts

    rows = sample_texts(spoken_of(), DRAWN).table
    return float(1 / rows["chance"][rows["period"] == 1950].iloc[0])


def _shards_of_speech() -> int:
    lines = clean_films().filter(medium="speech", years=(1930, 1959))
    return math.ceil(len(lines) / USUAL)


OVERNIGHT = {
    "overnight-1": Exercise(
        lambda: TEXTS / PER_SECOND / 3600 / WORKERS,
        later("texts over texts a second are seconds; an hour has 3600, and workers share them."),
        later("{right} hours: before queues, and before anybody else wants the nodes."),
        within=0.01,
    ),
    "overnight-2": Exercise(
        lambda: TEXTS / PER_SECOND / 3600,
        later("the same, but nobody shares: hours of a worker add up."),
        later("{right} hours of a worker, however many share them: speed is free, work is not."),
        within=0.01,
    ),
    "overnight-3": Exercise(
        _shards_of_speech,
        later("kb.BatchPredict('kb-mini-masked', speech, rows=1000).n_shards."),
        later("{right} files: few enough for any disk, and each is done in a minute or so."),
    ),
}

PUBLISH = {
    "publish-1": Exercise(
        _share_of_the_thirties,
        later("said[decade == 1930].mean(), times a hundred."),
        later("{right} per cent: a number of the model, and not yet one of the thirties."),
        within=0.01,
    ),
    "publish-2": Exercise(
        _labels_without_a_model,
        later("the standard error of a share p is the root of p (1 - p) / n; 1.96 of them fit in."),
        later("{right}: whatever the size of the corpus, which is why samples are worth while."),
        within=0.01,
    ),
    "publish-3": Exercise(
        _lines_that_one_stands_for,
        later("1 / chance, in a row of sample.table whose period is 1950."),
        later("{right} lines: that is its weight, and the reason why nobody may choose it."),
        within=0.01,
    ),
}
