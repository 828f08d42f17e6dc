"""How good answers are, as single numbers: what decides which weights are kept.

Intervals, and scores by group, are made by `kblib.evaluation`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kblib.finetuning.material import Task
from kblib.finetuning.spans import OUTSIDE, span_counts

Ints = npt.NDArray[np.int64]


def label_points(so: Sequence[str], said: Sequence[str | None]) -> dict[str, float]:
    """Return accuracy and macro F1 of labels; a label is counted that is so or was said."""
    right: Counter[str] = Counter(a for a, b in zip(so, said, strict=True) if a == b)
    there, found = Counter(so), Counter(one for one in said if one is not None)
    names = sorted({*there, *found})
    f1 = [2 * right[name] / (there[name] + found[name]) for name in names]
    return {"accuracy": sum(right.values()) / len(so), "macro_f1": float(np.mean(f1))}


def span_points(
    so: Sequence[Sequence[str]], said: Sequence[Sequence[str | None]]
) -> dict[str, float]:
    """Return precision, recall and F1 of whole spans, all kinds together."""
    there: Counter[str] = Counter()
    found: Counter[str] = Counter()
    same: Counter[str] = Counter()
    for row, answer in zip(so, said, strict=True):
        for total, part in zip((there, found, same), span_counts(row, answer), strict=True):
            total.update(part)
    n_there, n_found, n_same = (sum(one.values()) for one in (there, found, same))
    return {
        "span_precision": n_same / n_found if n_found else 0.0,
        "span_recall": n_same / n_there if n_there else 0.0,
        "span_f1": 2 * n_same / (n_there + n_found) if n_there + n_found else 0.0,
    }


def scale_points(so: Sequence[float], said: Sequence[float]) -> dict[str, float]:
    """Return Pearson's and Spearman's correlation, and the mean absolute error.

    A correlation with what never changes is 0.
    """
    a, b = np.asarray(so, dtype=np.float64), np.asarray(said, dtype=np.float64)
    return {
        "pearson": _correlation(a, b),
        "spearman": _correlation(_ranks(a), _ranks(b)),
        "mean_absolute_error": float(np.abs(a - b).mean()),
    }


def points(task: Task, so: Sequence[Any], said: Sequence[Any]) -> dict[str, float]:
    """Return the scores of a task; ``score`` is the one that decides.

    Parameters
    ----------
    so, said
        Of texts or pairs a label or number each; of words a list of labels a text.
    """
    if task.is_scale:
        found = scale_points(so, said)
        return {"score": found["spearman"], **found}
    if task.kind != "words":
        found = label_points(so, said)
        return {"score": found["macro_f1"], **found}
    words = label_points([w for row in so for w in row], [w for row in said for w in row])
    if not task.has_spans:
        return {"score": words["macro_f1"], **words}
    spans = span_points(so, [[word or OUTSIDE for word in row] for row in said])
    return {"score": spans["span_f1"], **spans, **words}


def _correlation(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    a, b = a - a.mean(), b - b.mean()
    below = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / below if below > 0 else 0.0


def _ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return ranks from 0, equal values with the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means: npt.NDArray[np.float64] = ends - (counts + 1) / 2
    return means[place]
