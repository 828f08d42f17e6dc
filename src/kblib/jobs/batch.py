"""A batch: one named function over many shards of plain data, each result a file of its own.

Inference, curation and embedding of whole collections are of this kind: no shard needs another, so
that they may be done in any order, by any number of machines, and again where one was lost.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kblib import files
from kblib.corpora import Corpus
from kblib.errors import JobError
from kblib.jobs.named_function import NamedFunction
from kblib.jobs.plain import plain, plain_items
from kblib.jobs.saved_corpus import corpus_to_dict, same_corpus

MOST_SHARDS = 100_000
"""Each is a file; shared file systems bear so many of a run, a hundred folders of a thousand."""
USUAL_ROWS = 1_000
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class BatchTask:
    """Call a named function on each shard, and keep each result as a Parquet file.

    The function takes the shard first, then `arguments`, and returns a Polars or Arrow table; all
    its tables have the same columns. Of a corpus the shard is a Polars table of documents, and the
    result has their ``id``, so that it can be joined back to a page.

    Parameters
    ----------
    function
        ``"module:function"``. A module that is not installed, such as a file beside the notebook,
        goes with the run.
    shards
        What to call it on: a list of plain items (texts, numbers, lists, mappings), one a shard, or
        a corpus, which is cut into shards of `rows` documents.
    arguments
        Further arguments of the function by name, plain as well.
    rows
        Documents a shard, of a corpus.
    name
        What the run is called; by default made from the function's name.

    Raises
    ------
    JobError
        If there is no such function, it does not take the arguments, there is no shard, or an item
        is not plain.

    Examples
    --------
    >>> task = BatchTask("polars:DataFrame", [{"word": ["sol"]}, {"word": ["regn", "snö"]}])
    >>> task.n_shards, task.item(1)
    (2, {'word': ['regn', 'snö']})
    """

    function: str
    shards: Sequence[Any] | Corpus
    arguments: Mapping[str, Any] = field(default_factory=dict, hash=False)
    rows: int = USUAL_ROWS
    name: str | None = None

    def __post_init__(self) -> None:
        called = NamedFunction.of(self.function)
        _check_rows(self.rows)
        if not isinstance(self.shards, Corpus):
            object.__setattr__(self, "shards", tuple(plain_items(self.shards, "shards")))
        _check_count(self)
        arguments = plain(dict(self.arguments), "arguments")
        object.__setattr__(self, "arguments", arguments)
        called.check_arguments(arguments)

    @property
    def corpus(self) -> Corpus | None:
        """The corpus whose documents are the shards, if they are."""
        return self.shards if isinstance(self.shards, Corpus) else None

    @property
    def n_shards(self) -> int:
        """How many shards there are."""
        if isinstance(self.shards, Corpus):
            return math.ceil(len(self.shards) / self.rows)
        return len(self.shards)

    def item(self, number: int) -> Any:
        """Return a shard as plain data; of a corpus, which documents it has."""
        if isinstance(self.shards, Corpus):
            first = number * self.rows
            return {"first_row": first, "rows": min(self.rows, len(self.shards) - first)}
        return self.shards[number]

    def shard(self, number: int) -> Any:
        """Return what the function is called on."""
        if isinstance(self.shards, Corpus):
            return self.shards.frame().slice(number * self.rows, self.rows).collect()
        return self.shards[number]

    @property
    def label(self) -> str:
        """A readable name for runs, fit to be that of a folder."""
        said = self.name or self.function.rpartition(":")[2]
        return _NOT_IN_NAMES.sub("-", said).strip(".-") or "batch"

    def with_saved_corpus(self) -> BatchTask:
        """Return the same task with its corpus, if it has one, where a run can read it."""
        corpus = self.corpus
        return self if corpus is None else replace(self, shards=corpus.save())

    def save(self, path: Path | str) -> Path:
        """Write the task as JSON, for ``python -m kblib submit``; its corpus is saved as well."""
        files.write_json(Path(path), self.with_saved_corpus().to_dict())
        return Path(path)

    def to_dict(self) -> dict[str, Any]:
        """Return the task as plain data."""
        content: dict[str, Any] = {
            "kind": "batch",
            "function": self.function,
            "arguments": dict(self.arguments),
            "name": self.name,
        }
        if isinstance(self.shards, Corpus):
            return {**content, "rows": self.rows, "corpus": corpus_to_dict(self.shards)}
        return {**content, "shards": list(self.shards)}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> BatchTask:
        """Read a task from a run folder, and open its corpus.

        Raises
        ------
        CorpusError
            If the corpus is no longer there.
        JobError
            If it has other content than at submit, or the function cannot be imported.
        """
        said = content.get("corpus")
        return cls(
            content["function"],
            content["shards"] if said is None else same_corpus(said),
            content["arguments"],
            content.get("rows", USUAL_ROWS),
            content["name"],
        )

    @property
    def key(self) -> str:
        """A hash of what is asked: function, arguments, items or corpus.

        The text of a function's own module is part of it, since with another one the same name
        gives other results.
        """
        content = {**self.to_dict(), "source": NamedFunction.of(self.function).source}
        if isinstance(self.shards, Corpus):
            content["corpus"] = self.shards.content
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _check_rows(rows: object) -> None:
    if isinstance(rows, bool) or not isinstance(rows, int) or rows < 1:
        raise JobError(
            f"BatchTask got rows={rows!r}.",
            "A whole number of documents a shard was expected, 1 at least.",
            f"kb.BatchTask(..., rows={USUAL_ROWS})",
        )


def _check_count(task: BatchTask) -> None:
    if not task.n_shards:
        what = "an empty corpus" if task.corpus is not None else "an empty list of shards"
        raise JobError(
            f"BatchTask got {what}.",
            "There should be something to call the function on.",
            f'kb.BatchTask("{task.function}", ["first item", "second item"])',
        )
    if task.n_shards > MOST_SHARDS:
        fitting = math.ceil(task.n_shards * (task.rows if task.corpus is not None else 1) / 10_000)
        raise JobError(
            f"BatchTask got {task.n_shards:,} shards.",
            f"{MOST_SHARDS:,} is the most, since each result is a file of its own.",
            f"kb.BatchTask(..., rows={fitting})"
            if task.corpus is not None
            else f"Put several items into one shard: {fitting} each makes 10,000 shards.",
        )
