"""From a corpus to token blocks: split, tokenizer, packing.

Made once and found again by their content.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kblib import settings
from kblib.corpora import Corpus
from kblib.errors import IntegrityError, TokenError, TrainingError
from kblib.files import sealed_folder
from kblib.jobs.mixture import OWN
from kblib.jobs.specs import Pretrain
from kblib.models.origin import folder_of_origin
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer
from kblib.training.batches import Share
from kblib.training.scoring import HeldOut

log = logging.getLogger("kblib.prepare")

PARTS = ("train", "valid", "test")


@dataclass(frozen=True)
class Prepared:
    """What a pretraining reads.

    A tokenizer that saw the training part only, and the three parts as blocks. Besides them
    by name: training parts of a mixture's other corpora, and validation parts of monitored ones.
    """

    folder: Path
    tokenizer: Tokenizer
    train: TokenBlocks
    valid: TokenBlocks
    test: TokenBlocks
    others: dict[str, TokenBlocks] = field(default_factory=dict)
    monitored: dict[str, TokenBlocks] = field(default_factory=dict)

    def shares(self, job: Pretrain) -> list[Share]:
        """Return all that is trained on, each with its share of the blocks."""
        blocks = {OWN: self.train, **self.others}
        return [Share(one.name, blocks[one.name], one.share) for one in job.sources]

    def monitors(self, job: Pretrain, *, most_blocks: int) -> dict[str, HeldOut]:
        """Return the blocks of each monitored corpus to score models on, by name."""
        about = (self.tokenizer, job.shape.objective, job.seq_len, most_blocks)
        return {name: HeldOut(blocks, *about) for name, blocks in self.monitored.items()}

    def held_out(self, part: str, job: Pretrain, *, most_blocks: int) -> HeldOut:
        """Return the blocks of ``valid`` or ``test`` to score models on."""
        blocks = {"valid": self.valid, "test": self.test}[part]
        objective = job.shape.objective
        return HeldOut(blocks, self.tokenizer, objective, job.seq_len, most_blocks)


def prepare(job: Pretrain) -> Prepared:
    """Return tokenizer and blocks of a job, making what is not there yet.

    Raises
    ------
    IntegrityError
        If tokenizer and blocks do not belong together, or are damaged, with the folder to delete.
    TrainingError
        If a part is too small for a single block.
    """
    folder = settings.writable_home() / "tokens" / _key(job)
    parts: dict[str, Corpus] = {}

    def part(name: str) -> Corpus:
        if not parts:
            parts.update(zip(PARTS, split_parts(job), strict=True))
        return parts[name]

    if not (folder / "tokenizer").is_dir():
        with _first_wins(folder / "tokenizer"):
            if job.continue_from is not None:
                origin = folder_of_origin(job.continue_from)
                _keep_tokenizer(job, origin, folder / "tokenizer")
            else:
                log.info("training a tokenizer of %d pieces", job.shape.vocab_size)
                _train_tokenizer(job, part("train"), folder / "tokenizer")
    with _made_again(folder / "tokenizer"):
        tokenizer = Tokenizer.open(folder / "tokenizer")
    blocks = {}
    for name in PARTS:
        if not (folder / name).is_dir():
            log.info("packing the %s part", name)
            with _first_wins(folder / name):
                TokenBlocks.pack(part(name), tokenizer, folder / name)
        with _made_again(folder / name):
            blocks[name] = TokenBlocks.open(folder / name)
            _check_origin(folder / name, blocks[name], tokenizer, parts.get(name))
        _check_size(job, name, blocks[name])
    others = {
        one.name: _part_of(one.corpus, "train", tokenizer, job)
        for one in job.sources
        if one.name != OWN
    }
    monitored = {
        name: _part_of(corpus, "valid", tokenizer, job) for name, corpus in job.monitored.items()
    }
    return Prepared(folder, tokenizer, **blocks, others=others, monitored=monitored)


def split_parts(job: Pretrain, corpus: Corpus | None = None) -> tuple[Corpus, Corpus, Corpus]:
    """Return the training, validation and test part of a job's corpus, or of another one."""
    chosen = job.corpus if corpus is None else corpus
    train, valid, test = chosen.split(
        test=job.test, valid=job.valid, by=job.group_of(chosen), seed=job.seed
    )
    return train, valid, test


