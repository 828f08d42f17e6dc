"""Finetune here and now, in this process, without a run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

import kblib
from kblib.errors import ModelError
from kblib.finetuning.about import label_of
from kblib.finetuning.material import Material
from kblib.finetuning.model import FinetunedModel
from kblib.finetuning.prepared import Prepared, prepare
from kblib.finetuning.recipe import FinetuneRecipe
from kblib.finetuning.saving import save_trained
from kblib.finetuning.seeds import best_of, with_seeds
from kblib.finetuning.training import Record, Trained, train_seed
from kblib.labels import Labels
from kblib.labels.parts import Parts
from kblib.labels.told import told_labels
from kblib.models.told import told_model

Scorer = Callable[[FinetunedModel, Prepared, Trained], Mapping[str, Any]]


def finetune(
    labels: Labels | Parts,
    model: str = "kb-mini-masked",
    *,
    folder: str | Path | None = None,
    record: Record = lambda _line: None,
    score: Scorer | None = None,
    **numbers: Any,
) -> FinetunedModel:
    """Finetune a model on labelled texts, and return it when it is done.

    What `kblib.jobs.finetune` sends away as a run, done here: for small models, and minutes.

    Parameters
    ----------
    labels
        In parts; what is not yet split is split by its groups.
    model
        A folder, a name, or a name on the model hub.
    folder
        Where it is saved; by default in a folder that goes with this process.
    record
        Takes a line a step and an evaluation.
    score
        Says how good a model is; by default single numbers on the test part.
    **numbers
        Fields of `FinetuneRecipe`.
    """
    recipe, target = recipe_of(numbers), None if folder is None else _free(Path(folder))
    data = prepare(Material.of(labels, valid=recipe.valid), recipe, str(model))
    home = Path(_temporary())
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    made = []
    for seed in recipe.seeds:
        trained = train_seed(data, seed, device=device, record=_said_of(seed, record))
        assert trained is not None  # noqa: S101  nobody asks it to stop
        made.append(save_seed(home / seed_name(seed), trained, data, score or point_scores))
    called = label_of(data.about.base.name, data.material.name, recipe.method)
    return with_seeds(best_of(made), made, target or home / called)


def recipe_of(numbers: Mapping[str, Any]) -> FinetuneRecipe:
    """Return a recipe that was looked at; one seed may be given as a number."""
    seeds = numbers.get("seeds", (1,))
    listed = (seeds,) if isinstance(seeds, int) and not isinstance(seeds, bool) else seeds
    recipe = FinetuneRecipe(
        **{**numbers, "seeds": tuple(listed) if isinstance(listed, list | range) else listed}
    )
    recipe.check()
    return recipe


def save_seed(target: Path, trained: Trained, data: Prepared, score: Scorer) -> FinetunedModel:
    """Save a training, with its scores."""
    return save_trained(
        target,
        trained,
        data,
        recipe=how_made(data, trained),
        score=lambda opened: score(opened, data, trained),
        replace=True,
    )


def seed_name(seed: int) -> str:
    """Return the name of the folder of a seed's model."""
    return f"seed-{seed:05d}"


def point_scores(opened: FinetunedModel, data: Prepared, trained: Trained) -> dict[str, Any]:
    """Return scores on the test part and on the validation part, as single numbers."""
    return {"test": data.test.score(opened.model), "valid": trained.valid, **told(data, trained)}


def told(data: Prepared, trained: Trained) -> dict[str, Any]:
    """Return what has to be known of scores: parts, fingerprints, the step that was kept."""
    parts = {name: part.corpus.fingerprint for name, part in data.material.parts.items()}
    return {
        "best_step": trained.progress.step or trained.config.steps,
        "provenance": {
            "labels": data.material.name,
            "fingerprints": parts,
            "texts": {name: len(part) for name, part in data.material.parts.items()},
            "split_by": data.material.by,
            "seed": trained.seed,
            "base": data.about.base.name,
            "base_fingerprint": data.about.base.fingerprint,
            "version": kblib.__version__,
        },
        "notes": list(data.notes),
    }


def how_made(data: Prepared, trained: Trained) -> dict[str, Any]:
    """Return every number that made a model, and what it was made from."""
    labels = told_labels(data.material.name, data.material.parts)
    return {
        "made_from": {"base": told_model(data.folder), "labels": labels},
        "recipe": data.recipe.numbers(),
        "training": asdict(trained.config),
        "seed": trained.seed,
        "new_parts": list(trained.new),
        "trained_parameters": trained.trained_parameters,
        "threads": torch.get_num_threads(),
        "versions": {"kbnotebooks": kblib.__version__, "torch": torch.__version__},
    }


def _free(folder: Path) -> Path:
    if folder.exists():
        raise ModelError(
            f"There is a folder {folder} already.",
            "A new one was expected: what was made before is not written over.",
            f"kb.finetune(..., folder='{folder}-2')",
        )
    return folder


def _said_of(seed: int, record: Record) -> Record:
    return lambda line: record({**line, "seed": seed})


_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []
"""They are removed when this process ends."""


def _temporary() -> str:
    _FOLDERS.append(tempfile.TemporaryDirectory(prefix="finetuned-", ignore_cleanup_errors=True))
    return _FOLDERS[-1].name
