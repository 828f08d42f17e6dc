"""Names of labels: each written one way, and none that looks like a slip of the hand."""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from kblib.corpora.columns import shown
from kblib.errors import LabelError

SHOWN = 12
OFTEN = 10
"""A label given once looks like a slip beside a similar one given this often."""
PUT_TOGETHER = set("-|=:")
"""Marks in labels that are made of others."""
SHORT = 3
"""Letters; of shorter names any two are similar."""


_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")


class Wrong(Exception):  # noqa: N818  a carrier, caught where file and line are known
    """Says what is wrong with a label, as the end of a sentence that begins with its place."""

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.reason, self.advice = reason, advice


class Names:
    """The labels of a file in the order in which they are met.

    Parameters
    ----------
    expected
        The labels there may be. Whole numbers in the file are then places among them, from 0.
    casefold
        Whether labels that differ in case only are the same, written as first met.
    """

    def __init__(self, expected: Sequence[str] | None, *, casefold: bool) -> None:
        self._expected = None if expected is None else _checked(expected)
        self._casefold = casefold
        self._written = {name.casefold(): name for name in self._expected or ()}

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, as expected or as met."""
        return self._expected or tuple(self._written.values())

    def take(self, value: Any) -> str:
        """Return a label as it is written everywhere.

        Raises
        ------
        Wrong
            If there is none, or it is not one of those there may be.
        """
        label = _plain(value)
        if self._expected is None:
            first = self._written.setdefault(label.casefold(), label)
        elif label not in self._expected and label.isdecimal() and int(label) < len(self._expected):
            first = label = self._expected[int(label)]
        else:
            first = self._written.get(label.casefold(), "")
        if first == label or (first and self._casefold):
            return first
        raise self._unknown(label, first)

    def _unknown(self, label: str, first: str) -> Wrong:
        seen = "labels expected" if self._expected else "labels seen before"
        named = ", ".join(self.labels[:SHOWN]) + ("…" if len(self.labels) > SHOWN else "")
        reason = (
            f"has the label '{label}', which is not among the {len(self.labels)} {seen}: {named}"
        )
        if first:
            return Wrong(reason, "Same word, other case? Pass casefold=True.")
        near = difflib.get_close_matches(label, self.labels, n=1)
        return Wrong(reason, f"Did you mean '{near[0]}'?" if near else "")


def scale_value(value: Any) -> float:
    """Return a label that is a point on a scale.

    Raises
    ------
    Wrong
        If it is no number.
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if math.isfinite(number):
        return number
    said = "With scale=True a number was expected."
    point = " Decimals stand after a point: 1.5, not 1,5." if "," in str(value) else ""
    raise Wrong(f"has the label {value!r}", said + point)


def slips(counts: Counter[Any]) -> Iterator[str]:
    """Yield what looks like a slip: a label given once beside a similar one given often."""
    often = [label for label, n in counts.items() if isinstance(label, str) and n >= OFTEN]
    for label, n in counts.items():
        # B-PER and I-PER, Case=Nom and Case=Gen, or pro and con, are near each other and no slips.
        plain = isinstance(label, str) and len(label) > SHORT and not set(label) & PUT_TOGETHER
        if n == 1 and plain:
            for near in difflib.get_close_matches(label, often, n=1, cutoff=0.8):
                yield f"'{label}' is a label given once, '{near}' {counts[near]:,} times: a slip?"


def decimals(names: Sequence[str]) -> Iterator[str]:
    """Yield a sentence where every name is a number and some have decimals: a scale, it seems."""
    if names and all(map(_NUMBER.fullmatch, names)) and any(set(one) & {".", ","} for one in names):
        yield (
            f"Labels such as '{names[0]}' look like points on a scale, and are taken as names. "
            "If they are a scale: scale=True."
        )


def _plain(value: Any) -> str:
    if isinstance(value, float) and not value.is_integer():
        raise Wrong(
            f"has the label {value!r}, a number with decimals",
            "If the labels are a scale: scale=True.",
        )
    if isinstance(value, list | dict):
        raise Wrong(f"has a {type(value).__name__} as label", "One label a text was expected.")
    label = "" if value is None or value == -1 else shown(value).strip()
    if not label:
        left_out = "To leave such rows out: on_error='collect'."
        raise Wrong("has no label", f"Every text needs one; 'unsure' is one too. {left_out}")
    return label


def _checked(expected: Sequence[str]) -> tuple[str, ...]:
    names: tuple[Any, ...] = () if isinstance(expected, str) else tuple(expected)
    strange = next((one for one in names if not isinstance(one, str) or not one.strip()), None)
    if not names or strange is not None or len({one.casefold() for one in names}) < len(names):
        raise LabelError(
            f"labels is {expected!r}.",
            "A list of names was expected, each there once.",
            "labels=['novel', 'poem']",
        )
    return names
