"""How far readers agree: Krippendorff's alpha for all of them, Cohen's kappa for each two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any


def krippendorff_alpha(units: Iterable[Sequence[Hashable]]) -> float | None:
    """Return the agreement of any number of readers beyond chance, of names of labels.

    Parameters
    ----------
    units
        For each text the labels that its readers gave. Whoever gave none is left out; a text with
        fewer than two labels says nothing about agreement.

    Returns
    -------
    float or None
        1 if all agree, 0 as by chance, below if they differ more than by chance; None where it is
        not defined: no text has two labels, or only one label was ever given.

    References
    ----------
    Krippendorff (2011), Computing Krippendorff's alpha-reliability: nominal data, any number of
    observers, missing data.

    Examples
    --------
    >>> krippendorff_alpha([["yes", "yes"], ["no", "no"], ["yes", "no"], ["no", "no"]])
    0.5333333333333333
    """
    pairable = [Counter(unit) for unit in units if len(unit) > 1]
    totals: Counter[Hashable] = Counter()
    for unit in pairable:
        totals += unit
    n = totals.total()
    differing = sum(_ordered_pairs(unit) / (unit.total() - 1) for unit in pairable)
    expected = _ordered_pairs(totals) / (n - 1) if n > 1 else 0
    return 1 - differing / expected if expected else None


def cohen_kappa(one: Mapping[str, Hashable], other: Mapping[str, Hashable]) -> dict[str, Any]:
    """Return on how many items two readers can be compared, the share of equal labels, and kappa.

    References
    ----------
    Cohen (1960), A coefficient of agreement for nominal scales.
    """
    both = sorted(one.keys() & other.keys())
    if not both:
        return {"items": 0, "equal": None, "kappa": None}
    equal = sum(one[item] == other[item] for item in both) / len(both)
    shares = [Counter(side[item] for item in both) for side in (one, other)]
    chance = sum(shares[0][label] * shares[1][label] for label in shares[0]) / len(both) ** 2
    kappa = (equal - chance) / (1 - chance) if chance < 1 else None
    return {"items": len(both), "equal": equal, "kappa": kappa}


def pairs(by_reader: Mapping[str, Mapping[str, Hashable]]) -> list[dict[str, Any]]:
    """Return how each two readers agree, a row a pair."""
    return [
        {"reader": a, "other": b, **cohen_kappa(by_reader[a], by_reader[b])}
        for a, b in combinations(sorted(by_reader), 2)
    ]


def _ordered_pairs(counts: Counter[Hashable]) -> int:
    """Return in how many ordered pairs of labels the two differ."""
    return counts.total() ** 2 - sum(n * n for n in counts.values())
