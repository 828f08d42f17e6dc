"""Spans of words: ``B-PER I-PER O`` as one name of a person, and how many of them were found.

Read leniently, as conlleval and seqeval do by default: a span begins at ``B-``, and also where
``I-`` follows nothing of its own kind. Labels without such letters, ``PER PER O``, are read as if
each were ``I-``: neighbours of one kind are one span, for nothing tells them apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

OUTSIDE = "O"
_INSIDE = ("B", "I", "E", "S")


@dataclass(frozen=True)
class Span:
    """A span: its kind, its first word, and the word behind its last."""

    kind: str
    first: int
    stop: int


def are_of_spans(labels: Sequence[str]) -> bool:
    """Say whether labels are parts of spans: all but ``O`` have ``B-``, ``I-``, ... or none has.

    Without such letters ``O`` must be among them.

    Examples
    --------
    >>> are_of_spans(["O", "B-PER", "I-PER"]), are_of_spans(["PER", "O"])
    (True, True)
    >>> are_of_spans(["NOUN", "VERB"])
    False
    """
    parts = [label for label in labels if label != OUTSIDE]
    lettered = sum(_has_letter(label) for label in parts)
    return bool(parts) and (lettered == len(parts) or (lettered == 0 and OUTSIDE in labels))


def spans_of(labels: Sequence[str | None]) -> Iterator[Span]:
    """Yield the spans of the words of a text; a word without a label ends one.

    Examples
    --------
    >>> list(spans_of(["B-PER", "I-PER", "O", "I-LOC"]))
    [Span(kind='PER', first=0, stop=2), Span(kind='LOC', first=3, stop=4)]
    """
    kind, first, ended = "", 0, True
    for number, label in enumerate([*labels, None]):
        prefix, own = _parts(label)
        begins = prefix in ("B", "S") or own != kind or ended
        if kind and (begins or prefix == OUTSIDE):
            yield Span(kind, first, number)
            kind = ""
        if prefix != OUTSIDE and begins:
            kind, first = own, number
        ended = prefix in ("E", "S")


def _has_letter(label: str) -> bool:
    return label[:1] in _INSIDE and label[1:2] == "-"


def _parts(label: str | None) -> tuple[str, str]:
    """Return the letter of a label and its kind."""
    if label is None or label == OUTSIDE:
        return OUTSIDE, ""
    return (label[0], label[2:]) if _has_letter(label) else ("I", label)


def span_counts(
    so: Sequence[str], said: Sequence[str | None]
) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Return of each kind how many spans there are, were said, and are the same, of one text."""
    there, found = set(spans_of(so)), set(spans_of(said))
    return tuple(  # type: ignore[return-value]
        Counter(one.kind for one in some) for some in (there, found, there & found)
    )
