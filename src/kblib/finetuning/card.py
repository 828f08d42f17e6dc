"""The card of a finetuned model: what it says, from what it was made, how good it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kblib.finetuning.about import About
from kblib.finetuning.recipe import METHODS

if TYPE_CHECKING:
    from kblib.finetuning.prepared import Prepared
    from kblib.finetuning.training import Trained

_OF = {"texts": "a text", "pairs": "a pair of texts", "words": "each word of a text"}


def card_of(about: About, data: Prepared, trained: Trained, scores: Mapping[str, Any]) -> str:
    """Return the text of ``README.md``."""
    said = "a number" if about.task.is_scale else f"one of: {', '.join(about.task.labels)}"
    notes = "\n".join(f"- {note}" for note in data.notes)
    config = trained.config
    return f"""# {about.base.name}, finetuned

It says of {_OF[about.task.kind]} {said}.

- base: {about.base.name}, fingerprint {about.base.fingerprint[:12]}; its licence holds here as well
- method: {about.method} ({METHODS[about.method]}); {trained.trained_parameters:,} numbers trained
- labels: {len(data.material.train):,} texts of '{data.material.train.name}' to learn from, \
{len(data.material.test):,} to test; no {data.material.by} is in two parts
- training: {config.steps:,} steps at most of {config.batch_size} windows, learning rate \
{config.learning_rate:g}, seed {trained.seed}; the weights are those of step \
{trained.progress.step or config.steps:,}
- it reads {about.seq_len} tokens at once{_words(about)}

| score on the test part | value |
|---|---|
{chr(10).join(_rows(scores))}
{notes}

Whoever labelled the texts, and the time they are from, speak in its answers. Texts of another kind
than these may be labelled worse than the scores say. `recipe.json` holds every number that made it.
"""


def _rows(scores: Mapping[str, Any]) -> Iterator[str]:
    intervals = scores.get("intervals", {})
    for name, value in scores.get("test", {}).items():
        low, high = intervals.get(name, (None, None))
        span = "" if low is None else f" ({low:.3f} to {high:.3f})"
        yield f"| {name} | {value:.3f}{span} |"


def _words(about: About) -> str:
    if about.task.kind != "words":
        return ""
    how = {"marks": "marks stand apart", "spaces": "at white space"}[about.cutting]
    return f"; texts are cut into words as the labelled ones were: {how}"
