"""What a worker does with a shard of texts: ask the model, which it opens once.

Torch is imported with the model: to submit a job nobody needs it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl

from kblib.errors import IntegrityError, ModelError
from kblib.files import MANIFEST, check_folder
from kblib.finetuning.about import is_finetuned
from kblib.jobs.judges import answers_of, as_json, open_judge, packaged_weights
from kblib.jobs.predict import is_few_shot, possible_tasks, weights_of
from kblib.models.catalog import find_model
from kblib.models.origin import name_of_origin

TEXTS = ("text", "text_pair")
"""Columns of a corpus that are not repeated in the result: it would be as large as the corpus."""
COMPARED = 16  # texts of a shard
LEAST_COSINE = 0.99
Answers = Callable[[list[Any]], pl.DataFrame]
Alike = Callable[[list[Any]], float]


def predict(
    shard: pl.DataFrame,
    *,
    model: str,
    weights: str,
    task: str,
    k: int = 5,
    precision: str = "fp32",
    judge: Mapping[str, Any] | None = None,
    beside: str | None = None,
) -> pl.DataFrame:
    """Ask a model about the texts of a shard.

    Equal texts are asked about once.

    Parameters
    ----------
    shard
        Documents.
    model
        Its folder, or its name where a site finds it by that; empty for a judge whose model is a
        package, or who has none.
    weights
        The SHA-256 it had at submit.
    judge
        A classifier by words, as plain data: `kblib.jobs.judges`.
    beside
        Where the base of an adapter lies, or the frozen encoder of a classifier from a few labels;
        or the name of a package.

    Returns
    -------
    polars.DataFrame
        One row a document, in order: id; all that the corpus says of where it stands (film, page,
        box, time code ...), under ``corpus_NAME`` where the answer has a column of that name; the
        answer, how it was read, a note where there is something to say; model, weights, precision,
        and where that is not fp32 the least cosine of the vectors of some texts to those in fp32.

    Raises
    ------
    IntegrityError
        If the model has other weights than at submit.
    ModelError
        If the device has no units for the precision, or its answers are too far from those in fp32.
    """
    if judge is not None:
        asked, name = opened_judge(model, weights, as_json(judge)), str(judge["name"])
    else:
        asked = opened(model, weights, task, k, precision, beside)
        name = name_of_origin(model)
    texts: list[Any] = shard["text"].fill_null("").to_list()
    if asked.pairs:
        texts = list(zip(texts, shard["text_pair"].fill_null("").to_list(), strict=True))
    different = list(dict.fromkeys(texts))
    answered = asked.answers(different)
    rows = {text: number for number, text in enumerate(different)}
    answers = answered[[rows[text] for text in texts]]
    said: dict[str, Any] = {"model": name, "weights": weights, "precision": precision}
    if asked.alike is not None:
        said["cosine_to_fp32"] = _checked_cosine(
            asked.alike(different[:COMPARED]), model, precision
        )
    about = _about(shard, {*answers.columns, *said})
    told = [pl.lit(value).alias(name) for name, value in said.items()]
    return pl.concat([about, answers], how="horizontal").with_columns(told)


def _about(shard: pl.DataFrame, taken: Collection[str]) -> pl.DataFrame:
    """Return what a corpus says of documents besides their texts."""
    names = [name for name in shard.columns if name not in TEXTS]
    renamed = {name: f"corpus_{name}" for name in names if name in taken}
    about = shard.select(names).rename(renamed)
    return about.with_columns(pl.col(pl.Null).cast(pl.String))  # a result has types


def _checked_cosine(cosine: float, model: str, precision: str) -> float:
    if cosine < LEAST_COSINE:
        raise ModelError(
            f"In {precision} the model '{Path(model).name}' gives other vectors: their cosine to "
            f"those in fp32 goes down to {cosine:.3f}.",
            f"{LEAST_COSINE} at least was expected, of {COMPARED} texts of each shard.",
            'kb.BatchPredict(model, corpus, precision="fp32")',
        )
    return cosine


@dataclass(frozen=True)
class Opened:
    """A model that is open.

    Attributes
    ----------
    answers
        Gives a row a text.
    alike
        Gives the least cosine of texts' vectors to those in fp32; None where it computes in fp32.
    pairs
        Whether it answers about pairs of texts.
    """

    answers: Answers
    alike: Alike | None = None
    pairs: bool = False


@lru_cache(maxsize=1)
def opened(
    model: str, weights: str, task: str, k: int, precision: str = "fp32", beside: str | None = None
) -> Opened:
    """Open a model, and return what answers about texts.

    Raises
    ------
    IntegrityError
        If it has other weights than `weights`.
    ModelError
        If the device has no units for the precision.
    """
    folder = find_model(model)
    _check_weights(model, _checked_weights(folder), weights)
    reader = opener_of(folder, task, beside)(folder)
    if precision == "fp32":
        if hasattr(reader, "model"):
            _make_ready(reader, "fp32")
        return Opened(_answers(reader, task, k), pairs=_reads_pairs(reader, task))
    exact = opener_of(folder, task, beside)(folder)
    _make_ready(reader, precision)
    alike = partial(_least_cosine, reader, exact)
    return Opened(_answers(reader, task, k), alike, pairs=_reads_pairs(reader, task))


def _reads_pairs(reader: Any, task: str) -> bool:
    return task != "vectors" and getattr(reader, "reads_pairs", False)


@lru_cache(maxsize=1)
def opened_judge(model: str, weights: str, judge: str) -> Opened:
    """Open a classifier by words, which is told as JSON, and return what answers about texts.

    Raises
    ------
    IntegrityError
        If its model has other weights than `weights`, or is not what its manifest says.
    """
    made = open_judge(model, json.loads(judge))
    found = packaged_weights(made) if made.folder is None else _checked_weights(made.folder)
    _check_weights(model or made.model, found, weights)
    return Opened(partial(answers_of, made))


def _checked_weights(folder: Path) -> str:
    """Return the SHA-256 of a model's weights; what its manifest says of them was looked at."""
    if (folder / MANIFEST).is_file():
        check_folder(folder, contents=True)
    return weights_of(folder)


