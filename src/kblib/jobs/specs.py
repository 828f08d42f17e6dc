"""Job specifications: frozen, comparable, and written to disk as plain JSON.

Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import KW_ONLY, InitVar, dataclass, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

from kblib import files
from kblib.corpora import Corpus
from kblib.corpora.columns import known_column
from kblib.errors import JobError, MissingPartError
from kblib.jobs.mixture import OWN, Mixture, Monitor, Source, checked_mixture, checked_monitor
from kblib.jobs.origin import check_shape, origin_to_dict, same_origin
from kblib.jobs.quantities import LATER, REAL, WHOLE, Numbers, check_numbers, wrong
from kblib.jobs.saved_corpus import corpus_to_dict, same_corpus
from kblib.models.origin import folder_of_origin, origin_fingerprint, shape_of_origin
from kblib.models.shape import ModelShape

_HIGHEST_UNITS = ("film", "issue")
"""Columns whose groups hang together (pages of an issue, reels of a film).

A split between them would leak.
"""
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class Pretrain(Numbers):
    """Train a language model on a corpus, from nothing or from a model that is there.

    Parameters
    ----------
    corpus
        What to learn from. Its parts for validation and test are set aside by `split_by`.
    shape
        The model: masked (``modernbert``, ``bert``) or causal (``gpt_neox``, ``llama``, ``gpt2``).
        Not needed where the job goes on from a model.
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
    engine, zero_stage
        What carries out a step: ``torch`` or ``deepspeed``. With DeepSpeed the ranks may share out
        the optimiser's state (stage 1), the gradients (2) and the weights (3), so that larger
        models fit. The losses of the two agree to rounding.
    continue_from
        A model to go on from: a folder with safetensors, or a name on the model hub. Its weights,
        layout and tokenizer are taken over; who it is belongs to the job's key.
    schedule, final_learning_rate
        How the rate falls after the warm-up, ``linear`` or ``cosine``, to which share of its top. A
        model that goes on is warmed up again, as a new one (Ibrahim et al. 2024).
    beta2
        How slowly AdamW forgets the size of gradients.
    dtype
        What is computed in: ``fp32``, ``bf16``, ``fp16``; by default what the machine has units
        for. The optimiser's weights are fp32 always.
    activation_checkpointing
        Whether a layer's inside is computed again for its gradient instead of kept: a third more
        work, much less memory.
    offload
        ``"cpu"`` keeps what ZeRO shares out in the memory of the node.
    whole_words
        Whether a masked model guesses all pieces of a word or none.
    keep
        How many of the newest checkpoints stay.
    mixture
        Other corpora to read as well, each under a name with its share of the blocks, as in
        ``{"web": (web, 0.2)}``; the rest is the job's own. Their parts for validation and test are
        set aside by the same rule, and the vocabulary is learnt from the job's own corpus.
    replay, replay_share
        A corpus that an earlier training read, so that it is not forgotten: short for a mixture
        ``{"replay": (replay, replay_share)}``.
    monitor
        Corpora whose validation parts are scored at every evaluation, each under a name: what is
        learnt, or forgotten, besides. Their texts are not trained on.
    isolate_documents
        Whether a document sees nothing of its neighbours in a block.
    sample_prompt
        What a causal model goes on writing at every evaluation (`Run.samples`); by default nothing.
    spike_nats
        How far above that of the steps before it a loss is a spike: the run then goes back to its
        newest checkpoint, leaves out the batches that led there, and says so. None undoes nothing.
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
    shape: ModelShape = None  # type: ignore[assignment]  # then that of the model to go on from
    _: KW_ONLY
    mixture: Mixture = ()
    monitor: Monitor = ()
    replay: InitVar[Corpus | None] = None
    replay_share: InitVar[float] = 0.1

    def __post_init__(self, replay: Corpus | None, replay_share: float) -> None:
        _check_corpus(self.corpus)
        _take_origin(self)
        object.__setattr__(self, "mixture", checked_mixture(self.mixture, replay, replay_share))
        object.__setattr__(self, "monitor", checked_monitor(self.monitor))
        check_numbers(self)
        _check_architecture(self)
        for name in (*WHOLE, *REAL):  # 2 and 2.0 minutes are the same job
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, (int if name in WHOLE else float)(value))
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
                f"kb.ModelShape(..., seq_len={self.seq_len})"
                if self.continue_from is None
                else f"kb.Pretrain(..., seq_len={self.shape.seq_len})",
            )

    @property
    def sources(self) -> tuple[Source, ...]:
        """All that is trained on, the job's own corpus first; the shares add up to 1."""
        others = tuple(one for one in self.mixture if isinstance(one, Source))
        return (Source(OWN, self.corpus, 1.0 - sum(one.share for one in others)), *others)

    @property
    def monitored(self) -> dict[str, Corpus]:
        """The corpora that are looked at, by name."""
        return dict(checked_monitor(self.monitor))

    @property
    def group(self) -> str:
        """The column whose groups the split keeps whole."""
        return self.group_of(self.corpus)

    def group_of(self, corpus: Corpus) -> str:
        """Return the column whose groups stay whole when this corpus is split."""
        if self.split_by in corpus.columns:
            return str(self.split_by)
        return next((unit for unit in _HIGHEST_UNITS if unit in corpus.columns), "id")

    @property
    def groups(self) -> str:
        """A hash of which text is of which group: equal texts of other films split otherwise."""
        return self.groups_of(self.corpus)

    def groups_of(self, corpus: Corpus) -> str:
        """Return the hash of the groups of one of the job's corpora."""
        group = self.group_of(corpus)
        if group == "id":  # part of the fingerprint
            return ""
        digest = hashlib.sha256()
        for batch in corpus.batches(columns=[group]):
            digest.update(json.dumps(batch[group].to_list(), default=str).encode())
        return digest.hexdigest()

    @property
    def label(self) -> str:
        """A readable name for runs and models, fit to be that of a folder."""
        said = self.name or f"{self.corpus.name}-{self.shape.n_layer}x{self.shape.n_embd}"
        return _NOT_IN_NAMES.sub("-", said).strip(".-") or "model"

    def with_saved_corpus(self) -> Pretrain:
        """Return the same job with its corpora on disk, where a run can read them."""
        origin = self.continue_from
        return replace(
            self,
            continue_from=None if origin is None else str(folder_of_origin(origin)),
            corpus=self.corpus.save(),
            mixture=[replace(one, corpus=one.corpus.save()) for one in self.sources[1:]],
            monitor={name: corpus.save() for name, corpus in self.monitored.items()},
        )

    def save(self, path: Path | str) -> Path:
        """Write the job as JSON, for ``python -m kblib submit``; its corpora are saved as well."""
        files.write_json(Path(path), self.with_saved_corpus().to_dict())
        return Path(path)

    def to_dict(self) -> dict[str, Any]:
        """Return the job as plain data; the corpus as name, fingerprints and folder."""
        numbers = {field.name: getattr(self, field.name) for field in fields(Numbers)}
        if self.engine == "torch":  # jobs of before there was a choice keep their keys
            del numbers["engine"], numbers["zero_stage"]
        for name in LATER:  # these too: only what was chosen is said
            if numbers[name] == getattr(Numbers, name):
                del numbers[name]
        corpora: dict[str, Any] = {"corpus": corpus_to_dict(self.corpus)}
        if self.mixture:
            corpora["mixture"] = [
                {"name": one.name, "share": one.share, "corpus": corpus_to_dict(one.corpus)}
                for one in self.sources[1:]
            ]
        if self.monitor:
            corpora["monitor"] = {n: corpus_to_dict(one) for n, one in self.monitored.items()}
        if self.continue_from is not None:
            numbers["continue_from"] = origin_to_dict(self.continue_from)
        return {"kind": "pretrain", **corpora, "shape": self.shape.to_dict(), **numbers}

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
        names = [field.name for field in fields(Numbers)]
        numbers = {name: content[name] for name in names if name in content}
        if "continue_from" in numbers:
            numbers["continue_from"] = same_origin(numbers["continue_from"])
        return cls(
            same_corpus(content["corpus"]),
            ModelShape.from_dict(content["shape"]),
            mixture=[
                Source(one["name"], same_corpus(one["corpus"]), one["share"])
                for one in content.get("mixture", [])
            ],
            monitor={n: same_corpus(one) for n, one in content.get("monitor", {}).items()},
            **numbers,
        )

    @property
    def key(self) -> str:
        """A hash of what is asked.

        Equal jobs on equal texts in equal groups have equal keys, wherever the corpus lies and
        whatever its other columns say.
        """
        content = {**self.to_dict(), "groups": self.groups}
        content["corpus"] = content["corpus"]["fingerprint"]
        if self.continue_from is not None:
            content["continue_from"] = origin_fingerprint(folder_of_origin(self.continue_from))
        if self.mixture:
            content["mixture"] = [
                [one.name, one.share, one.corpus.fingerprint, self.groups_of(one.corpus)]
                for one in self.sources[1:]
            ]
        if self.monitor:
            content["monitor"] = [
                [name, corpus.fingerprint, self.groups_of(corpus)]
                for name, corpus in self.monitored.items()
            ]
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _check_corpus(corpus: object) -> None:
    if not isinstance(corpus, Corpus):
        example = 'kb.load_sample("newsreels"), or kb.Corpus.open("name")'
        raise JobError(f"Pretrain got corpus={corpus!r}.", "A corpus was expected.", example)


