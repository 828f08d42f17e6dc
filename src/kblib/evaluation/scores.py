"""How good a model's labels are, class by class and group by group, with intervals.

Texts of one film or issue resemble one another, so intervals come from drawing whole units with
replacement (the cluster bootstrap; Davison and Hinkley 1997, 3.8). A model is compared with another
on the same texts, and units are drawn for both together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kblib import __version__
from kblib.corpora import Corpus
from kblib.corpora.columns import column_names, known_column
from kblib.corpora.tables import pandas_of
from kblib.errors import LabelError
from kblib.evaluation import matrices as m
from kblib.evaluation.tables import (
    UNSURE,
    WITH_ZEROS,
    check_corpus,
    check_numbers,
    check_spelling,
    check_zeros,
    frame_of,
)
from kblib.ngrams.printed import Printed
from kblib.ngrams.resampling import FEWEST_UNITS, check_confidence
from kblib.ngrams.units import UNITS

if TYPE_CHECKING:
    import pandas as pd

    from kblib.evaluation.tables import Table

Floats = m.Floats
RESAMPLES = 1_000
SEED = 1
OF_ALL: dict[str, Callable[[Floats], Floats]] = {"accuracy": m.accuracy, "macro F1": m.macro_f1}
OF_LABELS: dict[str, Callable[[Floats], Floats]] = {
    "precision": m.precision,
    "recall": m.recall,
    "F1": m.f1,
}
ABSTAINED = m.ABSTAINED


@dataclass(frozen=True, eq=False, repr=False)
class Scores(Printed):
    """How good a model's labels are.

    Attributes
    ----------
    rows
        One row a measure: group and value (empty: all texts), label (empty: all), measure, score,
        low, high, texts (that are so), units, note.
    judged
        One row a text that was compared: id, so, said, right, unit, the groups, and the model's
        score if there is one.
    warnings
        What a reader of the numbers has to know, in sentences.
    provenance
        Corpus, fingerprint, seed, version, and what was asked.
    """

    corpus: Corpus
    rows: pl.DataFrame
    judged: pl.DataFrame
    warnings: tuple[str, ...]
    provenance: dict[str, Any]

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        return f"Scores on {self.judged.height:,} texts of '{self.provenance['corpus']}'"

    @property
    def confusion(self) -> pd.DataFrame:
        """How often each label was said of each: rows what is so, columns what the model says."""
        counted = self.judged.group_by("so", "said").len()
        return pandas_of(counted.pivot("said", index="so", values="len").fill_null(0).lazy())

    def errors(self, so: str | None = None, said: str | None = None) -> pd.DataFrame:
        """Return the texts that the model labels wrongly, the surest first where it has scores.

        Parameters
        ----------
        so, said
            Only those of which this is so, or was said.
        """
        wrong = self.judged.filter(~pl.col("right"))
        for column, wanted in (("so", so), ("said", said)):
            if wanted is not None:
                wrong = wrong.filter(pl.col(column) == wanted)
        texts = self.corpus.frame().select("id", "text")
        found = wrong.lazy().join(texts, "id", how="left", maintain_order="left")
        if "score" in wrong.columns:
            found = found.sort("score", descending=True, nulls_last=True)
        return pandas_of(found.drop("right"))


def evaluate(
    corpus: Corpus,
    predictions: Table,
    labels: Table,
    *,
    by: Sequence[str] = (),
    unit: str | None = None,
    confidence: float = 0.95,
    seed: int = SEED,
) -> Scores:
    """Compare a model's labels with a reader's.

    Parameters
    ----------
    corpus
        Where the texts come from; its columns give units and groups.
    predictions
        Columns ``id`` and ``label``, of at least the labelled texts; ``score`` if there is one.
    labels
        Columns ``id`` and ``label``. Texts labelled ``unsure`` are left out and counted.
    by
        Columns whose values are looked at one by one, such as ``decade``, ``source``, ``medium``.
    unit
        The column whose texts hang together; by default film, else title, else each text.

    Returns
    -------
    Scores
        No interval is given for fewer than 10 units.

    Raises
    ------
    LabelError
        If a text has no prediction, or two labels, or the tables share no text.

    Examples
    --------
    >>> letters = Corpus.from_texts(["sol", "regn", "sol", "regn"] * 10)
    >>> ids = letters.table["id"].to_list()
    >>> read = pl.DataFrame({"id": ids, "label": ["sun", "rain", "sun", "rain"] * 10})
    >>> said = pl.DataFrame({"id": ids, "label": ["sun", "rain", "sun", "sun"] * 10})
    >>> evaluate(letters, said, read).table[["measure", "score"]].head(2).values.tolist()
    [['accuracy', 0.75], ['macro F1', 0.7333333333333334]]
    """
    check_confidence(confidence)
    check_corpus(corpus, "kb.evaluate(corpus, predictions, labels)")
    by = column_names(by)
    unit = unit or next((name for name in UNITS if name in corpus.columns), "id")
    judged, said = _judged(corpus, predictions, labels, (*by, unit), unit)
    names = sorted({*judged["so"], *judged["said"]} - {ABSTAINED})
    rows = list(_rows(judged, names, by, confidence, seed))
    about = {"by": list(by), "unit": unit, "confidence": confidence, "seed": seed}
    known = {"corpus": corpus.name, "fingerprint": corpus.fingerprint, "version": __version__}
    about |= {"resamples": RESAMPLES, "n_texts": judged.height}
    return Scores(corpus, pl.DataFrame(rows, infer_schema_length=None), judged, said, known | about)


def _judged(
    corpus: Corpus, predictions: Table, labels: Table, columns: tuple[str, ...], unit: str
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    given, found = frame_of(labels, "labels"), frame_of(predictions, "predictions")
    _once(given, "labels")
    _once(found, "predictions")
    check_spelling({*given["label"].drop_nulls(), *found["label"].drop_nulls(), UNSURE})
    if "score" in found.columns:
        check_numbers(found["score"], "predictions")
    sure = given.filter(pl.col("label").is_not_null() & (pl.col("label") != UNSURE))
    wanted = [name for name in dict.fromkeys(columns) if name not in ("id", "decade")]
    texts = corpus.frame().select("id", *_columns(corpus, wanted, "decade" in columns)).collect()
    rows = sure.select("id", so="label").with_columns(pl.col("id").cast(texts["id"].dtype))
    found = found.with_columns(pl.col("id").cast(texts["id"].dtype))
    rows = rows.join(texts, "id", how="inner", maintain_order="left")
    if not rows.height:
        an_id = f" An id of this corpus: {corpus[0].id!r}." if len(corpus) else ""
        raise LabelError(
            f"None of the {given.height:,} labels is of a text of corpus '{corpus.name}'.",
            f"Labels are joined to texts by 'id'.{an_id}",
            f"Zeros in front are kept by {WITH_ZEROS}",
        )
    check_zeros(sure["id"], texts["id"], corpus.name)
    score = [name for name in ("score",) if name in found.columns]
    rows = rows.join(found.select("id", "label", *score), "id", how="left", maintain_order="left")
    _each_predicted(rows, found)
    rows = rows.with_columns(pl.col("label").fill_null(ABSTAINED)).rename({"label": "said"})
    named = pl.col(unit).cast(pl.String)
    rows = rows.with_columns(
        right=pl.col("so") == pl.col("said"),
        unit=pl.coalesce(named, pl.concat_str(pl.lit("\0"), pl.col("id").cast(pl.String))),
    )
    left_out = given.height - rows.height
    said = f"{left_out:,} labels are unsure, empty, or of texts elsewhere; they are left out."
    alone = {*rows["so"], *rows["said"]}
    told = [said] if left_out else []
    if len(alone) == 1:
        told.append(
            f"Every text has the label '{alone.pop()}', and the model says nothing else: nobody "
            "knows what it does with others."
        )
    return rows, tuple(told)


def _columns(corpus: Corpus, wanted: Sequence[str], decades: bool) -> list[pl.Expr]:
    for name in (*wanted, *(["year"] if decades else [])):
        known_column(name, corpus.columns, corpus.name)
    found = [pl.col(name) for name in wanted]
    return [*found, (pl.col("year") // 10 * 10).alias("decade")] if decades else found


def _once(table: pl.DataFrame, name: str) -> None:
    if table["id"].is_duplicated().any():
        twice = table.filter(pl.col("id").is_duplicated())["id"][0]
        raise LabelError(
            f"Text '{twice}' stands more than once in the {name}.",
            "One row a text was expected; of several readers, what they agree on.",
        )


def _each_predicted(rows: pl.DataFrame, found: pl.DataFrame) -> None:
    missing = rows.join(found, "id", how="anti")
    if missing.height:
        raise LabelError(
            f"{missing.height:,} of {rows.height:,} labelled texts have no prediction; "
            f"the first is '{missing['id'][0]}'.",
            "Each labelled text must be judged; an empty label says that the model abstained.",
            "Predict the texts that were labelled.",
        )


def _rows(
    judged: pl.DataFrame, names: Sequence[str], by: Sequence[str], confidence: float, seed: int
) -> Iterator[dict[str, Any]]:
    yield from _scores(judged, names, {"group": None, "value": None}, confidence, seed)
    for column in by:
        for value in judged[column].unique().sort().to_list():
            part = judged.filter(pl.col(column).eq_missing(value))
            where = {"group": column, "value": "unknown" if value is None else str(value)}
            yield from _scores(part, names, where, confidence, seed)


def _scores(
    judged: pl.DataFrame,
    names: Sequence[str],
    where: Mapping[str, Any],
    confidence: float,
    seed: int,
) -> Iterator[dict[str, Any]]:
    so, said, units = (judged[name].to_list() for name in ("so", "said", "unit"))
    counted = m.matrices(so, said, units, names)
    many = counted.resampled(RESAMPLES, seed) if counted.n_units >= FEWEST_UNITS else None
    note = "" if many is not None else f"fewer than {FEWEST_UNITS} units: no interval"
    for measure, read in OF_ALL.items():
        low, high = _interval(read(many), confidence) if many is not None else (np.nan, np.nan)
        told = {"score": float(read(counted.whole)), "low": float(low), "high": float(high)}
        size = {"texts": judged.height, "units": counted.n_units, "note": note}
        yield {**where, "label": None, "measure": measure, **told, **size}
    support = counted.whole.sum(axis=1)
    for measure, read in OF_LABELS.items():
        score = read(counted.whole)
        ends = _interval(read(many), confidence) if many is not None else (score * np.nan,) * 2
        for at, label in enumerate(names):
            if not np.isnan(score[at]):
                told = {"score": float(score[at]), "low": float(ends[0][at])}
                size = {"texts": int(support[at]), "units": counted.n_units, "note": note}
                told |= {"high": float(ends[1][at])}
                yield {**where, "label": label, "measure": measure, **told, **size}


def _interval(scores: Floats, confidence: float) -> tuple[Any, Any]:
    """Return the percentile interval along the first axis; resamples without a score left out."""
    tail = 100 * (1 - confidence) / 2
    with np.errstate(all="ignore"):
        known = np.where(np.isnan(scores).all(axis=0), 0.0, scores)
        low, high = np.nanpercentile(known, [tail, 100 - tail], axis=0)
    return low, high
