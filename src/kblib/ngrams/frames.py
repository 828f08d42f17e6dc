"""What can be marked: all hits of a query, what a wider net finds beside them, and the rest.

``hit``
    An occurrence that the query finds.
``miss``
    An occurrence that a wider net finds and the query does not: ``järnväg*`` beside ``järnväg``.
``rest``
    A passage in which neither finds anything: a document or, where it is longer than 50 words, a
    piece of one. A yes counts as one occurrence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from kblib.ngrams.index import Index, Ints
from kblib.ngrams.queries import Hits
from kblib.ngrams.units import Cells

Kind = Literal["hit", "miss", "rest"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PASSAGE = 50
"""Words a reader takes in at one look; subtitles are shorter, so each cue is a passage."""


@dataclass(frozen=True, eq=False)
class Frame:
    """All items of one kind that lie in a known period.

    Attributes
    ----------
    positions, lengths
        The first word of each item in the text, and its words.
    documents
        The document of each item.
    rows
        The row of each item in the cells of the corpus: its unit, period and series.
    """

    kind: Kind
    positions: Ints
    lengths: Ints
    documents: Ints
    rows: Ints

    @property
    def n(self) -> int:
        """How many items there are."""
        return len(self.positions)


def frame(index: Index, cells: Cells, kind: Kind, positions: Ints, lengths: Ints) -> Frame:
    """Return the items of one kind, without those of unknown period."""
    documents = index.text.documents_at(positions)
    rows = cells.of_document[documents]
    dated = rows >= 0
    return Frame(kind, positions[dated], lengths[dated], documents[dated], rows[dated])


def frames_of(index: Index, cells: Cells, found: Hits, net: Hits | None) -> dict[Kind, Frame]:
    """Return the frames: hits; with a net, misses; and the rest."""
    hits = frame(index, cells, "hit", found.positions, _long(found))
    frames: dict[Kind, Frame] = {"hit": hits}
    taken = covered(found)
    if net is not None:
        missed = net.positions[~_touches(net, taken)]
        frames["miss"] = frame(index, cells, "miss", missed, np.full(len(missed), net.length))
        taken = np.union1d(taken, covered(net))
    positions, lengths = _passages(index, taken)
    frames["rest"] = frame(index, cells, "rest", positions, lengths)
    return frames


def covered(hits: Hits) -> Ints:
    """Return the positions of all words of some hits, ascending."""
    return np.unique(np.add.outer(np.arange(hits.length), hits.positions))


def _long(hits: Hits) -> Ints:
    return np.full(hits.n, hits.length, dtype=np.int64)


def _touches(net: Hits, taken: Ints) -> np.ndarray:
    """Return which occurrences of the net share a word with a hit of the query."""
    touching = np.zeros(net.n, dtype=np.bool_)
    for place in range(net.length):
        touching |= np.isin(net.positions + place, taken)
    return touching


def _passages(index: Index, taken: Ints) -> tuple[Ints, Ints]:
    """Return first word and words of each passage in which no word is taken."""
    words = index.document_words
    pieces = -(-words // PASSAGE)
    first = np.cumsum(pieces) - pieces
    document = np.repeat(np.arange(len(words)), pieces)
    begun = (np.arange(pieces.sum()) - first[document]) * PASSAGE
    where = index.text.documents_at(taken)
    inside = taken - index.text.word_starts[where]
    free = np.ones(len(document), dtype=np.bool_)
    free[first[where] + inside // PASSAGE] = False
    lengths = np.minimum(PASSAGE, words[document] - begun)
    return (index.text.word_starts[document] + begun)[free], lengths[free]
