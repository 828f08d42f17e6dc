"""What the folder of an adapter says to a reader: whether it beats its base, and what it is not."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kblib.adapters.recipe import PeriodRecipe


def verdict(period: str, scores: Mapping[str, Any]) -> str:
    """Return a sentence that says whether the adapter beats its base on its decade's films."""
    interval = f"95 % interval {scores['gain_low']:+.3f} to {scores['gain_high']:+.3f}"
    told = f"{abs(scores['gain_nats']):.3f} nats a sub-word ({interval}, {scores['films']} films)"
    if scores["gain_low"] > 0:
        return f"On held-out films of the {period} it is better than its base by {told}."
    if scores["gain_high"] < 0:
        return f"On held-out films of the {period} it is worse than its base by {told}."
    return (
        f"On held-out films of the {period} it cannot be told from its base: the losses "
        f"differ by {told}."
    )


def card_of(recipe: PeriodRecipe, n_words: int, scores: Mapping[str, Any]) -> str:
    """Return the text of ``README.md``."""
    rows = "\n".join(
        f"| {name} | {scores[name]['loss']:.3f} | {scores[name]['top1']:.4f} |"
        for name in ("base", "adapted")
    )
    return f"""# {recipe.name}

An adapter (LoRA, rank {recipe.rank}) that leans {recipe.base} towards the {recipe.period}. It was
trained on {n_words:,} words of {recipe.medium} from the {recipe.period}, all of them in the part
its base was trained on, and opens with that base only:
`kblib.adapters.folder.open_adapted("{recipe.name}")`.

Scored on {scores["n"]:,} hidden sub-words of {scores["films"]} test films of the decade:

| model | loss, nats | first guess right |
|---|---|---|
{rows}

{verdict(recipe.period, scores)}

Its base has read all years, so it knows what came later: it is no witness of the {recipe.period},
only a model that expects their words a little more. `recipe.json` holds every number that made it.
"""


def notice_of(base: Path | None) -> str | None:
    """Return what the base's folder says about the texts, for they are the same."""
    if base is not None:
        with suppress(OSError):
            return (base / "NOTICE").read_text(encoding="utf-8")
    return None
