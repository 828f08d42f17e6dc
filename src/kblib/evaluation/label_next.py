"""Which texts to label next: some that would teach the model most, and some at random.

Labels that a model asks for teach it more than random ones do, and say nothing of the corpus: they
were chosen. So both are drawn, and kept apart. The *random* part goes on with the sample that
`kblib.evaluation.texts.sample_texts` began; it alone scores a model and corrects counts. The
*chosen* part is drawn from the other texts, each by a chance of its own that grows with how unsure
the model is, how typical the text is, and how unlike what is labelled already. The chances are
kept, so that chosen labels too can be weighed back (`kblib.evaluation.weighed`). The order mixes
the parts: whoever labels cannot tell which is which.

References
----------
Settles and Craven (2008), An analysis of active learning strategies for sequence labeling tasks
(uncertainty weighed by density). Dasgupta and Hsu (2008), Hierarchical sampling for active learning
(why chosen labels alone mislead).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kblib.corpora import Corpus
from kblib.corpora.tables import pandas_of
from kblib.errors import LabelError
from kblib.evaluation.chances import chances, drawn_by_chance
from kblib.evaluation.tables import frame_of
from kblib.evaluation.texts import TextSample, sample_texts
from kblib.evaluation.wanted import density, uncertainty
from kblib.ngrams.drawing import drawn
from kblib.ngrams.printed import Printed

if TYPE_CHECKING:
    import pandas as pd

    from kblib.evaluation.tables import Table
    from kblib.evaluation.wanted import Vectors

RANDOM, CHOSEN = "random", "chosen"


@dataclass(frozen=True, eq=False, repr=False)
class NextTexts(Printed):
    """Texts to label next.

    Attributes
    ----------
    sample
        The random sample so far, with what was added now: what `corrected_counts` takes.
    rows
        One row a text in the order in which to label: number, id, part (random or chosen), chance
        (of having been drawn in its part), text.
    pool
        One row a text that could be chosen: id, chance. All others are labelled, or in the sample.
    provenance
        That of the sample, and what was asked.
    warnings
        What has to be known, in sentences.
    """

    sample: TextSample
    rows: pl.DataFrame
    pool: pl.DataFrame
    provenance: dict[str, Any]
    warnings: tuple[str, ...]

    @property
    def corpus(self) -> Corpus:
        """What was drawn from."""
        return self.sample.corpus

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        n = self.rows["part"].eq(RANDOM).sum()
        return (
            f"{self.rows.height:,} texts of '{self.corpus.name}' to label next: "
            f"{n:,} at random, {self.rows.height - n:,} chosen"
        )

    def random_labels(self, labels: Table) -> pd.DataFrame:
        """Return the labels that may score a model or correct a count: those of the sample."""
        given = frame_of(labels, "labels")
        return pandas_of(given.join(self.sample.rows, "id", how="semi").lazy())


def label_next(
    sample: TextSample,
    labels: Table,
    n: int = 40,
    *,
    predictions: Table | None = None,
    vectors: Vectors | None = None,
    random_share: float = 0.5,
    seed: int = 1,
) -> NextTexts:
    """Draw the texts that should be labelled next.

    Parameters
    ----------
    sample
        What `sample_texts` drew.
    labels
        Those given so far: columns ``id`` and ``label``.
    n
        How many texts in all. Each chosen one is drawn by itself, so that there are about so many.
    predictions
        What a model says of each text of the corpus: ``id``, ``label``, and ``score`` or the scores
        of all labels (``score_LABEL``). Texts are wanted as the model is unsure of them.
    vectors
        A vector of each text: ``id``, ``vector``. Texts are wanted as they are typical of the
        corpus, and unlike those labelled. Given with predictions, both count.
    random_share
        The part of `n` that goes on with the random sample, from 0 to 1.

    Raises
    ------
    LabelError
        If there is nothing to choose by, a text of the corpus is missing in the tables, or nothing
        is left to label.

    Examples
    --------
    >>> letters = Corpus.from_texts([f"brev {n}" for n in range(200)], year=1914)
    >>> sample = sample_texts(letters, 20)
    >>> read = sample.table[["id"]].assign(label="letter")
    >>> said = letters.table[["id"]].assign(label="letter", score=0.9)
    >>> further = label_next(sample, read, 30, predictions=said)
    >>> further.sample.rows.height, further.rows["chance"].min() > 0
    (35, True)
    """
    _check_asked(sample, n, random_share)
    given = frame_of(labels, "labels")
    n_random = round(n * random_share)
    larger = _larger(sample, given, n_random)
    at_random = _without(larger.rows, given).head(n_random).select("id", "chance")
    pool = _without(_without(sample.texts.with_row_index("row"), given), larger.rows)
    n_chosen = n - n_random if pool.height else 0
    if not n_chosen + at_random.height:
        raise LabelError(
            f"All {sample.texts.height:,} texts of '{sample.corpus.name}' have a label.",
            "Nothing is left to label.",
        )
    if n_chosen:
        wanted = _wanted(pool["id"], given, predictions, vectors)
        pool = pool.with_columns(chance=pl.Series(chances(wanted, n_chosen)))
        places = pool["row"].cast(pl.Int64).to_numpy()
        which = drawn_by_chance(places, pool["chance"].to_numpy(), f"{seed} next {given.height}")
    else:
        pool, which = pool.head(0).with_columns(chance=pl.lit(1.0)), np.zeros(0, dtype=np.int64)
    chosen = pool[which].select("id", "chance", part=pl.lit(CHOSEN))
    rows = _mixed(pl.concat([at_random.with_columns(part=pl.lit(RANDOM)), chosen]), sample, seed)
    by = {"predictions": predictions is not None, "vectors": vectors is not None}
    asked = {"n": n, "random_share": random_share, "seed": seed, "labelled": given.height, **by}
    said = tuple(_warnings(chosen.height, n_chosen))
    return NextTexts(larger, rows, pool.select("id", "chance"), larger.provenance | asked, said)


def _larger(sample: TextSample, given: pl.DataFrame, wanted: int) -> TextSample:
    """Return the sample, or a larger one of its seed in which so many texts have no label yet."""
    about = sample.provenance
    while sample.rows.height < sample.texts.height:
        short = wanted - _without(sample.rows, given).height
        if short <= 0:
            break
        sample = sample_texts(
            sample.corpus,
            sample.rows.height + short,
            per=about["per"],
            by=about["by"],
            unit=about["unit"],
            seed=about["seed"],
        )
    return sample


def _without(texts: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """Return the texts that are not among others, in order."""
    return texts.join(others, "id", how="anti", maintain_order="left")


def _wanted(
    ids: pl.Series, given: pl.DataFrame, predictions: Table | None, vectors: Vectors | None
) -> Any:
    if predictions is None and vectors is None:
        raise LabelError(
            "There is nothing to choose texts by.",
            "What a model says of each text was expected, or a vector of each.",
            "label_next(sample, labels, predictions=table); all at random: random_share=1",
        )
    wanted = np.ones(len(ids))
    if predictions is not None:
        wanted *= uncertainty(ids, frame_of(predictions, "predictions"))
    if vectors is not None:
        wanted *= density(ids, given["id"], vectors)
    return wanted


def _mixed(texts: pl.DataFrame, sample: TextSample, seed: int) -> pl.DataFrame:
    """Return texts in a random order, with their words."""
    found = texts.join(sample.texts.with_row_index("row").select("id", "row"), "id", how="left")
    order, _ = drawn(found["row"].cast(pl.Int64).to_numpy(), found.height, f"{seed} order")
    words = sample.corpus.frame().select("id", "text").collect()
    rows = found[order].join(words, "id", how="left", maintain_order="left")
    return rows.with_row_index("number", offset=1).select("number", "id", "part", "chance", "text")


def _warnings(n_chosen: int, wanted: int) -> Iterator[str]:
    if wanted:
        yield "Chosen labels teach a model; scores and corrected counts take the random part alone."
    if n_chosen != wanted:
        yield f"{n_chosen:,} texts were chosen, {wanted:,} are to be expected on average."


def _check_asked(sample: object, n: object, random_share: Any) -> None:
    if not isinstance(sample, TextSample):
        raise LabelError(
            f"The sample is a {type(sample).__name__}.",
            "What sample_texts drew was expected: the random part goes on with it.",
            "sample = sample_texts(corpus, 60)",
        )
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise LabelError(f"n is {n!r}.", "A number of texts was expected.", "n=40")
    if not isinstance(random_share, int | float) or not 0 <= random_share <= 1:
        raise LabelError(
            f"random_share is {random_share!r}.", "From 0 to 1 was expected.", "random_share=0.5"
        )