def _check_weights(model: str, found: str, weights: str) -> None:
    if found != weights:
        raise IntegrityError(
            f"The model in {model} has the weights {found[:12]}.",
            f"The job was submitted for {weights[:12]}: they were changed since.",
            "Submit the job again with the model as it is now.",
        )


def _make_ready(reader: Any, precision: str) -> None:
    from kblib.models.linears import make_ready

    reader.model = make_ready(reader.model, precision)


def _least_cosine(reader: Any, exact: Any, texts: list[Any]) -> float:
    """Return the least cosine of the vectors of texts to exact ones; 1 where there are none."""
    from kblib.models.batch_texts import vectors_all

    texts = [text if isinstance(text, str) else text[0] for text in texts]
    pair = [vectors_all(one, texts)["vector"].drop_nulls().to_list() for one in (reader, exact)]
    if not pair[0]:
        return 1.0
    near_ND, exact_ND = (np.array(rows, dtype=np.float64) for rows in pair)
    lengths_N = np.linalg.norm(near_ND, axis=1) * np.linalg.norm(exact_ND, axis=1)
    return float(((near_ND * exact_ND).sum(1) / lengths_N).min())


def opener_of(folder: Path, task: str, beside: str | None = None) -> Callable[[Path], Any]:
    """Return what opens a model for a task, with what it stands beside."""
    if is_finetuned(folder):
        return partial(_finetuned, base=beside)
    if is_few_shot(folder):
        return partial(_few_shot, encoder=beside)
    kind = possible_tasks(folder)[0] if task == "vectors" else task
    openers = {"fill": _masked, "surprisal": _masked, "bits": _causal, "labels": _classifier}
    openers["words"] = _word_labeller
    return openers.get(kind, _encoder)


def _answers(reader: Any, task: str, k: int) -> Answers:
    from kblib.models import batch_masked, batch_texts

    if task == "fill":
        return partial(batch_masked.fill_all, reader, k=k)
    if task != "vectors" and hasattr(reader, "answers_to"):
        return cast(Answers, reader.answers_to)
    asked: dict[str, Any] = {
        "surprisal": batch_masked.surprisal_all,
        "bits": batch_texts.bits_all,
        "labels": batch_texts.labels_all,
        "vectors": batch_texts.vectors_all,
    }
    return partial(asked[task], reader)


def _masked(folder: Path) -> Any:
    from kblib.models.masked import MaskedLM

    return MaskedLM.open(folder)


def _causal(folder: Path) -> Any:
    from kblib.models.causal import CausalLM

    return CausalLM.open(folder)


def _classifier(folder: Path) -> Any:
    from kblib.models.classifier import SequenceClassifier

    return SequenceClassifier.open(folder)


def _finetuned(folder: Path, base: str | None) -> Any:
    from kblib.finetuning.model import FinetunedModel

    return FinetunedModel.open(folder, base=base)


def _few_shot(folder: Path, encoder: str | None) -> Any:
    from kblib.fewshot.classifier import FewShotClassifier

    return FewShotClassifier.open(folder, encoder=encoder)


def _word_labeller(folder: Path) -> Any:
    from kblib.finetuning.word_labellers import open_word_labeller

    return open_word_labeller(folder)


def _encoder(folder: Path) -> Any:
    from kblib.models.encoder import Encoder

    return Encoder.open(folder)
