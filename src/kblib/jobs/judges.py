"""Classifiers by words on their way to workers: plain data, and which model.

Nothing here imports torch, nor what makes such a classifier before a worker asks for one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from kblib.errors import JobError

if TYPE_CHECKING:
    from kblib.zeroshot.classifier import ZeroShotClassifier

TASK = "zero-shot"


def is_judge(model: Any) -> bool:
    """Tell whether something is a classifier by words."""
    return type(model).__name__ == "ZeroShotClassifier"


def judge_arguments(judge: Any) -> dict[str, Any]:
    """Return what a worker has to be told of a judge, as plain data.

    Raises
    ------
    JobError
        If its model lies in no folder where workers find it.
    """
    folder, opened = judge.folder, judge.method.opened
    if folder is None and opened is not None and not is_packaged(judge):
        raise JobError(
            f"The model '{judge.model}' of the judge lies in no folder.",
            "Workers open the model by themselves: a saved one was expected, or its name.",
            'kb.ZeroShotClassifier("models/mine", labels)',
        )
    return {
        "model": "" if folder is None else str(folder.resolve()),  # a package is staged by nobody
        "weights": "" if folder is not None else packaged_weights(judge),
        "task": TASK,
        "judge": {**judge.to_dict(), "name": judge.model},
    }


def is_packaged(judge: Any) -> bool:
    """Tell whether a judge's model is a package, which each machine has for itself."""
    return judge.method.name == "sentences" and judge.folder is None


def packaged_weights(judge: Any) -> str:
    """Return the SHA-256 of the weights of a model that is a package; empty where there is none."""
    return str(judge.method.provenance.get("weights", ""))


def open_judge(model: str, judge: Mapping[str, Any]) -> ZeroShotClassifier:
    """Make a judge of plain data, as `judge_arguments` gave it."""
    from kblib.zeroshot.classifier import ZeroShotClassifier

    return ZeroShotClassifier.from_dict(model or str(judge["name"]), judge)


def answers_of(judge: ZeroShotClassifier, texts: list[str]) -> pl.DataFrame:
    """Return the answers to texts, a row each, in order, and by which method."""
    rows = judge.predict(texts).rows.drop("id", "text")
    return rows.with_columns(pl.lit(judge.method.name).alias("method"))


def as_json(judge: Mapping[str, Any]) -> str:
    """Return plain data as JSON: equal content, equal text."""
    return json.dumps(judge, sort_keys=True, ensure_ascii=False)