def _part_of(corpus: Corpus, name: str, tokenizer: Tokenizer, job: Pretrain) -> TokenBlocks:
    """Return one part of a further corpus, packed with a tokenizer that is there already."""
    split = [job.valid, job.test, job.group_of(corpus), job.groups_of(corpus), job.seed]
    decides = [corpus.fingerprint, tokenizer.fingerprint, split]
    key = hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:16]
    folder = settings.writable_home() / "tokens" / key / name
    if not folder.is_dir():
        log.info("packing the %s part of '%s'", name, corpus.name)
        part = split_parts(job, corpus)[PARTS.index(name)]
        with _first_wins(folder):
            TokenBlocks.pack(part, tokenizer, folder)
    with _made_again(folder):
        blocks = TokenBlocks.open(folder)
        _check_origin(folder, blocks, tokenizer, None)
    _check_size(job, name, blocks, corpus)
    return blocks


@contextmanager
def _first_wins(target: Path) -> Iterator[None]:
    """Let it pass that another run has made the same folder in the meantime."""
    try:
        yield
    except OSError:
        if not target.is_dir():
            raise


@contextmanager
def _made_again(folder: Path) -> Iterator[None]:
    """Add to the error of something that is damaged how to get it back."""
    try:
        yield
    except (IntegrityError, TokenError) as error:
        raise IntegrityError(
            error.happened, error.expected, f"It is made again when it is gone: rm -r {folder}"
        ) from None


def _check_origin(
    folder: Path, blocks: TokenBlocks, tokenizer: Tokenizer, part: Corpus | None
) -> None:
    """Refuse blocks of another tokenizer, or of other texts where the part was worked out."""
    if blocks.tokenizer_fingerprint != tokenizer.fingerprint:
        raise IntegrityError(
            f"{folder} was packed with tokenizer {blocks.tokenizer_fingerprint[:12]}.",
            f"The one beside it is {tokenizer.fingerprint[:12]}.",
        )
    if part is not None and blocks.corpus_fingerprint != part.fingerprint:
        raise IntegrityError(
            f"{folder} was packed from texts {blocks.corpus_fingerprint[:12]}.",
            f"This part of corpus '{part.name}' is {part.fingerprint[:12]}.",
        )


def _keep_tokenizer(job: Pretrain, folder: Path, target: Path) -> None:
    """Take over the tokenizer of the model that the job goes on from."""
    tokenizer = Tokenizer.open(folder)
    if tokenizer.vocab_size > job.shape.vocab_size:
        raise TokenError(
            f"The tokenizer in {folder} has {tokenizer.vocab_size} pieces.",
            f"Its model has {job.shape.vocab_size} embeddings; each piece needs one.",
        )
    role = "mask_token" if job.shape.objective == "masked" else "eos_token"
    if not tokenizer.has(role):
        raise TokenError(
            f"The tokenizer in {folder} has no {role}.",
            f"A {job.shape.objective} model needs one to be trained.",
        )
    with sealed_folder(target, {"kind": "tokenizer", "from": str(folder)}) as aside:
        tokenizer.save(aside, seq_len=job.shape.seq_len)


def _train_tokenizer(job: Pretrain, texts: Corpus, target: Path) -> None:
    kind: Literal["wordpiece", "bpe"] = "wordpiece" if job.shape.objective == "masked" else "bpe"
    tokenizer = Tokenizer.train(texts, kind=kind, vocab_size=job.shape.vocab_size)
    with sealed_folder(target, {"kind": "tokenizer", "corpus": texts.fingerprint}) as aside:
        tokenizer.save(aside, seq_len=job.shape.seq_len)


def _check_size(
    job: Pretrain, name: str, blocks: TokenBlocks, corpus: Corpus | None = None
) -> None:
    if blocks.n_blocks(job.seq_len):
        return
    of = job.corpus if corpus is None else corpus
    raise TrainingError(
        f"The {name} part of corpus '{of.name}' has {blocks.n_tokens} tokens.",
        f"At least one block of {job.seq_len} was expected; "
        f"the corpus was split by '{job.group_of(of)}' "
        f"into parts for training, validation ({job.valid}) and test ({job.test}).",
        "Use more text, larger shares (valid=0.1, test=0.1), or a smaller seq_len.",
    )


def _key(job: Pretrain) -> str:
    """Hash what decides the ids: texts, split and vocabulary."""
    decides: dict[str, object] = {
        "corpus": job.corpus.fingerprint,
        "objective": job.shape.objective,
        "vocab_size": job.shape.vocab_size,
        "split": [job.valid, job.test, job.group, job.seed],
        "groups": job.groups,
        "format": 1,
    }
    if job.continue_from is not None:  # its tokenizer, and not one learnt from the texts
        folder = folder_of_origin(job.continue_from)
        decides["tokenizer"] = Tokenizer.open(folder).fingerprint
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:16]
