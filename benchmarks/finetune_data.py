"""The labels that methods of finetuning are compared on: spoken or shown, film by film."""

from __future__ import annotations

from kblib.labels.parts import Parts
from kblib.tasks.asked import example_labels

TEXTS = 3_600
_TEST, _VALID = 0.64, 0.12
_QUICK_TEXTS = 200


def parts_of(*, quick: bool = False) -> Parts:
    """Return the parts, the same for every method."""
    labels = example_labels("sentences", texts=_QUICK_TEXTS if quick else TEXTS)
    return labels.split(test=_TEST, valid=_VALID, seed=1)
