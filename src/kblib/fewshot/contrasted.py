"""A sentence encoder made by contrastive finetuning: its vectors, and its model folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kblib.fewshot.contrastive import Contrasted, contrast
from kblib.fewshot.contrastive_recipe import Contrast
from kblib.labels.told import notice_of, told_labels
from kblib.models.catalog import find_model
from kblib.models.folder import fingerprint, save_model
from kblib.models.linears import make_ready
from kblib.models.sentence_encoder import TEMPERATURE, Vectors, mean_vectors, reader_of
from kblib.models.told import told_model

if TYPE_CHECKING:
    from kblib.labels import Labels

Progress = Callable[[int, int], None]


class ContrastedEngine:
    """The mean of the last hidden states of an encoder that was finetuned on pairs.

    Parameters
    ----------
    made
        What the finetuning gave.
    base
        Folder of the model it began with.
    recipe, seed
        How it was finetuned.
    labels
        What is told of the labels.
    """

    temperature = TEMPERATURE
    weights = ""  # they have no folder yet whose manifest could say it

    def __init__(
        self,
        made: Contrasted,
        *,
        base: Path,
        recipe: Contrast,
        seed: int,
        labels: Mapping[str, Any],
    ) -> None:
        self.made = made
        self.name = f"{base.name}, finetuned on pairs"
        self._base = base
        self._recipe = recipe
        self._seed = seed
        self._labels = labels
        # As the saved encoder is read, so that both give the same vectors; `made` can be saved.
        self._reader = copy(made.reader)
        self._reader.model = make_ready(deepcopy(made.reader.model))

    @property
    def width(self) -> int:
        """Length of a vector."""
        return int(self.made.reader.model.config.hidden_size)

    @property
    def about(self) -> dict[str, Any]:
        """How it was made, as plain values."""
        return {
            "base": {**told_model(self._base), "weights": fingerprint(self._base)},
            "recipe": asdict(self._recipe),
            "seed": self._seed,
            "steps": len(self.made.losses),
            "steps_planned": self.made.steps,
            "last_loss": self.made.losses[-1],
        }

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader has to know, in sentences."""
        made, said = self.made, []
        if made.interrupted:
            said.append(f"The finetuning was ended after {len(made.losses)} of {made.steps} steps.")
        if made.cut:
            most = self._recipe.most_tokens
            said.append(f"Of {made.cut:,} texts the first {most} tokens were read in finetuning.")
        return tuple(said)

    def vectors(self, texts: Sequence[str], as_: str) -> Vectors:  # noqa: ARG002  knows no prefix
        """Return unit vectors of texts that are not empty, (N, D)."""
        return mean_vectors(self._reader, texts, self.name)

    def save(self, folder: Path, scores: dict[str, Any]) -> Path:
        """Save the encoder as a model folder, which batch jobs and transformers open."""
        return save_model(
            folder,
            model=self.made.reader.model,
            tokenizer=self.made.reader.tokenizer,
            recipe={**self.about, "labels": self._labels},
            scores=scores,
            card=_CARD.format(base=self._base.name),
            notice=notice_of(self._labels, self._base),
        )


_CARD = """# {base}, finetuned on pairs

An encoder of sentences: the vector of a text is the mean of its last hidden states. It was
finetuned on pairs of labelled texts, so that texts of one label lie near each other (`recipe.json`
holds every number). Of anything else than those labels it may know less than its base; a head for
masks, if there is one, is that of its base and no longer fits.
"""


def contrasted(
    labels: Labels, model: str | Path, recipe: Contrast, seed: int, progress: Progress | None
) -> ContrastedEngine:
    """Finetune an encoder, by name or folder, on pairs of labelled texts."""
    base = find_model(model)
    texts, names = (labels.rows[name].to_list() for name in ("text", "label"))
    made = contrast(reader_of(base), texts, names, recipe, seed=seed, progress=progress)
    told = told_labels(labels.name, {"train": labels})
    return ContrastedEngine(made, base=base, recipe=recipe, seed=seed, labels=told)
