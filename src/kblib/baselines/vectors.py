"""The baseline of a frozen encoder: a logistic head on vectors that nobody has finetuned.

Of pairs of texts, the head sees both vectors, how far they are apart and what they share, as in
Conneau et al. (2017), Supervised learning of universal sentence representations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kblib.fewshot.classifier import TextVectors
from kblib.fewshot.logistic_head import LogisticHead
from kblib.fewshot.predicted import table_of
from kblib.labels import Labels


def frozen_vectors(
    train: Labels, test: Labels, groups: Sequence[Any], seed: int, encoder: TextVectors
) -> pl.DataFrame:
    """Fit a head on the vectors of the train part, and predict the test part."""
    known_ND, asked_ND = (_vectors(encoder, labels) for labels in (train, test))
    answers = train.rows["label"].to_list()
    head = LogisticHead.fit(known_ND, answers, names=train.labels, groups=groups, seed=seed)
    rows = test.rows
    shares_NC = head.shares(asked_ND)
    return table_of(rows["id"].to_list(), rows["text"].to_list(), head.labels, shares_NC)


def _vectors(encoder: TextVectors, labels: Labels) -> NDArray[Any]:
    one_ND = encoder.encode(labels.rows["text"].to_list())
    if labels.kind != "pairs":
        return one_ND
    other_ND = encoder.encode(labels.rows["text_pair"].to_list())
    parts = [one_ND, other_ND, np.abs(one_ND - other_ND), one_ND * other_ND]
    return np.concatenate(parts, axis=1)
