"""Which nodes are slow: those far below the median of all, by the spread of most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

LEAST_NODES = 3
"""Of two that differ either may be the slow one; of three the two that agree are the rule."""
_FAR = 3.5
"""Modified z-scores beyond it are outliers (Iglewicz and Hoaglin 1993, How to Detect Outliers)."""
_TO_SIGMA = 1.4826
"""The standard deviation of a normal distribution, in median absolute deviations."""


@dataclass(frozen=True)
class Slow:
    """A node that is slow in something: its value beside the median of all nodes."""

    node: str
    what: str
    value: float
    median: float


def slow_nodes(nodes: Sequence[Mapping[str, object]], alike: Mapping[str, float]) -> list[Slow]:
    """Return the nodes that are slow, with what they are slow in; none of fewer than three.

    A node is slow where it is further below the median than 3.5 robust standard deviations, made
    from the median absolute deviation, and further than nodes that are alike differ anyway. As long
    as most nodes are sound, slow ones move neither measure.

    Parameters
    ----------
    nodes
        One mapping a node, with its name under ``node``.
    alike
        What was measured, larger being better, each with the share of the median from which on a
        node counts as like the others. A node without a value is passed over.
    """
    found = []
    for column, share in alike.items():
        values = {str(one["node"]): one[column] for one in nodes if column in one}
        numbers = {name: float(value) for name, value in values.items()}  # type: ignore[arg-type]
        if len(numbers) < LEAST_NODES:
            continue
        middle = median(numbers.values())
        spread = _TO_SIGMA * median(abs(value - middle) for value in numbers.values())
        limit = min(middle - _FAR * spread, share * middle)
        found += [Slow(name, column, v, middle) for name, v in numbers.items() if v < limit]
    return found
