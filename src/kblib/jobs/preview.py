"""What a batch would take: measured on a few of its texts, before it starts."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from kblib import sites
from kblib.errors import JobError, told
from kblib.jobs.predict import BatchPredict
from kblib.jobs.predict_shard import predict

if TYPE_CHECKING:
    import pandas as pd

WORKERS = (1, 2, 4, 8, 16)
_USUAL = 4  # workers that are named beside one
_WARM = 2  # texts that are asked first: a model's first answer takes longer than the others
_HOUR_S = 3600.0
_MARGIN = 2.0  # of a limit over what was reckoned: nodes differ, and workers have to start


@dataclass(frozen=True)
class Preview:
    """What was measured on a few texts, and what it means for all.

    Attributes
    ----------
    n_texts, n_measured
        Of the whole corpus, and of the sample.
    n_shards
        Into so many the corpus is cut: more workers than that find no work.
    n_characters, n_characters_measured
        The same in characters, which is what the time is reckoned by: a sample may have long texts.
    seconds
        What the sample took here, the model being open already.
    device
        What it was measured on.
    answers
        The rows of the sample, as the result will have them.
    provenance
        Model, weights, task, precision, corpus, seed.
    """

    n_texts: int
    n_measured: int
    n_shards: int
    n_characters: int
    n_characters_measured: int
    seconds: float
    device: str
    answers: pl.DataFrame = field(repr=False, compare=False)
    provenance: dict[str, Any]

    @property
    def texts_per_s(self) -> float:
        """How many texts one worker such as this process answers about in a second."""
        return self.n_texts / (self.hours(1) * _HOUR_S)

    def hours(self, workers: int) -> float:
        """Return how long so many such workers would take, without their start.

        A worker has whole shards: of three shards two workers take as long as two shards do.

        Raises
        ------
        JobError
            If there is no worker.
        """
        asked: Any = workers
        if isinstance(asked, bool) or not isinstance(asked, int) or asked < 1:
            raise JobError(f"workers={asked!r}.", "At least 1 was expected.", "preview.hours(4)")
        ratio = self.n_characters / self.n_characters_measured
        longest = math.ceil(self.n_shards / workers) / self.n_shards
        return self.seconds * ratio / _HOUR_S * longest

    @property
    def gpu_hours(self) -> float:
        """What is counted against a budget: hours of a worker, whether it has a GPU or not."""
        return self.hours(1)

    @property
    def table(self) -> pd.DataFrame:
        """One row a number of workers: workers, hours, gpu_hours."""
        import pandas as pd

        rows = [(workers, self.hours(workers), self.gpu_hours) for workers in WORKERS]
        return pd.DataFrame(rows, columns=["workers", "hours", "gpu_hours"])

    def __str__(self) -> str:
        """Return what was measured, where, and what does not follow from it."""
        one = f"{_said(self.hours(1))} of one such worker"
        if self.n_shards < _USUAL:
            hours = f"{one}; shards, and so workers that find work: {self.n_shards}"
        else:
            hours = f"{one}, {_said(self.hours(_USUAL))} of {_USUAL}"
        measured = (
            f"{self.n_measured:,} of {self.n_texts:,} texts took {self.seconds:.1f} s on "
            f"{self.device}: {self.texts_per_s:,.1f} texts/s."
        )
        reckoned = (
            f"All of them: {hours}; {self.gpu_hours:.3g} GPU-hours (a worker without a GPU counts "
            "as one)."
        )
        beside = (
            "Measured here, not on the site it may be sent to; starting workers and opening the "
            "model come on top."
        )
        command = f"kb.submit(job, budget_gpu_hours={_MARGIN * self.gpu_hours:.2g})"
        limit = f"With a limit, at which it stops and keeps what is done: {command}"
        return "\n".join(map(told, (measured, *self._notes(), reckoned, beside, limit)))

    def _notes(self) -> list[str]:
        """Say that answers have notes: such as that there is none, since no blank was asked for."""
        if "note" not in self.answers.columns:
            return []
        notes = self.answers["note"].drop_nulls()
        if notes.is_empty():
            return []
        return [f"Answers with a note: {len(notes):,} of {self.n_measured:,}, as: {notes[0]}"]


def preview(job: BatchPredict, n_texts: object, *, seed: int) -> Preview:
    """Ask about a few texts of a job's corpus in this process, and say what all would take.

    Parameters
    ----------
    n_texts
        How many, drawn by `seed`; all of a smaller corpus.

    Raises
    ------
    JobError
        If none is to be asked about.
    """
    if isinstance(n_texts, bool) or not isinstance(n_texts, int) or n_texts < 1:
        raise JobError(
            f"n_texts={n_texts!r}.", "At least 1 text was expected.", "job.preview(n_texts=64)"
        )
    corpus = job.texts
    n_measured = min(n_texts, len(corpus))
    sample = corpus.sample(n_measured, seed=seed).frame().collect()
    shortest = sample.sort(pl.col("text").str.len_chars()).head(_WARM)
    predict(shortest, **job.arguments)
    began = time.perf_counter()
    answers = predict(sample, **job.arguments)
    seconds = time.perf_counter() - began
    characters = pl.col("text").str.len_chars().sum()
    said = {"model": answers["model"][0], "weights": job.arguments["weights"], "task": job.task}
    said["precision"] = str(job.arguments.get("precision", "fp32"))
    return Preview(
        n_texts=len(corpus),
        n_measured=n_measured,
        n_shards=job.n_shards,
        n_characters=int(corpus.frame().select(characters).collect().item()),
        n_characters_measured=int(sample.select(characters).item()),
        seconds=seconds,
        device=_device(),
        answers=answers,
        provenance={**said, "corpus": corpus.fingerprint, "seed": seed},
    )


def _device() -> str:
    """Return what a model is opened on here."""
    import torch

    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    threads, cores = torch.get_num_threads(), sites.this_machine().cores
    return f"{threads} thread{'s' * (threads > 1)} of this machine ({cores} cores)"


def _said(hours: float) -> str:
    if hours >= 1:
        return f"{hours:,.1f} hours"
    return f"{hours * 60:.1f} minutes" if hours * 60 >= 1 else f"{hours * _HOUR_S:.1f} s"
