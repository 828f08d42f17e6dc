"""Job specifications: frozen, comparable, and written to disk as plain JSON.

Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from kblib.corpora import Corpus
from kblib.errors import JobError
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
_SHARES = {"mask_rate": 0.9, "valid": 0.5, "test": 0.5}
"""Shares that must be more than nothing, and their largest."""
_MOST_DROPOUT = 0.9
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
    warmup_steps: int = 100
    weight_decay: float = 0.01
    dropout: float = 0.0
    mask_rate: float = 0.25
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
    learning_rate, warmup_steps, weight_decay, dropout
        Of AdamW with linear warm-up and decay.
    mask_rate
        Share of tokens a masked model must guess.
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
        _check_numbers(self, given[0])
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
    def label(self) -> str:
        """A readable name for runs and models, fit to be that of a folder."""
        said = self.name or f"{self.corpus.name}-{self.shape.n_layer}x{self.shape.n_embd}"
        return _NOT_IN_NAMES.sub("-", said).strip(".-") or "model"

    def with_saved_corpus(self) -> Pretrain:
        """Return the same job with its corpus on disk, where a run can read it."""
        return replace(self, corpus=self.corpus.save())

    def to_dict(self) -> dict[str, Any]:
        """Return the job as plain data; the corpus as name, fingerprint and folder."""
        numbers = {field.name: getattr(self, field.name) for field in fields(_Numbers)}
        folder = self.corpus.folder
        corpus = {
            "name": self.corpus.name,
            "fingerprint": self.corpus.fingerprint,
            "folder": None if folder is None else str(folder),
        }
        return {"kind": "pretrain", "corpus": corpus, "shape": self.shape.to_dict(), **numbers}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Pretrain:
        """Read a job from a run folder and open its corpus.

        Raises
        ------
        CorpusError
            If the corpus is no longer there.
        JobError
            If it has other texts than at submit.
        """
        numbers = {field.name: content[field.name] for field in fields(_Numbers)}
        return cls(
            _same_corpus(content["corpus"]), ModelShape.from_dict(content["shape"]), **numbers
        )

    @property
    def key(self) -> str:
        """A hash of what is asked.

        Equal jobs on equal texts have equal keys, wherever the corpus lies.
        """
        content = self.to_dict()
        del content["corpus"]["folder"], content["corpus"]["name"]
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _check_numbers(job: Pretrain, length: str) -> None:
    for name in _WHOLE:
        value = getattr(job, name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise JobError(f"Pretrain got {name}={value!r}.", "A whole number was expected.")
    for name in (length, *_POSITIVE):
        if not getattr(job, name) > 0:
            raise _wrong(job, name, "It should be larger than 0.")
    for name in ("warmup_steps", "weight_decay", "seed"):
        if not getattr(job, name) >= 0:
            raise _wrong(job, name, "It should not be below 0.")
    for name, top in _SHARES.items():
        if not 0 < getattr(job, name) <= top:
            raise _wrong(job, name, f"It should be larger than 0, and {top} at most.")
    if not 0 <= job.dropout <= _MOST_DROPOUT:
        raise _wrong(job, "dropout", f"It lies between 0 and {_MOST_DROPOUT}.")


def _wrong(job: Pretrain, name: str, expected: str) -> JobError:
    return JobError(f"Pretrain got {name}={getattr(job, name)!r}.", expected)


def _same_corpus(said: dict[str, Any]) -> Corpus:
    corpus = Corpus.open(Path(said["folder"]))
    if corpus.fingerprint != said["fingerprint"]:
        raise JobError(
            f"The corpus in {said['folder']} has the fingerprint {corpus.fingerprint[:12]}.",
            f"The job was submitted for {said['fingerprint'][:12]}: the texts were changed since.",
            "Submit the job again with the corpus as it is now.",
        )
    return corpus
