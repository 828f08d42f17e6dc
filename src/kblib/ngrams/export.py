"""What leaves the session: hits for a reference manager, and n-gram counts that disclose no text.

A table of n-grams is safe to publish only if no row leads back to one text. So each row stands for
several units (films, books), cells are fixed (decade and medium, never a year or a title, so that
two tables cannot be subtracted to lay bare a third), and n is small where texts are in copyright.
The limits are a policy to be agreed with whoever holds the rights, not law.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kblib.corpora import Corpus
from kblib.corpora.tables import pandas_of
from kblib.errors import CorpusError
from kblib.files import write_atomic, write_json
from kblib.ngrams.concordance import Concordance, time_code
from kblib.ngrams.frequencies import check_order
from kblib.ngrams.index import Index, Ints, index_corpus
from kblib.ngrams.ngram_counts import count_ngrams, named_ngrams
from kblib.ngrams.units import cells_of, periods_of, strata_of, unit_codes, unit_of

if TYPE_CHECKING:
    import pandas as pd

LEAST_UNITS = 5
LONGEST_IN_COPYRIGHT = 3
FREE = ("CC0", "PDM", "public domain", "Public Domain")
WHERE = ("film", "reel", "medium", "collection", "page", "box")

KINDS = {
    "newsreel": ("motion_picture", "VIDEO"),
    "film": ("motion_picture", "VIDEO"),
    "newspaper": ("article-newspaper", "NEWS"),
    "report": ("report", "RPRT"),
    "web": ("webpage", "ELEC"),
    "radio": ("broadcast", "SOUND"),
    "postcard": ("graphic", "ART"),
}
"""Kinds of documents, as CSL 1.0.2 and RIS name them; the rest is a document."""
OTHER_KIND = ("document", "GEN")


def csl_items(found: Concordance) -> Iterator[dict[str, Any]]:
    """Yield each hit as a CSL-JSON item: its document, with the line and the place in the note."""
    for row in _rows(found):
        item: dict[str, Any] = {
            "id": f"{row['id']}#{row['number']}",
            "type": KINDS.get(str(row.get("kind")), OTHER_KIND)[0],
            "title": row.get("title") or row["id"],
            "container-title": row.get("source"),
            "language": row.get("language"),
            "abstract": _line(row),
            "note": _place(row),
        }
        if row.get("year") is not None:
            item["issued"] = {"date-parts": [_date_parts(row)]}
        yield {key: value for key, value in item.items() if value}


def write_csl_json(found: Concordance, path: str | Path) -> Path:
    """Write all hits as CSL-JSON, which Zotero and pandoc read."""
    items = list(csl_items(found))
    text = json.dumps(items, ensure_ascii=False, indent=1) + "\n"
    return _write(path, text)


def write_ris(found: Concordance, path: str | Path) -> Path:
    """Write all hits as RIS, which EndNote, Mendeley and Zotero read."""
    return _write(path, "".join(map(_ris_record, _rows(found))))


def _ris_record(row: dict[str, Any]) -> str:
    fields = [
        ("TY", KINDS.get(str(row.get("kind")), OTHER_KIND)[1]),
        ("ID", f"{row['id']}#{row['number']}"),
        ("TI", row.get("title") or row["id"]),
        ("T2", row.get("source")),
        ("PY", row.get("year")),
        ("LA", row.get("language")),
        ("AB", _line(row)),
        ("N1", _place(row)),
        ("ER", ""),
    ]
    given = ((tag, " ".join(str(value).split())) for tag, value in fields if value is not None)
    return "".join(f"{tag}  - {value}\r\n" for tag, value in given if value or tag == "ER")


def _rows(found: Concordance) -> Iterator[dict[str, Any]]:
    for batch in found.batches():
        yield from batch.iter_rows(named=True)


def _line(row: dict[str, Any]) -> str:
    return " ".join(part for part in (row["left"], f"[{row['hit']}]", row["right"]) if part)


def _place(row: dict[str, Any]) -> str:
    parts = [f"{name}: {row[name]}" for name in WHERE if row.get(name) not in (None, "")]
    if row.get("start_s") is not None:
        ends = [code for code in (time_code(row["start_s"]), time_code(row.get("end_s"))) if code]
        parts.append(f"time: {'-'.join(ends)}")
    if row.get("licence"):
        parts.append(f"licence: {row['licence']}")
    return "; ".join(parts)


def _date_parts(row: dict[str, Any]) -> list[int]:
    parts = str(row.get("date") or "").split("-")
    if all(part.isdigit() for part in parts) and int(parts[0]) == row["year"]:
        return [int(part) for part in parts]
    return [int(row["year"])]


def _write(path: str | Path, text: str) -> Path:
    target = Path(path).expanduser()
    write_atomic(target, text.encode("utf-8"))
    return target


@dataclass(frozen=True, eq=False)
class SafeTable:
    """Counts of n-grams that may leave the house.

    Attributes
    ----------
    rows
        decade, medium (where the corpus has one), ngram, count, units.
    held_back
        For each cell: n-grams and running n-grams that are not in the table.
    provenance
        Corpus, fingerprint, filters, version, threshold, n.
    """

    rows: pl.DataFrame
    held_back: pl.DataFrame
    provenance: dict[str, Any]

    @property
    def table(self) -> pd.DataFrame:
        """The counts as a pandas table."""
        return pandas_of(self.rows.lazy())

    def save(self, path: str | Path) -> Path:
        """Write the table as CSV, and beside it what it is, as JSON."""
        target = _write(path, self.rows.write_csv())
        write_json(target.with_suffix(".json"), self.provenance)
        return target


def export_ngrams(
    corpus: Corpus, *, n: int = 1, least_units: int = LEAST_UNITS, unit: str | None = None
) -> SafeTable:
    """Count n-grams by decade and medium, and hold back those of few units.

    Parameters
    ----------
    least_units
        In how many different units (film, else title, else document) of its cell an n-gram must
        stand; 5 or more.
    unit
        Another column; what one person or publisher made belongs together.

    Raises
    ------
    CorpusError
        If `n` is too large for texts in copyright, the threshold too low, or the documents have
        no years.
    """
    check_order(n)
    index = index_corpus(corpus)
    _check_policy(index, n, least_units)
    name = unit_of(index, unit)
    media = ("medium",) if "medium" in corpus.columns else ()
    units = unit_codes(index, name)[0]
    rows, held = [], []
    for label, documents in _cells(index, name, media):
        safe, gone = _parted(index, n, units, documents, least_units)
        held.append({**label, **gone})
        named = named_ngrams(index, safe, n).rename({"groups": "units"})
        rows.append(named.with_columns(pl.lit(value).alias(key) for key, value in label.items()))
    keys = ["decade", *media]
    table = pl.concat(rows).select(*keys, "ngram", "count", "units")
    said = index.provenance(n=n, least_units=least_units, unit=name, cells=keys)
    return SafeTable(
        table.sort(*keys, "count", "ngram", descending=[False] * len(keys) + [True, False]),
        pl.DataFrame(held),
        said,
    )


def _cells(
    index: Index, unit: str, media: tuple[str, ...]
) -> Iterator[tuple[dict[str, Any], Ints]]:
    cells = cells_of(index, unit, "decade", media)
    labels = periods_of(index, "decade").labels
    strata = strata_of(index, media)[1]
    there = np.flatnonzero(cells.of_document >= 0)
    row = cells.of_document[there]
    key = cells.period[row] * len(strata) + cells.stratum[row]
    for one in np.unique(key).tolist():
        period, stratum = divmod(one, len(strata))
        about = {"decade": labels[period], **dict(zip(media, strata[stratum], strict=True))}
        yield about, there[key == one]


def _parted(
    index: Index, n: int, units: Ints, documents: Ints, least_units: int
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return the n-grams of some documents that enough units have, and how many are held back."""
    counted = count_ngrams(index, n, units, documents)
    enough = pl.col("groups") >= least_units
    gone = counted.filter(~enough)["count"]
    return counted.filter(enough), {"ngrams": len(gone), "running": int(gone.sum())}


def _check_policy(index: Index, n: int, least_units: int) -> None:
    if type(least_units) is not int or least_units < LEAST_UNITS:
        raise CorpusError(
            f"least_units is {least_units!r}.",
            f"At least {LEAST_UNITS} was expected: fewer texts could be recognised.",
            f"least_units={LEAST_UNITS}",
        )
    if n > LONGEST_IN_COPYRIGHT and not _all_free(index):
        raise CorpusError(
            f"n is {n}, and corpus '{index.corpus.name}' holds texts that are not marked as free.",
            f"Up to {LONGEST_IN_COPYRIGHT} was expected: longer n-grams quote.",
            f"n={LONGEST_IN_COPYRIGHT}, or a corpus whose licence or rights column says "
            f"{' or '.join(FREE[:2])}.",
        )


def _all_free(index: Index) -> bool:
    kept = index.document_words > 0
    for name in ("licence", "rights"):
        if name in index.corpus.columns:
            values = index.column(name).filter(pl.Series(kept)).unique().to_list()
            if all(value is not None and value.startswith(FREE) for value in values):
                return True
    return False