def _take_origin(job: Pretrain) -> None:
    """Fill in what is read off the model to go on from, and refuse a job without any model."""
    shape = cast(Any, job).shape  # what a caller gave, whatever its type should be
    if job.continue_from is not None:
        object.__setattr__(job, "continue_from", str(job.continue_from))
        if shape is None:
            shape = shape_of_origin(str(job.continue_from))
            object.__setattr__(job, "shape", shape)
    if not isinstance(shape, ModelShape):
        raise JobError(
            f"Pretrain got shape={shape!r}.",
            "The shape of a new model was expected, or a model to go on from.",
            'kb.Pretrain(corpus, kb.ModelShape(4, 4, 256), ...), or continue_from="kb-mini-causal"',
        )
    if job.continue_from is not None:
        check_shape(shape, job.continue_from)


def _check_architecture(job: Pretrain) -> None:
    if job.whole_words and job.shape.objective != "masked":
        raise JobError(
            f"Pretrain got whole_words=True for a {job.shape.architecture}.",
            "Only masked models guess words in the middle.",
            "kb.Pretrain(..., whole_words=False)",
        )
    if job.sample_prompt is not None and job.shape.objective != "causal":
        raise JobError(
            f"A {job.shape.architecture} was given sample_prompt={job.sample_prompt!r}.",
            "Only a causal model goes on writing a text.",
            'kb.ModelShape(..., architecture="gpt_neox")',
        )
    if job.shape.objective == "causal" and job.seq_len < 2:
        raise wrong(job, "seq_len", "In a block of one token there is no next one to learn.")
    if job.shape.architecture == "llama" and job.dropout:
        raise JobError(
            f"Pretrain got dropout={job.dropout} for a llama.",
            "This layout has no dropout in its embeddings and feed-forward parts.",
            "kb.Pretrain(..., dropout=0.0)",
        )


class Divided(Protocol):
    """A job whose batches are shared out among ranks."""

    @property
    def batch_size(self) -> int:
        """Rows a step over all ranks."""

    @property
    def grad_accum_steps(self) -> int:
        """Pieces each rank cuts its share into."""


def check_ranks(job: Divided, ranks: int) -> None:
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
            f"kb.{type(job).__name__}(..., batch_size={fitting})",
        )


def require_training_part(engine: str = "torch") -> None:
    """Check that what carries out a training is installed, before anything is written.

    Parameters
    ----------
    engine
        Of the job: DeepSpeed comes with an extra of its own.

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
    if engine == "deepspeed" and find_spec(engine) is None:
        raise MissingPartError(
            "A job with engine='deepspeed' needs DeepSpeed, not installed here.",
            "It comes with the extra 'cluster'.",
            "python -m pip install 'PATH_OF_THE_CLONE[cluster]'",
        )
