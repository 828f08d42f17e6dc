"""What a finetuned folder says of itself besides weights: ``finetuned.json``.

Nothing here imports torch.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kblib.errors import IntegrityError, ModelError
from kblib.files import read_json
from kblib.finetuning.material import Task
from kblib.finetuning.recipe import Method
from kblib.models.origin import name_of_origin
from kblib.models.word_places import Cutting

FINETUNED = "finetuned.json"
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")
_ADAPTER = "adapter_config.json"
"""What peft writes beside an adapter."""


@dataclass(frozen=True)
class Base:
    """The model that was finetuned.

    Attributes
    ----------
    name
        As it is called.
    folder
        Where it lay.
    fingerprint
        Of weights, layout and tokenizer.
    """

    name: str
    folder: str
    fingerprint: str


@dataclass(frozen=True)
class About:
    """How a finetuned model is to be asked.

    Attributes
    ----------
    task
        What it says of a text.
    method
        How it was trained.
    base
        What it was trained from; an adapter cannot be without it.
    seq_len
        Tokens a window.
    cutting
        How texts are cut into words, where words are labelled.
    typed
        Whether the model is told which text of a pair a piece belongs to.
    quantized
        How the base's matrices are stored, if in few bits.
    mean, spread
        Of the numbers of the train part: the model gives them in units of the spread.
    seed
        Of this training.
    """

    task: Task
    method: Method
    base: Base
    seq_len: int
    cutting: Cutting
    typed: bool = False
    quantized: str | None = None
    mean: float = 0.0
    spread: float = 1.0
    seed: int = 1

    def of_seed(self, seed: int) -> About:
        """Return the same of another training."""
        return replace(self, seed=seed)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**asdict(self), "task": self.task.to_dict()}

    @classmethod
    def read(cls, folder: Path) -> About:
        """Read it from a folder.

        Raises
        ------
        IntegrityError
            If it is not there, or not whole.
        """
        content = read_json(folder / FINETUNED)
        try:
            task, base = Task.from_dict(content.pop("task")), Base(**content.pop("base"))
            return cls(task=task, base=base, **content)
        except (KeyError, TypeError, AttributeError):
            raise IntegrityError(
                f"{folder / FINETUNED} is not whole.",
                "It says what the model labels and how.",
                "Copy the folder again from where it was made.",
            ) from None


def label_of(base: str, labels: str, method: str, name: str | None = None) -> str:
    """Return a readable name for runs and models, fit to be that of a folder.

    Examples
    --------
    >>> label_of("KB/bert-base-swedish-cased", "my genres", "lora")
    'bert-base-swedish-cased-my-genres-lora'
    """
    said = name or f"{Path(name_of_origin(base)).name}-{labels}-{method}"
    return _NOT_IN_NAMES.sub("-", said).strip(".-") or "finetuned"


def is_finetuned(folder: Path) -> bool:
    """Say whether a folder holds a model that was finetuned here."""
    return (folder / FINETUNED).is_file()


def refuse_an_adapter(folder: Path) -> None:
    """Check that a folder is no adapter beside another model.

    Raises
    ------
    ModelError
        If it is one.
    """
    beside = (folder / _ADAPTER).is_file() or (
        is_finetuned(folder) and About.read(folder).method != "full"
    )
    if beside:
        raise ModelError(
            f"The folder {folder} holds an adapter, and no whole model.",
            "A finetuning begins from a whole model.",
            f"Name its base, or make it whole first: "
            f"kb.FinetunedModel.open('{folder.name}').save('whole', merged=True)",
        )
