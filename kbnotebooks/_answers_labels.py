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
DRAWN, WITHIN, CONFIDENCE = 1_200, 0.05, 0.95
TEXTS, PER_SECOND, WORKERS, USUAL = 2_000_000, 40, 16, 1_000
WINDOWS, RANK, SIDE = 1_000, 8, 4_096
LABELS, MINUTES, CHANCE = 512, 0.75, 0.04
SUBJECTS = {
    "royalty": ["kung*", "drottning*", "prins*"],
    "sport": ["match*", "tävl*", "lag*"],
    "war": ["krig*", "soldat*", "försvar*"],
    "work": ["arbet*", "fabrik*", "varv*"],
    "culture": ["teater*", "konst*", "musik*"],
    "nature": ["djur*", "skog*", "fågl*"],
    "society": ["skol*", "barn*", "mode*"],
}
"""Words of the lesson on labels without teaching."""


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


@cache
def _windows() -> Any:
    from kblib.tasks.asked import example_labels

    return example_labels("sentences", texts=WINDOWS).split(test=0.3, seed=1)


@cache
def _topics() -> Any:
    from kblib.tasks.asked import example_labels

    found = example_labels("topics")
    return found.take([label for label in found.labels if label != "other"])


def _share_with_a_word() -> float:
    from kblib.zeroshot.classifier import zero_shot

    found = zero_shot(_topics(), SUBJECTS, method="keywords").table["label"]
    return float(100 * found.notna().mean())


FINETUNE = {
    "finetune-1": Exercise(
        lambda: RANK * (SIDE + SIDE),
        later("rank times rows, and rank times columns."),
        later("{right} numbers: they are all that is trained beside that matrix."),
    ),
    "finetune-2": Exercise(
        lambda: 100 * RANK * (SIDE + SIDE) / SIDE**2,
        later("those numbers over 4096 times 4096, times a hundred."),
        later("{right} per cent: so little is kept for a task, and so little is moved."),
        within=0.01,
    ),
    "finetune-3": Exercise(
        lambda: int(_windows().test.table["film"].nunique()),
        later("parts.test.table has a column 'film'; nunique() counts different ones."),
        later("{right} films: so many independent texts there are, however many windows."),
    ),
}

ZERO_SHOT = {
    "zero-1": Exercise(
        lambda: len(_topics()),
        later("len(known)."),
        later("{right} passages: a difference of a few points between methods is not to be seen."),
    ),
    "zero-2": Exercise(
        lambda: float(100 * _topics().counts["share"].max()),
        later("known.counts has a column 'share'; its largest, times a hundred."),
        later("{right} per cent without reading a word: every score begins there, not at zero."),
        within=0.01,
    ),
    "zero-3": Exercise(
        _share_with_a_word,
        later("counted.table['label'] is empty where no word was found; notna().mean()."),
        later("{right} per cent: of the others the list of words says nothing at all."),
        within=0.01,
    ),
}

PRICE = {
    "price-1": Exercise(
        lambda: LABELS * MINUTES / 60,
        later("labels times minutes, over sixty."),
        later("{right} hours of somebody who can read; the machine's minutes hardly count."),
        within=0.01,
    ),
    "price-2": Exercise(
        lambda: (0.70 - 0.62) / math.log2(256 / 64),
        later("from 64 to 256 the labels are doubled twice."),
        later("{right} a doubling: as much again would take 512 labels."),
        within=0.01,
    ),
    "price-3": Exercise(
        lambda: 1 / CHANCE,
        later("one over the chance."),
        later("{right} texts: what was drawn in spite of a small chance speaks for many."),
    ),
}


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
