"""Job specifications: frozen, comparable, and written to disk as plain JSON.

Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass, fields, replace
from importlib.util import find_spec
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from kblib.corpora import Corpus
from kblib.corpora.columns import known_column
from kblib.errors import JobError, MissingPartError
from kblib.models.shape import ModelShape

_LENGTHS = ("steps", "tokens", "epochs", "minutes")
_HIGHEST_UNITS = ("film", "issue")
"""Columns whose groups hang together (pages of an issue, reels of a film).

A split between them would leak.
"""
_WHOLE = (
    "steps",
    "seq_len",
    "batch_size",
    "grad_accum_steps",
    "warmup_steps",
    "seed",
    "eval_every",
    "save_every",
)
_POSITIVE = (
    "seq_len",
    "batch_size",
    "grad_accum_steps",
    "learning_rate",
    "eval_every",
    "save_every",
)
_REAL = (
    "tokens",
    "epochs",
    "minutes",
    "learning_rate",
    "weight_decay",
    "dropout",
    "mask_rate",
    "random_rate",
    "keep_rate",
    "valid",
    "test",
)
_MAY_BE_ABSENT = (*_LENGTHS, "warmup_steps")
_USUAL_LENGTHS = {"steps": 1000, "tokens": 2e9, "epochs": 6, "minutes": 2}
"""For examples in messages."""
USUAL_WARM_UP = 100
_LARGEST = 2**63 - 1
_SHARE_IN_STEPS = 0.85
"""Share of the minutes asked for that goes into steps.

