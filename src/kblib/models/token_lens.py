"""How many pieces a word has, by period and medium: what a tokenizer makes of a whole corpus.

A tokenizer learnt on one time cuts the words of another into more pieces, and a model that gets
crumbs knows less. The count is of running words as they are written, marks left out; bands come
from drawing whole films, as for any rate (`kblib.ngrams.resampling`).

Letters on arrays: T types, R cells of the corpus, V values, P periods, S media, K kinds, B
resamples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kblib.corpora import Corpus
from kblib.corpora.tables import pandas_of
from kblib.models.token_cuts import Tokenizers, named_tokenizers
from kblib.ngrams.index import Index, Ints, index_corpus
from kblib.ngrams.resampling import FEWEST_UNITS, Band, Floats, check_band, interval, resample
from kblib.ngrams.units import (
    MEDIUM,
    Cells,
    cells_of,
    media_of,
    name_of,
    periods_of,
    strata_of,
    unit_codes,
    unit_of,
)
from kblib.ngrams.word_kinds import KINDS, type_kinds
from kblib.tokens.subwords import Tokenizer

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_BAND = Band()
REFERENCES = ("Rust et al. (2021), How Good is Your Tokenizer?, arXiv:2012.15613.",)
EXAMPLES = 3
CHUNK = 4_000_000


@dataclass(frozen=True, eq=False)
class TokenLens:
    """Pieces a word of a corpus, by tokenizer, medium and period.

    Attributes
    ----------
    rows
        One row a tokenizer, medium and period: words, pieces_per_word, low, high, whole_share
        (running words that stay in one piece), unknown_share (those it cannot spell), units, note.
    kinds
        One row a tokenizer, medium and kind of word (`kblib.ngrams.word_kinds`): words,
        pieces_per_word, low, high, units, note, examples (the most frequent of the whole corpus
        that are cut).
    warnings
        What a reader of the numbers has to know, in sentences.
    provenance
        Corpus, fingerprint, filters, tokenizers, seed, version.
    """

    rows: pl.DataFrame
    kinds: pl.DataFrame
    warnings: tuple[str, ...]
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> pd.DataFrame:
        """Pieces a word by tokenizer, medium and period, as a pandas table."""
        return pandas_of(self.rows.lazy())

    @property
    def by_kind(self) -> pd.DataFrame:
        """Pieces a word by tokenizer, medium and kind of word, as a pandas table."""
        return pandas_of(self.kinds.lazy())

    @property
    def tokenizers(self) -> tuple[str, ...]:
        """The names of the tokenizers."""
        return tuple(self.rows["tokenizer"].unique(maintain_order=True))

    def __repr__(self) -> str:
        return f"TokenLens of '{self.provenance['corpus']}'\n{self.rows}"


def token_lens(
    corpus: Corpus, tokenizers: Tokenizers, *, per: str = "decade", band: Band = DEFAULT_BAND
) -> TokenLens:
    """Count the pieces of every running word of a corpus.

    Parameters
    ----------
    tokenizers
        A tokenizer, a model, a name of one; a list of these, or a dictionary with names.
    per
        ``year``, ``decade``, or any column whose values are the axis.
    band
        What is resampled, how often, with which seed. There is no band for fewer than 10 units.

    Raises
    ------
    CorpusError
        If the corpus is empty or has no years.
    ModelError
        If no tokenizer was given.

    References
    ----------
    Rust et al. (2021), How Good is Your Tokenizer?, arXiv 2012.15613, for pieces a word
    (*fertility*) and the share of words that stay whole.
    """
    check_band(band)
    named = named_tokenizers(tokenizers)
    index = index_corpus(corpus)
    unit = unit_of(index, band.unit)
    strata = (MEDIUM,) if len(media_of(index)) > 0 else ()
    lens = _Lens(index, per, unit, strata, cells_of(index, unit, per, strata), band)
    values = {name: type_values(index, one) for name, one in named.items()}
    rows = pl.concat([lens.by_period(name, found) for name, found in values.items()])
    kinds = pl.concat([lens.by_kind(name, found) for name, found in values.items()])
    asked = {"per": per, **asdict(band), "unit": unit}
    asked["references"] = REFERENCES
    asked["tokenizers"] = {name: one.fingerprint for name, one in named.items()}
    return TokenLens(rows, kinds, tuple(lens.warnings()), index.provenance(**asked))


def type_values(index: Index, tokenizer: Tokenizer) -> Floats:
    """Return for each type: 1, its pieces, whether it is one, whether it is spelt; shape (T, 4).

    Each is cut with a space before it, as it stands in a text.
    """
    unknown = tokenizer.unknown_id if tokenizer.has("unk_token") else -1
    ids = tokenizer.encode_batch([f" {one}" for one in index.text.types.to_list()], special=False)
    return np.array(
        [(1.0, len(one), len(one) == 1 and unknown not in one, unknown in one) for one in ids]
    )


@dataclass(frozen=True, eq=False)
class _Lens:
    """What the tables of all tokenizers share."""

    index: Index
    per: str
    unit: str
    strata: tuple[str, ...]
    cells: Cells
    band: Band

    @property
    def media(self) -> list[str]:
        _, strata = strata_of(self.index, self.strata)
        return [name_of(one[0]) if one else "all" for one in strata]

    @property
    def shape(self) -> tuple[int, int]:
        return len(periods_of(self.index, self.per).labels), len(self.media)

    def by_period(self, name: str, values_TV: Floats) -> pl.DataFrame:
        sums_RV = self._sums(values_TV)
        plain_PSV, drawn_BPSV = self._summed(self.cells, sums_RV, self.shape)
        units_PS = self._units(self.cells, self.shape)
        labels, tables = periods_of(self.index, self.per).labels, []
        for s, medium in enumerate(self.media):
            words, pieces, whole, unknown = plain_PSV[:, s].T
            drawn_BP = _ratio(drawn_BPSV[:, :, s, 1], drawn_BPSV[:, :, s, 0])
            rates = {"whole_share": _ratio(whole, words), "unknown_share": _ratio(unknown, words)}
            about = {"tokenizer": [name] * len(labels), "medium": [medium] * len(labels)}
            band = self._band(words, pieces, drawn_BP, units_PS[:, s])
            tables.append(pl.DataFrame({**about, "period": labels, **band, **rates}))
        return pl.concat(tables).select(
            "tokenizer", "medium", "period", "words", "pieces_per_word", "low", "high",
            "whole_share", "unknown_share", "units", "note",
        )  # fmt: skip

    def by_kind(self, name: str, values_TV: Floats) -> pl.DataFrame:
        """Put kinds where the periods are: each cell is cut by kind and the periods are summed."""
        kind_T = type_kinds(self.index)
        tables = []
        for k, kind in enumerate(KINDS):
            sums_RV = self._sums(values_TV[:, :2] * (kind_T == k)[:, None])
            there = sums_RV[:, 0] > 0
            cells = Cells(
                self.cells.of_document, self.cells.unit[there],
                np.zeros(int(there.sum()), np.int64), self.cells.stratum[there],
                self.cells.words[there],
            )  # fmt: skip
            shape = (1, len(self.media))
            plain, drawn = self._summed(cells, sums_RV[there], shape)
            units = self._units(cells, shape)
            band = self._band(
                plain[0, :, 0],
                plain[0, :, 1],
                _ratio(drawn[:, 0, :, 1], drawn[:, 0, :, 0]),
                units[0],
            )
            about = {"tokenizer": [name] * len(self.media), "medium": self.media}
            examples = [self._examples(kind_T == k, values_TV)] * len(self.media)
            tables.append(
                pl.DataFrame(
                    {**about, "kind": [kind] * len(self.media), **band, "examples": examples}
                )
            )
        return pl.concat(tables)

    def warnings(self) -> Iterator[str]:
        if len(self.media) > 1:
            yield f"{' and '.join(self.media)} are separate series; their errors differ."
        outside = self.index.document_words[periods_of(self.index, self.per).codes < 0].sum()
        if outside:
            share = outside / self.index.n_words
            yield f"{outside:,} words ({share:.1%}) are of unknown {self.per} and left out."
        if self.unit == "id":
            yield "Each document is resampled on its own, as if none depended on another."

    def _sums(self, values_TV: Floats) -> Floats:
        """Return the values of the running words of each cell, shape (R, V)."""
        sums_RV = np.zeros((len(self.cells.words), values_TV.shape[1]))
        text = self.index.text
        for documents in _parts(self.index):
            rows = self.cells.of_document[documents]
            documents, rows = documents[rows >= 0], rows[rows >= 0]
            lengths = self.index.document_words[documents]
            within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            types = text.ids[np.repeat(text.word_starts[documents], lengths) + within]
            row_of = np.repeat(rows, lengths)
            for v in range(values_TV.shape[1]):
                sums_RV[:, v] += np.bincount(row_of, values_TV[types, v], minlength=len(sums_RV))
        return sums_RV

    def _summed(
        self, cells: Cells, sums_RV: Floats, shape: tuple[int, int]
    ) -> tuple[Floats, Floats]:
        plain_PSV = np.zeros((*shape, sums_RV.shape[1]))
        if not len(sums_RV):  # no word of this kind: nothing to draw
            return plain_PSV, np.zeros((self.band.resamples, *plain_PSV.shape))
        np.add.at(plain_PSV, (cells.period, cells.stratum), sums_RV)
        return plain_PSV, resample(cells, sums_RV, shape, self.band)

    def _units(self, cells: Cells, shape: tuple[int, int]) -> Ints:
        """Return how many units have words in each period and medium."""
        _, n = unit_codes(self.index, self.unit)
        place = cells.period * shape[1] + cells.stratum
        each = np.unique(place * n + cells.unit) // n
        return np.bincount(each, minlength=shape[0] * shape[1]).reshape(shape)

    def _band(self, words: Floats, pieces: Floats, drawn_BX: Floats, units: Ints) -> dict[str, Any]:
        notes = [
            "no words" if not n else f"fewer than {FEWEST_UNITS} units ({self.unit}): no interval"
            if few else ""
            for n, few in zip(words, units < FEWEST_UNITS, strict=True)
        ]  # fmt: skip
        sure = np.array([not note for note in notes])
        low, high = (np.full(len(words), np.nan) for _ in range(2))
        if sure.any():
            low[sure], high[sure] = interval(drawn_BX[:, sure], self.band.confidence)
        rate = _ratio(pieces, words)
        return {
            "words": words.astype(np.int64), "pieces_per_word": rate, "low": low, "high": high,
            "units": units, "note": notes,
        }  # fmt: skip

    def _examples(self, chosen_T: Any, values_TV: Floats) -> str:
        """Return the most frequent types among some that are cut at all."""
        counts = self._type_counts()
        order = np.argsort(-counts * (chosen_T & (values_TV[:, 1] > 1)), kind="stable")[:EXAMPLES]
        some = [int(at) for at in order if chosen_T[at] and values_TV[at, 1] > 1]
        return ", ".join(self.index.text.types.gather(some).to_list())

    def _type_counts(self) -> Ints:
        key = ("type counts",)
        if key not in self.index.memory:
            n_types = len(self.index.text.types)
            total = np.zeros(n_types, dtype=np.int64)
            for start in range(0, len(self.index.text.ids), CHUNK):
                total += np.bincount(self.index.text.ids[start : start + CHUNK], minlength=n_types)
            self.index.memory[key] = total
        found: Ints = self.index.memory[key]
        return found


def _parts(index: Index) -> Iterator[Ints]:
    """Yield the documents that have words, some million words at a time."""
    there = np.flatnonzero(index.document_words)
    ends = np.cumsum(index.document_words[there])
    yield from np.split(there, np.flatnonzero(np.diff(ends // CHUNK)) + 1)


def _ratio(one: Floats, other: Floats) -> Floats:
    found: Floats = np.divide(one, other, out=np.full_like(one, np.nan), where=other > 0)
    return found
