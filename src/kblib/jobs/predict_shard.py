"""What a worker does with a shard of texts: ask the model, which it opens once.

Torch is imported with the model: to submit a job nobody needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import polars as pl

from kblib.errors import IntegrityError
from kblib.files import MANIFEST, check_folder
from kblib.jobs.predict import possible_tasks, weights_of

PLACES = ("date", "year", "title", "source", "film", "reel", "page", "box", "start_s", "end_s")
"""Columns of a corpus that say where a text stands; those it has stand in the result as well."""
Answers = Callable[[list[str]], pl.DataFrame]


def predict(
    shard: pl.DataFrame, *, model: str, weights: str, task: str, k: int = 5
) -> pl.DataFrame:
    """Ask a model about the texts of a shard.

    Equal texts are asked about once.

    Parameters
    ----------
    shard
        Documents.
    model
        Its folder.
    weights
        The SHA-256 it had at submit.

    Returns
    -------
    polars.DataFrame
        One row a document, in order: id, where it stands, the answer, how it was read, a note where
        there is something to say, model, weights.

    Raises
    ------
    IntegrityError
        If the model has other weights than at submit.
    """
    texts = shard["text"].fill_null("").to_list()
    different = list(dict.fromkeys(texts))
    answered = opened(model, weights, task, k)(different)
    rows = {text: number for number, text in enumerate(different)}
    answers = answered[[rows[text] for text in texts]]
    about = shard.select("id", *(name for name in PLACES if name in shard.columns))
    said = [pl.lit(Path(model).name).alias("model"), pl.lit(weights).alias("weights")]
    return pl.concat([about, answers], how="horizontal").with_columns(said)


@lru_cache(maxsize=1)
def opened(model: str, weights: str, task: str, k: int) -> Answers:
    """Open a model, and return what answers about texts.

    Raises
    ------
    IntegrityError
        If it has other weights than `weights`.
    """
    folder = Path(model)
    if (folder / MANIFEST).is_file():
        check_folder(folder, contents=True)
    if (found := weights_of(folder)) != weights:
        raise IntegrityError(
            f"The model in {folder} has the weights {found[:12]}.",
            f"The job was submitted for {weights[:12]}: they were changed since.",
            "Submit the job again with the model as it is now.",
        )
    return _answers(folder, task, k)


def _answers(folder: Path, task: str, k: int) -> Answers:
    from kblib.models import batch_masked, batch_texts

    if task == "fill":
        return partial(batch_masked.fill_all, _masked(folder), k=k)
    if task == "surprisal":
        return partial(batch_masked.surprisal_all, _masked(folder))
    if task == "bits":
        return partial(batch_texts.bits_all, _causal(folder))
    if task == "labels":
        return partial(batch_texts.labels_all, _classifier(folder))
    openers = {"fill": _masked, "bits": _causal, "labels": _classifier}
    opener = openers.get(possible_tasks(folder)[0], _encoder)
    return partial(batch_texts.vectors_all, opener(folder))


def _masked(folder: Path) -> Any:
    from kblib.models.masked import MaskedLM

    return MaskedLM.open(folder)


def _causal(folder: Path) -> Any:
    from kblib.models.causal import CausalLM

    return CausalLM.open(folder)


def _classifier(folder: Path) -> Any:
    from kblib.models.classifier import SequenceClassifier

    return SequenceClassifier.open(folder)


def _encoder(folder: Path) -> Any:
    from kblib.models.encoder import Encoder

    return Encoder.open(folder)
