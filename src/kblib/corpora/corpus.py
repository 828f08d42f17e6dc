"""Corpus: an immutable set of documents, lazy until something has to be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from kblib import settings
from kblib.corpora import catalogue, columns, parts
from kblib.corpora.document import Document
from kblib.corpora.filters import Filter, check_filters, equal_to, in_years, judge
from kblib.corpora.selection import Selection
from kblib.corpora.steps import Choice, Step
from kblib.corpora.storage import (
    FORMAT,
    Store,
    content_of,
    find_folder,
    fingerprint_of,
    folder_name,
    holds,
    holds_content,
    open_store,
    steps_of,
)
from kblib.corpora.tables import frame_of_table, frame_of_texts, pandas_of
from kblib.corpora.writing import write_corpus
from kblib.errors import CorpusError
from kblib.files import check_folder

if TYPE_CHECKING:
    import pandas as pd

BATCH = 1_000


@dataclass(frozen=True, eq=False, repr=False)
class Corpus:
    """An immutable set of documents.

    Filtering, sampling and splitting return a new corpus and share the rows, which stay on disk;
    what a step dropped is counted, with reasons, in ``manifest`` and can be looked at with
    ``dropped()``.

    Attributes
    ----------
    name
        What a researcher calls it.
    selection
        The rows it holds, of a store it shares with its relatives.

    Examples
    --------
    >>> weather = Corpus.from_texts(["sol", "regn och blåst", "snö"], year=[1931, 1932, 1950])
    >>> thirties = weather.filter(years=(1930, 1939))
    >>> len(thirties), list(thirties.texts())
    (2, ['sol', 'regn och blåst'])
    >>> thirties.manifest["steps"][-1]["dropped"]
    {'year outside 1930-1939': 1}
    """

    name: str
    selection: Selection

    @classmethod
    def from_texts(cls, texts: Iterable[str], *, name: str = "texts", **extra: Any) -> Corpus:
        """Make a corpus of strings; ids are the name and a number from 1.

        Parameters
        ----------
        extra
            More columns: a list as long as `texts`, or one value for all, such as ``year=1935``.
        """
        return cls._of_frame(frame_of_texts(texts, name, extra), name, "from_texts")

    @classmethod
    def from_table(
        cls,
        table: pl.DataFrame | pd.DataFrame,
        *,
        name: str = "table",
        text: str = "text",
        id: str | None = None,  # noqa: A002  the column's name
    ) -> Corpus:
        """Make a corpus of a Polars or pandas table, one document a row; all columns are kept.

        Parameters
        ----------
        text, id
            The columns that hold text and id. Without `id`, a column of that name is taken, else
            rows are numbered.
        """
        return cls._of_frame(
            frame_of_table(table, name, text=text, id_column=id), name, "from_table"
        )

    @classmethod
    def from_documents(cls, documents: Iterable[Document], *, name: str = "documents") -> Corpus:
        """Make a corpus of documents; what their origins hold becomes columns."""
        return cls._of_frame(columns.frame_of_documents(documents), name, "from_documents")

    @classmethod
    def open(cls, name_or_path: str | Path) -> Corpus:
        """Open a saved corpus by folder, or by the name it was saved under.

        Raises
        ------
        CorpusError
            If there is none of that name; those there are, are listed.
        IntegrityError
            If a file is missing or has another size than its manifest says.
        """
        store = open_store(find_folder(name_or_path))
        return cls(str(store.manifest["name"]), Selection(store, steps_of(store.manifest)))

    @classmethod
    def _of_frame(cls, frame: pl.DataFrame, name: str, verb: str) -> Corpus:
        frame = columns.standard_frame(frame, name)
        return cls(name, Selection(Store(frame.lazy()), (Step(verb, {"kept": frame.height}),)))

    def filter(
        self, *filters: Filter, years: tuple[int, int] | None = None, **equals: Any
    ) -> Corpus:
        """Keep the documents that pass every filter.

        Parameters
        ----------
        filters
            From ``kblib.corpora.filters``; they run in order, and the first that drops a document
            gives its reason.
        years
            First and last year, both included. Documents of unknown year are dropped, with that as
            their reason.
        equals
            Columns and the value, or list of values, to keep: ``medium="speech"``.

        Raises
        ------
        CorpusError
            If a column is not there; those there are, are listed.
        """
        chosen = [*(in_years(years) if years is not None else ())]
        chosen += [equal_to(column, value) for column, value in equals.items()]
        chosen += filters
        strange = next((one for one in chosen if not isinstance(one, Filter)), None)
        if strange is not None:
            raise CorpusError(
                f"filter got {strange!r}, which is no filter.",
                "Filters, years or columns were expected.",
                "corpus.filter(*kb.newsreel_filters(), years=(1930, 1959), medium='speech')",
            )
        for column in (column for one in chosen for column in one.columns):
            columns.known_column(column, self.columns, self.name)
        check_filters(self.store.numbered(), chosen, self.name)
        choice = Choice(lambda: judge(self.selection.numbered(), chosen))
        return self._with(Step("filter", {"filters": [one.name for one in chosen]}, choice))

    def sample(self, n: int, *, seed: int, by: str | None = None) -> Corpus:
        """Draw `n` documents, or `n` of each `by`, the same for the same seed; order stays.

        Raises
        ------
        CorpusError
            If fewer than `n` documents are there.
        """
        by = None if by is None else columns.known_column(by, self.columns, self.name)
        outcome = parts.sample(self.selection.numbered(), n, seed=seed, by=by, name=self.name)
        return self._with(Step("sample", {"n": n, "by": by, "seed": seed}, Choice.made(outcome)))

    def split(
        self, *, test: float = 0.1, valid: float = 0.0, by: str, seed: int
    ) -> tuple[Corpus, ...]:
        """Split into train and test, or train, valid and test; groups stay whole.

        Parameters
        ----------
        test, valid
            Shares of the groups, not of the documents.
        by
            The column that names a group, such as ``film``; ``id`` makes each document its own
            group.
        seed
            Groups are ranked by the BLAKE2b of ``seed:group``; the first go to test, the next to
            valid.

        Raises
        ------
        CorpusError
            If the column is not there, or there are too few groups for a part to have one.
        """
        columns.known_column(by, self.columns, self.name)
        outcomes = parts.split(
            self.selection.numbered(), test=test, valid=valid, by=by, seed=seed, name=self.name
        )
        return tuple(
            self._with(
                Step(
                    "split",
                    {"part": part, "by": by, "test": test, "valid": valid, "seed": seed},
                    Choice.made(done),
                ),
                name=f"{self.name}-{part}",
            )
            for part, done in outcomes.items()
        )

    def save(self, folder: str | Path | None = None, *, replace: bool = False) -> Corpus:
        """Write a sealed folder with what was dropped, and return the corpus opened from it.

        Parameters
        ----------
        folder
            By default the name and twelve digits of the content, below
            ``settings.corpora_folder()``. Saving the same corpus twice is no error; with another
            column, or one corrected, it is another corpus.
        replace
            Whether another corpus that is there gives way.

        Raises
        ------
        CorpusError
            If `folder` is there and holds something else.
        """
        about = {"kind": "corpus", "format": FORMAT, **self.manifest}
        target = settings.corpora_folder() / folder_name(self.name, self.content)
        if folder is not None:
            target = Path(folder).expanduser().absolute()
        elif holds(target, about):
            return Corpus.open(target)
        else:
            settings.writable_home()
            # The same documents by another way, or a damaged folder: what is read stays the same.
            replace = replace or (target.exists() and holds_content(target, self.content))
        write_corpus(target, about, self.selection, replace=replace)
        return Corpus.open(target)

    def check(self) -> Corpus:
        """Compare every file of a saved corpus with its checksum, and return the corpus.

        Raises
        ------
        IntegrityError
            Naming the first file that was changed.
        """
        if self.store.folder is not None:
            check_folder(self.store.folder, contents=True)
        return self

    @property
    def store(self) -> Store:
        """The rows this corpus and its relatives share."""
        return self.selection.store

    @property
    def steps(self) -> tuple[Step, ...]:
        """What made it, in order."""
        return self.selection.steps

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self.store.schema.names())

    @property
    def folder(self) -> Path | None:
        """The folder the corpus was opened from; None for one that is not saved as it is."""
        return self.store.folder if self.selection.whole else None

    @cached_property
    def fingerprint(self) -> str:
        """A hexadecimal number for the content: equal for equal ids and texts in equal order."""
        if self.folder is not None:
            return str(self.store.manifest["fingerprint"])
        return fingerprint_of(self.batches(BATCH, ["id", "text"]))

    @cached_property
    def content(self) -> str:
        """A hexadecimal number for all columns: a corrected film or year makes it another."""
        said = self.store.manifest.get("content") if self.folder is not None else None
        return str(said) if said else content_of(self.batches(BATCH))

    @property
    def manifest(self) -> dict[str, Any]:
        """Name, fingerprints, counts, steps with what each dropped and why, what was left out."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "content": self.content,
            **self.counts,
            "columns": {name: str(kind) for name, kind in self.store.schema.items()},
            "steps": [step.to_dict() for step in self.steps],
            "left_out": [dict(one) for one in self.store.left_out],
        }

    @cached_property
    def counts(self) -> dict[str, int | None]:
        """Documents, words (between spaces), characters, and the first and last known year."""
        if self.folder is not None:
            return {key: self.store.manifest[key] for key in parts.COUNTS}
        return parts.counts(self.frame())

    @property
    def n_words(self) -> int:
        """How many words there are, counted between spaces."""
        return int(self.counts["words"] or 0)

    def __len__(self) -> int:
        return self.selection.height

    def __getitem__(self, index: int) -> Document:
        length = len(self)
        if not isinstance(index, int):
            raise CorpusError(
                f"corpus[{index!r}] is not one document.",
                "A whole number was expected.",
                "For several: corpus.head(5)",
            )
        if not -length <= index < length:
            raise IndexError(
                f"Corpus '{self.name}' has {length} documents; there is no number {index}."
            )
        return columns.document_of_row(self.selection.row(index % length))

    def __iter__(self) -> Iterator[Document]:
        return self.documents()

    def frame(self) -> pl.LazyFrame:
        """Return the documents as a Polars frame that reads nothing until it is collected."""
        return self.selection.frame()

    def batches(
        self, size: int = BATCH, columns: Iterable[str] | None = None
    ) -> Iterator[pl.DataFrame]:
        """Yield the documents in order as Polars tables of `size` rows, the last maybe shorter."""
        return self.selection.batches(size, None if columns is None else list(columns))

    def texts(self) -> Iterator[str]:
        """Yield the texts in order."""
        for batch in self.batches(columns=["text"]):
            yield from batch["text"].to_list()

    def documents(self) -> Iterator[Document]:
        """Yield the documents in order."""
        for batch in self.batches():
            yield from map(columns.document_of_row, batch.iter_rows(named=True))

    @property
    def table(self) -> pd.DataFrame:
        """All documents as a pandas table; everything is loaded."""
        return pandas_of(self.frame())

    def head(self, n: int = 5) -> pd.DataFrame:
        """Return the first `n` documents as a pandas table."""
        return pandas_of(self.frame().head(n))

    def summary(self, by: str = "year") -> pd.DataFrame:
        """Return documents, words and characters for each value of a column, unknown last."""
        columns.known_column(by, self.columns, self.name)
        return pandas_of(parts.summary(self.frame(), by))

    def dropped(self, reason: str | None = None) -> pd.DataFrame:
        """Return the documents that filters dropped, each with its reason, as a pandas table.

        Raises
        ------
        CorpusError
            If nothing was dropped for `reason`; the reasons there are, are listed.
        """
        return pandas_of(self.selection.dropped_for(reason, self.name))

    @property
    def left_out(self) -> pd.DataFrame:
        """What a reader could not use, as a pandas table: file, line, reason."""
        rows = [dict(one) for one in self.store.left_out]
        schema = {"file": pl.String, "line": pl.Int64, "reason": pl.String}
        return pandas_of(pl.DataFrame(rows, schema=schema).lazy())

    def __repr__(self) -> str:
        return catalogue.as_text(self._card())

    def _repr_html_(self) -> str:
        return catalogue.as_html(self._card())

    def _card(self) -> catalogue.Card:
        counts = self.counts if len(self) <= catalogue.COUNT_UP_TO else {"documents": len(self)}
        left_out = len(self.store.left_out)
        return catalogue.card_of(self.name, counts, self.frame(), self.steps, left_out)

    def _with(self, step: Step, *, name: str | None = None) -> Corpus:
        return Corpus(name or self.name, self.selection.then(step))
