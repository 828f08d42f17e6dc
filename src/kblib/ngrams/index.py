"""A positional index: where each word stands, built once for a text and read from mapped files.

The index belongs to the rows a corpus and its relatives share, and is found by the fingerprint of
those rows: filtering, sampling and splitting a corpus does not index it again. What is asked of a
filtered corpus is counted in its own documents only.

A saved corpus has its index below ``home()/indexes``; for one in memory it lives as long as the
session.
"""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kblib import __version__, settings
from kblib.corpora import Corpus
from kblib.corpora.columns import known_column
from kblib.corpora.selection import Selection
from kblib.corpora.steps import ROW
from kblib.corpora.storage import Store
from kblib.errors import CorpusError, IntegrityError
from kblib.files import check_folder, sealed_folder
from kblib.ngrams.indexing import FORMAT, Progress, build_index
from kblib.ngrams.text_index import Ints, TextIndex
from kblib.ngrams.words import DEFINITION

__all__ = ["Index", "Ints", "TextIndex", "column_values", "index_corpus"]

ON_DISK_FROM = 2_000_000
"""Words from which the index of a corpus that is not saved is kept on disk, too."""
BATCH = 2_000
REPEATS = 8
"""How often the values of a column repeat that is kept as numbers into a list of them."""
KEPT_OPEN = 8


