"""All that the trainings of a job share: the base, its tokenizer, and what is learnt from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from kblib.errors import TokenError
from kblib.files import read_json
from kblib.finetuning.about import About, Base
from kblib.finetuning.base import check_base
from kblib.finetuning.examples import Examples, class_weights, examples_of
from kblib.finetuning.held_out import HeldOut
from kblib.finetuning.material import Material
from kblib.finetuning.recipe import FinetuneRecipe
from kblib.labels import Labels
from kblib.models.folder import count_parameters, read_config
from kblib.models.layouts import is_causal
from kblib.models.origin import folder_of_origin, name_of_origin, origin_fingerprint
from kblib.models.word_places import cutting_of
from kblib.tokens.subwords import CONFIG_FILE, Tokenizer
from kblib.training.config import TrainingConfig

_MOST_EVALUATIONS = 20
_MUCH_RARER = 10  # times; below, weights change scores little
_PADS = ("pad_token", "eos_token", "sep_token", "unk_token")
TYPES = "token_type_ids"


@dataclass(frozen=True, eq=False)
class Prepared:
    """What the trainings of a job share.

    Attributes
    ----------
    recipe, material
        What was asked.
    folder
        Of the base.
    about
        How the finished models are to be asked.
    examples
        What is learnt from.
    valid, test
        What is held out; valid is None where there is no such part.
    notes
        What a reader has to know, in sentences.
    n_parameters
        Of the base, by its files.
    """

    recipe: FinetuneRecipe
    material: Material
    folder: Path
    tokenizer: Tokenizer
    about: About
    examples: Examples
    valid: HeldOut | None
    test: HeldOut
    notes: tuple[str, ...]
    n_parameters: int

    def config(self, seed: int) -> TrainingConfig:
        """Return the numbers of the loop."""
        recipe = self.recipe
        an_epoch = math.ceil(len(self.examples) / recipe.batch_size)
        steps = recipe.steps or max(1, math.ceil(recipe.epochs * an_epoch))
        usual = max(1, math.ceil(an_epoch / 2), math.ceil(steps / _MOST_EVALUATIONS))
        every = min(steps, recipe.eval_every or usual)
        return TrainingConfig(
            steps=steps,
            seq_len=max(1, round(fmean(map(len, self.examples.ids)))),
            batch_size=recipe.batch_size,
            learning_rate=recipe.rate_for(self.n_parameters),
            warmup_steps=max(1, round(recipe.warmup * steps)),
            weight_decay=recipe.weight_decay,
            eval_every=every,
            save_every=every,
            seed=seed,
            beta2=0.999,  # of every finetuning since Devlin et al. (2019)
        )


def prepare(material: Material, recipe: FinetuneRecipe, model: str) -> Prepared:
    """Open tokenizer and configuration of a base, and encode what is learnt from.

    Raises
    ------
    ModelError
        If there is no such model, it cannot be finetuned, or there are more labels than it can say.
    TokenError
        If it has no tokenizer.
    """
    folder = folder_of_origin(model)
    seq_len = check_base(folder, material.task, recipe)
    config = read_config(folder)
    tokenizer = with_padding(Tokenizer.open(folder))
    mean, spread = _scale(material.train)
    about = About(
        task=material.task,
        method=recipe.method,
        base=Base(name_of_origin(model), str(folder), origin_fingerprint(folder)),
        seq_len=seq_len,
        cutting=_cutting(material.train),
        typed=material.task.kind == "pairs" and _knows_types(folder, config),
        quantized=recipe.quantized,
        mean=mean,
        spread=spread,
    )
    last = is_causal(config["model_type"])
    weights = class_weights(material.train) if _is_balanced(recipe, material) else None
    examples = examples_of(material.train, tokenizer, about, weight_of=weights, last=last)
    if not len(examples):
        raise TokenError(
            f"The tokenizer of '{model}' reads nothing in the {len(material.train):,} texts.",
            "Texts in its script were expected.",
            "Look at a few: tokenizer.encode(text)",
        )
    valid = material.valid
    return Prepared(
        recipe,
        material,
        folder,
        tokenizer,
        about,
        examples,
        None if valid is None else HeldOut.of(valid, tokenizer, about, last=last),
        HeldOut.of(material.test, tokenizer, about, last=last),
        (*material.warnings, *_rare_labels(recipe, material), *examples.notes),
        count_parameters(folder),
    )


def with_padding(tokenizer: Tokenizer) -> Tokenizer:
    """Return a tokenizer that has a padding piece: its own, or one that ends texts.

    Raises
    ------
    TokenError
        If it has neither.
    """
    role = next((role for role in _PADS if tokenizer.has(role)), None)
    if role is None:
        raise TokenError(
            "This tokenizer has no piece to fill up shorter texts with.",
            "A padding piece was expected, or one that ends a text.",
            "Name it in tokenizer_config.json: pad_token",
        )
    return Tokenizer(tokenizer.engine, {**tokenizer.roles, "pad_token": tokenizer.roles[role]})


def _knows_types(folder: Path, config: dict[str, Any]) -> bool:
    """Say whether a model is told which text of a pair a piece is of, as its tokenizer has it."""
    path = folder / CONFIG_FILE
    named = read_json(path).get("model_input_names") if path.is_file() else None
    types = int(config.get("type_vocab_size") or 0)
    return types > 1 and (named is None or TYPES in named)


def _cutting(labels: Labels) -> Any:
    return cutting_of(labels.rows["tokens"].to_list()) if labels.kind == "words" else "spaces"


def _scale(labels: Labels) -> tuple[float, float]:
    """Return mean and spread of numbers; of names what changes nothing."""
    if not labels.is_scale:
        return 0.0, 1.0
    values = labels.rows["label"].to_numpy()
    return float(np.mean(values)), float(np.std(values)) or 1.0


def _rare_labels(recipe: FinetuneRecipe, material: Material) -> Iterator[str]:
    """Say it where a label is much rarer than another, and what may be done."""
    if material.task.is_scale:
        return
    counts = material.train.counts.query("count > 0").sort_values("count")
    rare, often = counts.iloc[0], counts.iloc[-1]
    if often["count"] >= _MUCH_RARER * rare["count"]:
        done = "they weigh as much as others here" if recipe.balance == "classes" else (
            "balance='classes' lets them weigh as much as others"
        )  # fmt: skip
        yield (
            f"'{rare['label']}' is labelled {rare['count']:,} times to learn from, "
            f"'{often['label']}' {often['count']:,} times. Of rare labels: {done}."
        )


def _is_balanced(recipe: FinetuneRecipe, material: Material) -> bool:
    return recipe.balance == "classes" and not material.task.is_scale
