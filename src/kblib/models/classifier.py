"""A saved model that gives a text one of its labels, or several.

Any folder that transformers opens as a model for sequence classification, with safetensors and its
tokenizer.

Letters on tensors: B texts, T tokens, C labels.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from kblib.errors import ModelError
from kblib.models.catalog import find_model
from kblib.models.folder import fingerprint, load_weights
from kblib.models.layouts import most_tokens
from kblib.tokens.subwords import Tokenizer

_MULTI = "multi_label_classification"
_REGRESSION = "regression"
_SHOWN = 8


class SequenceClassifier:
    """A classifier of texts with its tokenizer, ready to use.

    Parameters
    ----------
    model
        A model of transformers with a head for sequence classification.
    tokenizer
        The tokenizer it was trained with.
    name
        Name to show.
    folder
        Where it was opened from, if it was.

    Raises
    ------
    ModelError
        If it gives one number and no labels.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: Tokenizer, *, name: str, folder: Path | None = None
    ) -> None:
        self.model = model.train(False)
        self.tokenizer = tokenizer
        self.name = name
        self.folder = folder
        if len(self.labels) < 2 or model.config.problem_type == _REGRESSION:
            raise ModelError(
                f"The model '{name}' gives a number, not one of several labels "
                f"({len(self.labels)} in its config.json).",
                "A classifier with two labels at least was expected.",
                "See its README.md for what it was made for.",
            )

    @classmethod
    def open(cls, name: str | Path, *, device: str | None = None) -> SequenceClassifier:
        """Open a classifier by folder, by name, or by its name on the model hub.

        Raises
        ------
        ModelError
            If it cannot be found, has no head for labels, has no safetensors, or does not fit in
            memory.
        TokenError
            If it has no tokenizer.
        """
        folder = find_model(name)
        tokenizer = Tokenizer.open(folder)
        model = load_weights(folder, AutoModelForSequenceClassification, device=device)
        shown = folder.name if Path(name).expanduser().is_dir() else str(name)
        return cls(model, tokenizer, name=shown, folder=folder)

    @property
    def labels(self) -> tuple[str, ...]:
        """Its labels, in the order of its scores."""
        names: dict[int, str] = self.model.config.id2label
        return tuple(names[number] for number in sorted(names))

    @property
    def multi(self) -> bool:
        """Whether a text may have several labels, each judged by itself."""
        return bool(self.model.config.problem_type == _MULTI)

    @property
    def seq_len(self) -> int:
        """Tokens it reads at once, at most."""
        return most_tokens(self.model.config)

    @property
    def entailment(self) -> int:
        """Which of its labels says that one sentence follows from another.

        Raises
        ------
        ModelError
            If none does.
        """
        found = self.called("entail")
        if len(found) != 1:
            raise ModelError(
                f"The model '{self.name}' has the labels {', '.join(self.labels)}.",
                "One that is called 'entailment' was expected: whether a sentence follows.",
                "If one of them means it, name it so in id2label and label2id of config.json.",
            )
        return found[0]

    def called(self, beginning: str) -> list[int]:
        """Return the numbers of its labels whose names begin so, by label2id of config.json."""
        numbers: dict[str, int] = self.model.config.label2id
        return sorted({int(n) for name, n in numbers.items() if name.lower().startswith(beginning)})

    def logits(self, ids_BT: Tensor, mask_BT: Tensor | None) -> Tensor:
        """Return the scores of labels before they are made shares, (B, C)."""
        mask_BT = torch.ones_like(ids_BT) if mask_BT is None else mask_BT
        logits: Tensor = self.model(input_ids=ids_BT, attention_mask=mask_BT).logits.float()
        return logits

    def shares(self, logits_BC: Tensor) -> Tensor:
        """Return scores from 0 to 1: of all labels together, or of each by itself."""
        return logits_BC.sigmoid() if self.multi else logits_BC.softmax(-1)

    @property
    def provenance(self) -> dict[str, str]:
        """Name, and SHA-256 of the weights where a manifest has it."""
        return {"model": self.name, "weights": fingerprint(self.folder) if self.folder else ""}

    def __repr__(self) -> str:
        """Return one line: name, labels, parameters."""
        told = ", ".join(self.labels[:_SHOWN]) + (", ..." if len(self.labels) > _SHOWN else "")
        return (
            f"<SequenceClassifier {self.name}: {told}; {self.model.num_parameters():,} parameters>"
        )