The rest is set-up, evaluation and saving.
"""
_SHARES = {"mask_rate": 0.9, "valid": 0.5, "test": 0.5}
"""Shares that must be more than nothing, and their largest."""
_SHARES_OR_NOTHING = {"dropout": 0.9, "random_rate": 0.4, "keep_rate": 0.4}
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, kw_only=True)
class _Numbers:
    """The numbers of a pretraining that have a default."""

    steps: int | None = None
    tokens: float | None = None
    epochs: float | None = None
    minutes: float | None = None
    seq_len: int = 64
    batch_size: int = 32
    grad_accum_steps: int = 1
    learning_rate: float = 1.5e-3
    warmup_steps: int | None = None
    weight_decay: float = 0.01
    dropout: float = 0.0
    mask_rate: float = 0.25
    random_rate: float = 0.1
    keep_rate: float = 0.1
    seed: int = 1
    eval_every: int = 100
    save_every: int = 200
    valid: float = 0.03
    test: float = 0.05
    split_by: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Pretrain(_Numbers):
    """Train a language model from nothing on a corpus.

    Parameters
    ----------
    corpus
        What to learn from. Its parts for validation and test are set aside by `split_by`.
    shape
        The model: masked (``modernbert``, ``bert``) or causal (``gpt_neox``, ``llama``).
    steps, tokens, epochs, minutes
        How long: exactly one of them. Minutes are turned into steps by a measurement when the run
        starts, once; what came out is in the run folder and holds for every resumption.
    seq_len, batch_size, grad_accum_steps
        Tokens a block; blocks a step over all ranks; pieces each rank cuts its share into.
    learning_rate, weight_decay, dropout
        Of AdamW with linear warm-up and decay.
    warmup_steps
        By default a tenth of the steps, 100 at most.
    mask_rate
        Share of tokens a masked model must guess.
    random_rate, keep_rate
        Shares of these that show a random token, or the true one, instead of the mask: a model
        that is to be used on whole sentences must not rely on the mask (Devlin et al. 2019).
    seed
        All randomness is a function of it: the split, the order, the masks, the first weights,
        dropout.
    eval_every, save_every
        Steps between evaluations on the validation part, and between checkpoints.
    valid, test
        Shares of groups set aside.
    split_by
        The column whose groups are never divided; by default ``film`` or ``issue`` where the corpus
        has one.
    name
        What the saved model is called; by default made from corpus and shape.

    Raises
    ------
    JobError
        If a number is impossible, or none or several lengths are given.
    CorpusError
        If the corpus has no column `split_by`.
    """

    corpus: Corpus
    shape: ModelShape

    def __post_init__(self) -> None:
        given = [name for name in _LENGTHS if getattr(self, name) is not None]
        if len(given) != 1:
            raise JobError(
                f"Pretrain got {' and '.join(given) if given else 'no length'}.",
                f"Exactly one of {', '.join(_LENGTHS)} says how long to train.",
                "kb.Pretrain(corpus, shape, minutes=2)",
            )
        _check_kinds(self)
        _check_numbers(self, given[0])
        _check_shares(self)
        _check_warm_up(self)
        _check_architecture(self)
        for name in (*_WHOLE, *_REAL):  # 2 and 2.0 minutes are the same job
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, (int if name in _WHOLE else float)(value))
        if self.split_by is not None:
            known_column(self.split_by, self.corpus.columns, self.corpus.name)
        if self.batch_size % self.grad_accum_steps:
            pieces = self.grad_accum_steps
            raise JobError(
                f"A batch of {self.batch_size} blocks does not divide into {pieces} pieces.",
                "Each piece is an equal share.",
                f"kb.Pretrain(..., batch_size={max(1, self.batch_size // pieces) * pieces})",
            )
        if self.seq_len > self.shape.seq_len:
            raise JobError(
                f"Pretrain got seq_len={self.seq_len}.",
                f"The model reads {self.shape.seq_len} tokens at most; blocks must fit into it.",
                f"kb.ModelShape(..., seq_len={self.seq_len})",
            )

    @property
    def group(self) -> str:
        """The column whose groups the split keeps whole."""
        highest = (unit for unit in _HIGHEST_UNITS if unit in self.corpus.columns)
        return self.split_by or next(highest, "id")

    @property
    def groups(self) -> str:
        """A hash of which text is of which group: equal texts of other films split otherwise."""
        if self.group == "id":  # part of the fingerprint
            return ""
        digest = hashlib.sha256()
        for batch in self.corpus.batches(columns=[self.group]):
            digest.update(json.dumps(batch[self.group].to_list(), default=str).encode())
        return digest.hexdigest()

    @property
    def label(self) -> str:
        """A readable name for runs and models, fit to be that of a folder."""
        said = self.name or f"{self.corpus.name}-{self.shape.n_layer}x{self.shape.n_embd}"
        return _NOT_IN_NAMES.sub("-", said).strip(".-") or "model"

    def with_saved_corpus(self) -> Pretrain:
        """Return the same job with its corpus on disk, where a run can read it."""
        return replace(self, corpus=self.corpus.save())

    def to_dict(self) -> dict[str, Any]:
        """Return the job as plain data; the corpus as name, fingerprints and folder."""
        numbers = {field.name: getattr(self, field.name) for field in fields(_Numbers)}
        folder = self.corpus.folder
        corpus = {
            "name": self.corpus.name,
            "fingerprint": self.corpus.fingerprint,
            "content": self.corpus.content,
            "folder": None if folder is None else str(folder),
        }
        return {"kind": "pretrain", "corpus": corpus, "shape": self.shape.to_dict(), **numbers}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Pretrain:
        """Read a job from a run folder and open its corpus; what is not said has its default.

        Raises
        ------
        CorpusError
            If the corpus is no longer there.
        JobError
            If it has other texts, or other columns, than at submit.
        """
        names = [field.name for field in fields(_Numbers)]
        numbers = {name: content[name] for name in names if name in content}
        return cls(
            _same_corpus(content["corpus"]), ModelShape.from_dict(content["shape"]), **numbers
        )

    @property
    def key(self) -> str:
        """A hash of what is asked.

        Equal jobs on equal texts in equal groups have equal keys, wherever the corpus lies and
        whatever its other columns say.
        """
        content = {**self.to_dict(), "groups": self.groups}
        content["corpus"] = content["corpus"]["fingerprint"]
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _check_kinds(job: Pretrain) -> None:
    """Refuse what is no number, or none that a file and a random generator can hold."""
    for name in (*_WHOLE, *_REAL):
        value = getattr(job, name)
        if value is None and name in _MAY_BE_ABSENT:
            continue
        whole = name in _WHOLE
        kind = Integral if whole else Real
        if not isinstance(value, kind) or isinstance(value, bool):
            raise _wrong(job, name, f"A {'whole ' if whole else ''}number was expected.")
        if whole and value > _LARGEST:
            raise _wrong(job, name, f"{_LARGEST} is the largest that is kept.")
        if not whole and value == math.inf:
            raise _wrong(job, name, "A number with an end was expected.")


def _check_numbers(job: Pretrain, length: str) -> None:
    for name in (length, *_POSITIVE):
        if not getattr(job, name) > 0:
            raise _wrong(job, name, "It should be larger than 0.")
    for name in ("warmup_steps", "weight_decay", "seed"):
        if not (getattr(job, name) or 0) >= 0:
            raise _wrong(job, name, "It should not be below 0.")


def _check_shares(job: Pretrain) -> None:
    for name, top in _SHARES.items():
        if not 0 < getattr(job, name) <= top:
            raise _wrong(job, name, f"It should be larger than 0, and {top} at most.")
    for name, top in _SHARES_OR_NOTHING.items():
        if not 0 <= getattr(job, name) <= top:
            raise _wrong(job, name, f"It lies between 0 and {top}.")


def _check_warm_up(job: Pretrain) -> None:
    """Refuse a warm-up longer than the run, where its length is known beforehand."""
    tokens_a_step = job.batch_size * job.seq_len
    steps = math.ceil(job.tokens / tokens_a_step) if job.tokens else job.steps
    if steps and job.warmup_steps and job.warmup_steps > steps:
        raise JobError(
            f"Pretrain got warmup_steps={job.warmup_steps}, and {steps} steps in all.",
            "The learning rate would never reach its top.",
            f"kb.Pretrain(..., warmup_steps={max(1, steps // 10)})",
        )


def _check_architecture(job: Pretrain) -> None:
    if job.shape.objective == "causal" and job.seq_len < 2:
        raise _wrong(job, "seq_len", "In a block of one token there is no next one to learn.")
    if job.shape.architecture == "llama" and job.dropout:
        raise JobError(
            f"Pretrain got dropout={job.dropout} for a llama.",
            "This layout has no dropout in its embeddings and feed-forward parts.",
            "kb.Pretrain(..., dropout=0.0)",
        )


def _wrong(job: Pretrain, name: str, expected: str) -> JobError:
    usual = _USUAL_LENGTHS.get(name) or next(f.default for f in fields(job) if f.name == name)
    example = f"kb.Pretrain(..., {name}={USUAL_WARM_UP if usual is None else usual})"
    return JobError(f"Pretrain got {name}={getattr(job, name)!r}.", expected, example)


def _same_corpus(said: dict[str, Any]) -> Corpus:
    corpus = Corpus.open(Path(said["folder"]))
    if corpus.fingerprint != said["fingerprint"]:
        raise JobError(
            f"The corpus in {said['folder']} has the fingerprint {corpus.fingerprint[:12]}.",
            f"The job was submitted for {said['fingerprint'][:12]}: the texts were changed since.",
            "Submit the job again with the corpus as it is now.",
        )
    if corpus.content != said.get("content", corpus.content):
        raise JobError(
            f"The corpus in {said['folder']} has the content {corpus.content[:12]}.",
            f"The job was submitted for {said['content'][:12]}: the texts are the same, "
            "but other columns were changed since.",
            "Submit the job again with the corpus as it is now.",
        )
    return corpus


def steps_in(minutes: float, seconds_a_step: float) -> int:
    """Return the optimiser steps that fit into so many minutes; at least one."""
    return max(1, int(minutes * 60 * _SHARE_IN_STEPS / seconds_a_step))


def check_ranks(job: Pretrain, ranks: int) -> None:
    """Check that a job's batch divides among so many ranks.

    Raises
    ------
    JobError
        If it does not, with the nearest batch that does.
    """
    if ranks < 1:
        raise JobError(f"{ranks} ranks were asked for.", "At least 1 trains.", "kb.submit(job)")
    pieces = ranks * job.grad_accum_steps
    if job.batch_size % pieces:
        fitting = max(pieces, job.batch_size // pieces * pieces)
        raise JobError(
            f"A batch of {job.batch_size} blocks does not divide into {ranks} ranks "
            f"times {job.grad_accum_steps} pieces.",
            "Every rank needs an equal share.",
            f"kb.Pretrain(..., batch_size={fitting})",
        )


def require_training_part() -> None:
    """Check that what carries out a training is installed, before anything is written.

    Raises
    ------
    MissingPartError
        Naming what is missing and the command that brings it.
    """
    parts = ("torch", "transformers", "tokenizers", "safetensors")
    missing = [name for name in parts if find_spec(name) is None]
    if missing:
        raise MissingPartError(
            f"Training needs {', '.join(missing)}, not installed here.",
            "They come with the extra 'train'.",
            "In a clone: make lab. Elsewhere: python -m pip install 'PATH_OF_THE_CLONE[train]'",
        )