@dataclass(frozen=True, eq=False)
class Index:
    """The index of a corpus: a text index, and which of its documents are the corpus's.

    Attributes
    ----------
    corpus
        The corpus it answers for.
    text
        The words of the rows that the corpus shares with its relatives.
    kept
        For each of those rows, whether it is in the corpus; None if all are.
    columns, memory
        What was read and worked out before, shared with relatives, and with those of the same rows.
    """

    corpus: Corpus
    text: TextIndex
    kept: NDArray[np.bool_] | None
    columns: dict[str, pl.Series] = field(default_factory=dict, repr=False)
    memory: dict[Any, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def document_words(self) -> Ints:
        """The words of each document; 0 for one that is not in the corpus."""
        words = np.diff(self.text.word_starts)
        return words if self.kept is None else np.where(self.kept, words, 0)

    @cached_property
    def n_words(self) -> int:
        """The running words of the corpus."""
        return int(self.document_words.sum())

    def column(self, name: str) -> pl.Series:
        """Return a column of all rows, read when first asked for.

        Raises
        ------
        CorpusError
            If there is none of that name; those there are, are listed.
        """
        column = self._held(name)
        return column.cast(pl.String) if column.dtype == pl.Categorical else column

    def values_at(self, name: str, documents: Sequence[int] | Ints) -> pl.Series:
        """Return the values of a column for some documents."""
        column = self._held(name).gather(np.asarray(documents, dtype=np.int64))
        return column.cast(pl.String) if column.dtype == pl.Categorical else column

    def _held(self, name: str) -> pl.Series:
        """Return a column as it is kept: one whose values repeat takes a quarter of the memory."""
        known_column(name, self.corpus.columns, self.corpus.name)
        if name not in self.columns:
            frame = self.corpus.store.frame.select(name).collect(engine="streaming")
            column = frame[name].rechunk()
            if column.dtype == pl.String and column.n_unique() * REPEATS < len(column):
                column = column.cast(pl.Categorical)
            self.columns[name] = column
        return self.columns[name]

    def codes(self, name: str) -> tuple[Ints, list[Any]]:
        """Return a column as numbers into the sorted list of its values, and that list.

        An absent value is the last, None, if there is any.
        """
        if ("codes", name) not in self.memory:
            column = self.column(name)
            values = column.drop_nulls().unique().sort()
            table = pl.DataFrame({"value": values, "code": np.arange(len(values))})
            joined = column.to_frame("value").join(
                table, "value", how="left", maintain_order="left"
            )
            labels = values.to_list() + ([None] if column.has_nulls() else [])
            codes = joined["code"].fill_null(len(values)).to_numpy().astype(np.int64)
            self.memory["codes", name] = codes, labels
        found: tuple[Ints, list[Any]] = self.memory["codes", name]
        return found

    def in_corpus(self, positions: Ints) -> Ints:
        """Return those positions that are in the corpus's own documents."""
        if self.kept is None:
            return positions
        return positions[self.kept[self.text.documents_at(positions)]]

    def provenance(self, **asked: Any) -> dict[str, Any]:
        """Return what a result says of its origin: corpus, steps, version, and what was asked."""
        steps = [step.to_dict() for step in self.corpus.steps]
        if "fingerprint" not in self.memory:  # reads every text of a filtered corpus
            self.memory["fingerprint"] = self.corpus.fingerprint
        return {
            "corpus": self.corpus.name,
            "fingerprint": self.memory["fingerprint"],
            "filters": [step for step in steps if step["step"] in ("filter", "sample", "split")],
            "words": self.n_words,
            "word_definition": DEFINITION,
            "version": __version__,
            **asked,
        }

    def __repr__(self) -> str:
        about = self.text.about
        return (
            f"Index of '{self.corpus.name}': {self.n_words:,} words in {len(self.corpus):,} "
            f"documents; {about['distinct_words']:,} distinct words, "
            f"{self.text.size_bytes / 1e6:,.0f} MB, built in {about['build_s']:g} s"
        )


_OPEN: OrderedDict[int, Index] = OrderedDict()


def index_corpus(corpus: Corpus, *, progress: Progress | None = None, fresh: bool = False) -> Index:
    """Return the index of a corpus, built if it is not there yet.

    Parameters
    ----------
    progress
        Called with documents read and documents in all, while the index is built.
    fresh
        Whether to build it again.

    Raises
    ------
    CorpusError
        If the corpus has no documents, or no words.

    Examples
    --------
    >>> index = index_corpus(Corpus.from_texts(["sol och regn", "sol"]))
    >>> index.n_words, index.text.words.to_list()
    (4, ['och', 'regn', 'sol'])
    """
    if id(corpus) in _OPEN and not fresh:
        _OPEN.move_to_end(id(corpus))
        return _OPEN[id(corpus)]
    if not isinstance(corpus, Corpus):
        raise CorpusError(
            f"A {type(corpus).__name__} was given: {str(corpus)[:40]!r}.",
            "A Corpus was expected.",
            "Corpus.from_texts(texts), or load_sample('newsreels')",
        )
    if len(corpus) == 0:
        raise CorpusError(
            f"Corpus '{corpus.name}' has no documents.",
            "At least one was expected.",
            "What its filters dropped, and why: corpus.dropped()",
        )
    relative = None if fresh else _relative(corpus.store)
    text = relative.text if relative else _text_index(corpus, progress, fresh=fresh)
    columns = relative.columns if relative else {}
    kept = _kept_rows(corpus)
    index = Index(corpus, text, kept, columns, {} if fresh else _memory(corpus.store, kept))
    if index.n_words == 0:
        raise CorpusError(
            f"Corpus '{corpus.name}' holds no word.", "A word begins with a letter or a digit."
        )
    _OPEN[id(corpus)] = index  # the index holds the corpus, so its id is not given away
    while len(_OPEN) > KEPT_OPEN:
        _OPEN.popitem(last=False)
    return index


def _relative(store: Store) -> Index | None:
    return next((index for index in reversed(_OPEN.values()) if index.corpus.store is store), None)


def _memory(store: Store, kept: NDArray[np.bool_] | None) -> dict[Any, Any]:
    """Return what is remembered of the same rows, for a cell that is run again filters again."""
    for index in reversed(_OPEN.values()):
        if index.corpus.store is store and _same(index.kept, kept):
            return index.memory
    return {}


def _same(one: NDArray[np.bool_] | None, other: NDArray[np.bool_] | None) -> bool:
    return one is other if one is None or other is None else np.array_equal(one, other)


def _kept_rows(corpus: Corpus) -> NDArray[np.bool_] | None:
    if corpus.selection.whole:
        return None
    rows = corpus.selection.numbered().select(ROW).collect(engine="streaming")[ROW].to_numpy()
    kept = np.zeros(corpus.store.height, dtype=np.bool_)
    kept[rows] = True
    return kept


def _text_index(corpus: Corpus, progress: Progress | None, *, fresh: bool) -> TextIndex:
    whole = Corpus(corpus.name, Selection(corpus.store))
    if corpus.store.folder is None and whole.n_words < ON_DISK_FROM:
        held = tempfile.TemporaryDirectory(prefix="kblib-index-")
        folder = Path(held.name)
        return TextIndex(folder, _build(whole, folder, progress), held)
    fingerprint = str(corpus.store.manifest.get("fingerprint") or whole.fingerprint)
    target = settings.home() / "indexes" / f"{fingerprint[:16]}-{FORMAT}.{DEFINITION}"
    if fresh or not target.exists():
        _build_on_disk(whole, target, fingerprint, progress)
    return TextIndex(target, _checked(target, fingerprint))


def _build_on_disk(
    whole: Corpus, target: Path, fingerprint: str, progress: Progress | None
) -> None:
    about: dict[str, Any] = {}
    try:
        with sealed_folder(target, about, replace=target.exists()) as folder:
            about.update(_build(whole, folder, progress), fingerprint=fingerprint)
    except FileExistsError:  # another session built it in the meantime
        return


def _build(whole: Corpus, folder: Path, progress: Progress | None) -> dict[str, Any]:
    batches = whole.batches(BATCH, ["text"])
    return build_index(batches, folder, name=whole.name, n_documents=len(whole), progress=progress)


def _checked(folder: Path, fingerprint: str) -> dict[str, Any]:
    again = "Build it again: index_corpus(corpus, fresh=True)"
    try:
        about = check_folder(folder, contents=False)
    except IntegrityError as error:
        raise IntegrityError(error.happened, error.expected, again) from None
    if about.get("fingerprint") != fingerprint:
        raise IntegrityError(f"{folder} is the index of other texts.", "", again)
    return about


def column_values(index: Index, name: str, documents: Sequence[int] | Ints) -> list[Any]:
    """Return the values of a column for some documents, as a list."""
    return index.values_at(name, documents).to_list()
