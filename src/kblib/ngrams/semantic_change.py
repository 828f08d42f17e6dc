"""Whether a word has changed its company over time, when, and what shows it.

Uses before a date are compared with uses after it by what stands around them
(`kblib.ngrams.contexts`), for each date at which enough films stand on either side. How large the
largest difference can be by chance is found by exchanging the dates of whole films
(`kblib.ngrams.exchanged_dates`). A change of company is not yet a change of meaning: when
newsreels turn to other subjects, many words change their company. So words of like frequency are
asked the same (`kblib.ngrams.drift`), and lines of both times are shown.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from kblib.corpora import Corpus
from kblib.errors import CorpusError
from kblib.ngrams.change_points import change_points, refuse_few, scores_of
from kblib.ngrams.change_result import SemanticChange, WordChange, curve_of, rows_of
from kblib.ngrams.contexts import Uses, at_home, uses_at
from kblib.ngrams.drift import like_words
from kblib.ngrams.exchanged_dates import films_of
from kblib.ngrams.forms import Forms, how_forms
from kblib.ngrams.index import Index, Ints, index_corpus
from kblib.ngrams.queries import Hits, search
from kblib.ngrams.resampling import Floats
from kblib.ngrams.units import STRATA, name_of, periods_of, strata_of, unit_codes, unit_of
from kblib.ngrams.word_vectors import NEAR, WordVectors, word_vectors

HAMILTON = (
    "Hamilton, Leskovec and Jurafsky (2016), Diachronic word embeddings reveal statistical laws "
    "of semantic change, ACL."
)
DUBOSSARSKY = (
    "Dubossarsky, Weinshall and Grossman (2017), Outta control: laws of semantic change and "
    "inherent biases in word representation models, EMNLP."
)
LEAST_EXCHANGES = 99
PEER_EXCHANGES = 199
MOST_OUTSIDE = 0.2
"""Share of uses outside their film's period from which films have no date to exchange."""


def semantic_change(
    corpus: Corpus,
    queries: str | Sequence[str],
    *,
    years: int = 5,
    window: int = 5,
    forms: Forms = "surface",
    without: Collection[str] = (),
    unit: str | None = None,
    exchanges: int = 999,
    peers: int = 40,
    seed: int = 1,
) -> SemanticChange:
    """Find the date at which the contexts of words changed most, and how sure that is.

    Parameters
    ----------
    queries
        Words, phrases, wildcards (`kblib.ngrams.queries`). Several are tested together: ``p_all``
        is the chance that the largest statistic of all of them is as large without any change.
    years
        The length of a period. Dates of change lie between two periods.
    window
        Words on either side that are the context of a use, over the end of a cue but within the
        film.
    forms, without
        As in `kblib.ngrams.queries.search`.
    unit
        What has one date and is exchanged as a whole: by default film, else title, else document.
        It has the date of most of its uses; uses of other dates are left out.
    exchanges
        How often the dates of films are exchanged, within medium and collection.
    peers
        How many words of like frequency are asked the same, to tell a change of this word from
        the drift of all; 0 for none.
    seed
        Of the exchanges and of the vectors.

    Raises
    ------
    CorpusError
        If the corpus has no years, a query is nowhere in it, or has too few films of one medium
        and collection before and after any date.

    References
    ----------
    Hamilton, Leskovec and Jurafsky (2016), Diachronic word embeddings reveal statistical laws of
    semantic change. Dubossarsky, Weinshall and Grossman (2017), Outta control.

    Examples
    --------
    >>> texts = ["en tung maskin av järn"] * 20 + ["en snabb maskin i luften"] * 20
    >>> films = Corpus.from_texts(texts, year=[1931] * 20 + [1936] * 20)
    >>> found = semantic_change(films, "maskin", exchanges=99)
    >>> found.table[["query", "uses", "before", "after", "p"]].values.tolist()
    [['maskin', 40, '1930-34', '1935-39', 0.01]]
    """
    listed = [queries] if isinstance(queries, str) else list(dict.fromkeys(queries))
    _check(listed, years, window, exchanges, peers)
    index = index_corpus(corpus)
    work = _Work(index, unit_of(index, unit), years, window, exchanges, peers, seed)
    found = tuple(
        work.change(search(index, query, forms=forms, without=without)) for query in listed
    )
    asked = {"queries": listed, "years": years, "window": window, "forms": how_forms(forms)}
    asked |= {"without": sorted(without)} if without else {}
    asked |= {"unit": work.unit, "exchanges": exchanges, "peers": peers, "seed": seed}
    asked |= {
        "vector_words": len(work.vectors.weighed),
        "vector_rank": work.vectors.size,
        "vector_near": NEAR,
        "references": (HAMILTON, DUBOSSARSKY),
    }
    return SemanticChange(
        rows_of(found), curve_of(found), work.warnings(found), index.provenance(**asked), found
    )


