"""The job of a finetuning: frozen, comparable, and written to disk as plain JSON.

Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import KW_ONLY, dataclass, fields, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kblib import files
from kblib.corpora import Corpus
from kblib.errors import MissingPartError
from kblib.finetuning.about import label_of, refuse_an_adapter
from kblib.finetuning.base import check_base
from kblib.finetuning.material import Material
from kblib.finetuning.recipe import PARTS_OF_METHODS, FinetuneRecipe
from kblib.jobs.labelled_corpus import about_labels, corpus_of, parts_of
from kblib.jobs.origin import origin_to_dict, same_origin
from kblib.jobs.saved_corpus import corpus_to_dict, same_corpus
from kblib.labels import Labels
from kblib.labels.parts import Parts
from kblib.models.catalog import EMBEDDED, local_folder
from kblib.models.hub import looks_like_hub_name
from kblib.models.origin import folder_of_origin, origin_fingerprint
from kblib.tokens.tokenizer_files import require_tokenizer


@dataclass(frozen=True)
class Finetune(FinetuneRecipe):
    """Teach a model to label texts, pairs of texts, or words.

    Parameters
    ----------
    labels
        Labelled texts in parts, as ``labels.split(test=0.2)`` gives them; what is not split yet is
        split by its groups. Labels of texts, of pairs and of words are told by themselves, numbers
        on a scale as well.
    model
        What is finetuned: a folder, a name, or a name on the model hub. Masked, causal and encoder
        models alike; a causal one reads from left to right, and its last piece answers for all.
    name
        What the run and the model are called.
    **numbers
        See `kblib.finetuning.recipe.FinetuneRecipe`.

    Raises
    ------
    JobError
        If a number is impossible.
    LabelError
        If there is one label only, or too few texts, or a group in two parts.
    ModelError, TokenError
        If there is no such model, it is no whole one, it has no tokenizer, or its layout has no
        head for such labels; of a model on the hub only, this is told at submit.

    Examples
    --------
    >>> from kblib.labels import read_labels
    >>> rows = [{"text": f"{w} {n}", "label": w} for w in ("sol", "regn") for n in range(20)]
    >>> job = Finetune(read_labels(rows).split(test=0.25), epochs=2, seeds=(1, 2))
    >>> job.method, job.label
    ('lora', 'kb-mini-masked-labels-lora')
    """

    labels: Labels | Parts
    model: str = EMBEDDED
    _: KW_ONLY
    name: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", str(self.model))
        seeds: Any = self.seeds
        if isinstance(seeds, int) and not isinstance(seeds, bool):
            seeds = (seeds,)
        object.__setattr__(
            self, "seeds", tuple(seeds) if isinstance(seeds, list | range) else seeds
        )
        self.check()
        found = _model_here(self.model)
        task = self.material.task  # what is wrong with labels is told now
        if found is not None:
            check_base(found, task, self)

    @cached_property
    def material(self) -> Material:
        """The labels, looked at, with a validation part set aside."""
        return Material.of(self.labels, valid=self.valid)

    @cached_property
    def corpus(self) -> Corpus:
        """All parts as one corpus."""
        return corpus_of(self.material)

    @property
    def label(self) -> str:
        """A readable name for runs and models, fit to be that of a folder."""
        return label_of(self.model, self.material.name, self.method, self.name)

    @property
    def engine(self) -> str:
        """What carries out a step: torch itself."""
        return "torch"

    @property
    def grad_accum_steps(self) -> int:
        """Pieces of a rank's share of a batch: it is read at once."""
        return 1

    def with_saved_corpus(self) -> Finetune:
        """Return the same job with its labels on disk, where a run can read them.

        Raises
        ------
        MissingPartError
            If what its method needs is not installed.
        """
        require_parts(self.method)
        folder = folder_of_origin(self.model)  # a model of the hub is looked at now that it is here
        job = replace(self, model=str(folder))
        job.__dict__.update(material=self.material, corpus=self.corpus.save())
        return job

    def save(self, path: Path | str) -> Path:
        """Write the job as JSON, for ``python -m kblib submit``; its labels are saved as well."""
        files.write_json(Path(path), self.with_saved_corpus().to_dict())
        return Path(path)

    def to_dict(self) -> dict[str, Any]:
        """Return the job as plain data; the labels as the corpus they are saved in."""
        return {
            "kind": "finetune",
            "labels": {**corpus_to_dict(self.corpus), **about_labels(self.material)},
            "model": origin_to_dict(self.model),
            **self.numbers(),
            "name": self.name,
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Finetune:
        """Read a job from a run folder, and open its labels.

        Raises
        ------
        CorpusError
            If they are no longer there.
        JobError
            If they, or the model, are others than at submit.
        """
        corpus = same_corpus(content["labels"])
        known = {one.name for one in fields(FinetuneRecipe)}
        numbers = {name: value for name, value in content.items() if name in known}
        numbers["seeds"] = tuple(numbers["seeds"])
        parts = parts_of(corpus, content["labels"])
        job = cls(parts, same_origin(content["model"]), name=content["name"], **numbers)
        job.__dict__["corpus"] = corpus
        return job

    @property
    def key(self) -> str:
        """A hash of what is asked: equal labels in equal parts, an equal model, equal numbers."""
        content = {
            **self.to_dict(),
            "labels": [self.corpus.content, list(self.material.train.labels), self.material.by],
            "model": origin_fingerprint(folder_of_origin(self.model)),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def require_parts(method: str) -> None:
    """Check that what a method needs is installed, before anything is written.

    Raises
    ------
    MissingPartError
        Naming what is missing and the command that brings it.
    """
    missing = [name for name in PARTS_OF_METHODS.get(method, ()) if find_spec(name) is None]
    if missing:
        raise MissingPartError(
            f"method='{method}' needs {', '.join(missing)}, not installed here.",
            "They come with the extras 'train' and 'cluster'.",
            f"python -m pip install {' '.join(missing)}",
        )


def _model_here(model: str) -> Path | None:
    """Return the folder of a model, which was looked at; None of one that is on the hub only."""
    folder = local_folder(model)
    if folder is None:
        if not looks_like_hub_name(model):
            folder_of_origin(model)  # says what there is
        return None
    refuse_an_adapter(folder)
    if not any(folder.glob("*.safetensors")):
        folder_of_origin(model)
    require_tokenizer(folder)
    return folder
