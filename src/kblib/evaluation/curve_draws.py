"""Which labels a model is given at each size of a learning curve.

A draw is one order of all labels to train on, and a size takes its beginning: 16 labels are the 8
before and 8 more, as when somebody goes on labelling. Labels come in the proportions of the whole,
after one of each: whose turn it is, is decided by the highest quotient count / (2 * taken + 1)
(Webster's, or Sainte-Laguë's, method, which never takes a seat back).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kblib.corpora.parts import rank
from kblib.errors import LabelError
from kblib.labels import Labels

SIZES = (8, 16, 32, 64, 128, 256, 512)


def order_of(train: Labels, seed: int) -> list[int]:
    """Return the places of all labels to train on in the order in which they are given.

    Within a label, texts are in the order of the BLAKE2b of ``seed:id``.
    """
    ids, names = train.rows["id"].to_list(), train.rows["label"].to_list()
    queues: dict[str, list[int]] = {name: [] for name in train.labels}
    for place in sorted(range(len(ids)), key=lambda one: rank(seed, ids[one])):
        queues[names[place]].append(place)
    return [queues[name][turn] for name, turn in _turns(_counts(train))]


def drawn(train: Labels, order: Sequence[int], size: int) -> Labels:
    """Return the first labels of an order."""
    rows = train.rows[list(order[:size])]
    return replace(train, name=f"{train.name}-{size}", rows=rows, warnings=(), faults=())


def sizes_of(asked: Sequence[int] | None, train: Labels) -> tuple[tuple[int, ...], list[str]]:
    """Return the sizes of a curve, and what has to be known of them.

    Without a wish: the usual ones, from one label of each kind up to what is there.

    Raises
    ------
    LabelError
        If a size is no number of labels, larger than what is there, or smaller than the number of
        different labels.
    """
    there, kinds = len(train), sum(n > 0 for n in _counts(train).values())
    if asked is None:
        fitting = tuple(size for size in SIZES if kinds <= size <= there)
        left = [f"{size}" for size in SIZES if size > there]
        if not fitting:
            raise _too_few(there, kinds)
        said = f"The train part has {there:,} labels: sizes {', '.join(left)} are left out."
        return fitting, [said] if left else []
    given: Any = asked
    listed = isinstance(given, Sequence) and not isinstance(given, str)
    sizes: tuple[int, ...] = tuple(given) if listed else ()
    if not sizes or any(type(size) is not int for size in sizes) or sorted(set(sizes)) != [*sizes]:
        raise LabelError(
            f"sizes is {asked!r}.", "Numbers of labels, growing, were expected.", f"sizes={SIZES}"
        )
    if sizes[-1] > there:
        fits = tuple(size for size in SIZES if kinds <= size <= there)
        raise LabelError(
            f"{sizes[-1]:,} labels were asked for; the train part has {there:,}.",
            "A curve ends with the labels that are there.",
            f"sizes={fits}, or a smaller test part: test=0.2",
        )
    if sizes[0] < kinds:
        raise LabelError(
            f"{sizes[0]} labels cannot show {kinds} different ones.",
            "Each label once, at least, was expected.",
            f"Begin with {kinds} or more, or take fewer kinds: labels.take([...])",
        )
    return sizes, []


def _too_few(there: int, kinds: int) -> LabelError:
    return LabelError(
        f"The train part has {there:,} labels of {kinds} kinds.",
        f"A curve begins with {max(SIZES[0], kinds)}.",
        "Label more texts, or name the sizes yourself: sizes=(4, 6)",
    )


def _counts(train: Labels) -> dict[str, int]:
    given: list[Any] = train.rows["label"].to_list()
    return {name: given.count(name) for name in train.labels}


def _turns(counts: dict[str, int]) -> list[tuple[str, int]]:
    """Return whose turn it is, and the how manieth of its own, until all are given."""
    taken = dict.fromkeys(counts, 0)
    turns = []
    for _ in range(sum(counts.values())):
        left = [name for name in counts if taken[name] < counts[name]]
        # One of each comes first; of equal quotients the label named first.
        name = max(left, key=lambda one: (not taken[one], counts[one] / (2 * taken[one] + 1)))
        turns.append((name, taken[name]))
        taken[name] += 1
    return turns
