"""Several trainings that differ in their seed alone: mean, spread, and which one is used."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from kblib.files import MANIFEST, read_json, sealed_folder, write_json
from kblib.finetuning.model import FinetunedModel
from kblib.models.origin import name_of_origin


def best_of(models: Sequence[FinetunedModel]) -> FinetunedModel:
    """Return the one with the best score on the validation part, where there is none the first.

    The test part has no say: chosen by it, its scores would be too good.
    """
    return max(models, key=lambda one: one.scores.get("valid", {}).get("score", 0.0))


def seed_rows(models: Sequence[FinetunedModel]) -> list[dict[str, Any]]:
    """Return one row a training: seed, step of its best weights, its scores."""
    rows = []
    for one in models:
        row: dict[str, Any] = {"seed": one.about.seed, "best_step": one.scores.get("best_step")}
        for part in ("valid", "test"):
            said = one.scores.get(part, {})
            row |= {f"{part}_{name}": value for name, value in said.items()}
        rows.append(row)
    return rows


def summary_of(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return mean and standard deviation over seeds of each score on the test part.

    Examples
    --------
    >>> found = summary_of([{"seed": 1, "test_score": 0.5}, {"seed": 2, "test_score": 0.7}])
    >>> round(found["score"]["mean"], 3), round(found["score"]["spread"], 3)
    (0.6, 0.141)
    """
    names = [name for name in rows[0] if name.startswith("test_")]
    found = {}
    for name in names:
        values = [float(row[name]) for row in rows]
        spread = stdev(values) if len(values) > 1 else float("nan")
        found[name.removeprefix("test_")] = {"mean": fmean(values), "spread": spread}
    return found


def with_seeds(
    chosen: FinetunedModel, models: Sequence[FinetunedModel], target: Path
) -> FinetunedModel:
    """Save the chosen model as `target`, with what all seeds came to, and return it from there."""
    rows = seed_rows(models)
    scores = {**chosen.scores, "seeds": rows}
    if len(rows) > 1:
        scores["over_seeds"] = summary_of(rows)
    said = read_json(chosen.folder / MANIFEST)
    manifest = {name: value for name, value in said.items() if name != "files"}
    with sealed_folder(target, manifest, replace=True) as aside:
        for name in said["files"]:
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(chosen.folder / name, aside / name)
        write_json(aside / "scores.json", scores)
    return FinetunedModel(
        chosen.model,
        chosen.tokenizer,
        chosen.about,
        name=name_of_origin(str(target)),
        folder=target,
        scores=scores,
    )
