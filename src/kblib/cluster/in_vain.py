"""When a run gives up: the last attempts were lost and brought nothing that stays."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

MOST_IN_VAIN = 3
"""Attempts in a row that may bring nothing; then there is a cause that does not go away."""


def brought_nothing(
    records: Sequence[Mapping[str, Any]],
    since: float,
    *,
    measure: str,
    codes: Collection[int],
    now: int | None = None,
) -> bool:
    """Say whether each of the last attempts ended early and left no more than it had found.

    Parameters
    ----------
    records
        Of attempts that are over, the first one first.
    since
        Attempts before this time (Unix seconds) do not count: a run that is sent again, or resumed,
        was looked at by then.
    measure
        What stays of an attempt, by its name in the records: ``saved``, the step of the newest
        checkpoint; ``step``, of a batch the shards that are done.
    codes
        The exit codes of attempts that ended early.
    now
        What is there now, where that may be more than the last attempt told of.

    Examples
    --------
    >>> lost = [{"submitted": 5.0, "exit_code": 86, "step": step} for step in (40, 40, 40)]
    >>> brought_nothing(lost, 0.0, measure="step", codes=[86])  # the first one did forty
    False
    >>> brought_nothing([*lost, lost[-1]], 0.0, measure="step", codes=[86])
    True
    """
    reached = [0, *(int(one.get(measure) or 0) for one in records)]
    reached[-1] = max(reached[-1], now or 0)
    in_vain = [
        one["submitted"] >= since and one.get("exit_code") in codes and after <= before
        for one, before, after in zip(records, reached, reached[1:], strict=False)
    ]
    return len(in_vain) >= MOST_IN_VAIN and all(in_vain[-MOST_IN_VAIN:])