@dataclass(frozen=True, eq=False)
class _Work:
    """What the parts of the calculation share."""

    index: Index
    unit: str
    years: int
    window: int
    exchanges: int
    peers: int
    seed: int

    @property
    def vectors(self) -> WordVectors:
        return word_vectors(self.index, self.unit, seed=self.seed)

    @property
    def first_year(self) -> int:
        return int(periods_of(self.index, "year").labels[0]) // self.years * self.years

    def periods(self) -> Ints:
        """Return the period of each document; -1 where the year is unknown."""
        told = periods_of(self.index, "year")
        years = told.codes + int(told.labels[0])
        return np.where(told.codes >= 0, (years - self.first_year) // self.years, -1)

    def change(self, hits: Hits) -> WordChange:
        """Compare the uses of a query before and after each date, with exchanged dates beside."""
        all_uses = self.uses(hits.positions, hits.length)
        uses = at_home(all_uses)
        films = films_of(uses)
        self._check_dates(hits, len(all_uses), len(uses))
        points = change_points(films, self.first_year, self.years)
        if not points:
            refuse_few(hits, films, self.index, self.unit)
        n_units = unit_codes(self.index, self.unit)[1]
        scores = scores_of(films, points, n_units, self.exchanges, self.seed)
        return WordChange(hits, uses, points, scores, self.peers_of(hits))

    def uses(self, positions: Ints, length: int = 1) -> Uses:
        """Return the uses at some positions, each with its context and period."""
        return uses_at(
            self.index, positions, length, self.periods(), self.unit, self.vectors, self.window
        )

    def peers_of(self, hits: Hits) -> Floats:
        """Return the largest statistics of words of like frequency."""
        own = [slot.words for slot in hits.slots if slot.words is not None]
        words = like_words(self.index, hits.n, np.concatenate(own), self.peers)
        found = [self.largest_of(word) for word in words]
        return np.array([one for one in found if one is not None])

    def largest_of(self, word: int) -> float | None:
        """Return a word's largest statistic, worked out once; None if it has too few films."""
        key = ("change of word", word, self.unit, self.years, self.window, self.seed)
        if key not in self.index.memory:
            at = self.index.in_corpus(self.index.text.positions_of(np.array([word])))
            films = films_of(at_home(self.uses(at)))
            points = change_points(films, self.first_year, self.years)
            self.index.memory[key] = None
            if points:
                n_units = unit_codes(self.index, self.unit)[1]
                scores = scores_of(films, points, n_units, PEER_EXCHANGES, self.seed)
                self.index.memory[key] = float(scores[0].max())
        found: float | None = self.index.memory[key]
        return found

    def _check_dates(self, hits: Hits, n_all: int, n_home: int) -> None:
        if n_home < (1 - MOST_OUTSIDE) * n_all:
            raise CorpusError(
                f"{n_all - n_home:,} of {n_all:,} uses of '{hits.query}' are of another period "
                f"than most of their {self.unit}.",
                "Dates are exchanged for whole units, which must have one date each.",
                f"Columns: {', '.join(self.index.corpus.columns)}. Name one with unit='...'",
            )

    def warnings(self, found: Sequence[WordChange]) -> tuple[str, ...]:
        said = [*self._media(), DRIFT]
        left = sum(one.hits.n - len(one.uses) for one in found)
        if left:
            said.append(
                f"{left:,} uses of unknown year, or of another period than most of their "
                f"{self.unit}, are left out."
            )
        return tuple(said)

    def _media(self) -> list[str]:
        names = [name for name in STRATA if name in self.index.corpus.columns]
        codes, labels = strata_of(self.index, names)
        if len(labels) <= 1:
            return []
        year = periods_of(self.index, "year")
        spans = []
        for number, label in enumerate(labels):
            there = year.codes[(codes == number) & (year.codes >= 0)]
            if len(there):
                first, last = (int(year.labels[0]) + int(end) for end in (there.min(), there.max()))
                spans.append(f"{' '.join(map(name_of, label))} {first}-{last}")
        told = ", ".join(spans)
        return [f"Uses are compared within {told}: a change from one to another is not seen."]


DRIFT = (
    "A change of company is not yet one of meaning: films that turn to other subjects change it, "
    "too. See how many words of like frequency changed no less (drift), and read the lines."
)


def _check(listed: list[str], years: int, window: int, exchanges: int, peers: int) -> None:
    if not listed:
        raise CorpusError("No query was given.", "A word or several were expected.", "'maskin'")
    for name, value, least in (
        ("years", years, 1),
        ("window", window, 1),
        ("exchanges", exchanges, LEAST_EXCHANGES),
        ("peers", peers, 0),
    ):
        if type(value) is not int or value < least:
            raise CorpusError(
                f"{name} is {value!r}.", f"A whole number of at least {least} was expected."
            )
