"""How a model is finetuned: numbers, and what is refused before anything is done.

Nothing here imports torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any, Literal

from kblib.errors import JobError

Method = Literal["lora", "qlora", "full", "probe"]
METHODS = {
    "lora": "a few numbers beside each matrix, and the head",
    "qlora": "the same, beside matrices that are stored in 4 or 8 bits",
    "full": "everything",
    "probe": "the head alone",
}
"""What is trained."""
PARTS_OF_METHODS = {
    "lora": ("peft",),
    "qlora": ("peft", "bitsandbytes", "accelerate"),
}
"""What has to be installed for some of them, besides what trains."""
_SMALL = 20_000_000
"""Parameters; below, models bear, and need, larger steps."""
_RATES = {"lora": (3e-3, 2e-4), "qlora": (3e-3, 2e-4), "full": (5e-4, 3e-5), "probe": (2e-2, 1e-3)}
"""Of small models, and of others, where a search may begin (``full``: Devlin et al. 2019, A.3)."""
_CHOICES = {
    "method": tuple(METHODS),
    "quantize": ("nf4", "int8"),
    "balance": ("none", "classes"),
}
_WHOLE = ("steps", "batch_size", "seq_len", "rank", "patience", "eval_every")
_REAL = ("epochs", "learning_rate", "alpha")
_SHARES = {"warmup": 0.9, "dropout": 0.9, "weight_decay": 10.0, "valid": 0.5}
_ABSENT = ("steps", "learning_rate", "seq_len", "patience", "eval_every")
_EXAMPLES: dict[str, Any] = {
    "steps": 200,
    "learning_rate": 1e-3,
    "seq_len": 128,
    "patience": 3,
    "eval_every": 50,
}
MOST_SEEDS = 50
_LARGEST = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class FinetuneRecipe:
    """The numbers of a finetuning.

    Parameters
    ----------
    method
        What is trained: ``lora`` (a few numbers beside each matrix), ``qlora`` (the same, the
        matrices stored in few bits), ``full`` (everything), ``probe`` (the head alone).
    epochs, steps
        How long: how often the train part is read, or so many steps.
    batch_size
        Windows of text a step.
    learning_rate
        At its top; by default one that is usual for method and size.
    warmup
        Share of the steps in which the rate rises to its top.
    weight_decay, dropout
        Of AdamW; share of numbers dropped while training.
    seq_len
        Tokens a window; by default as many as the model reads, 256 at most.
    rank, alpha
        Of LoRA.
    quantize
        Of QLoRA: ``nf4`` (4 bits) or ``int8``.
    balance
        ``classes``: rare labels weigh as much as frequent ones. ``none``: each text weighs the
        same.
    patience
        After so many evaluations without gain the training ends. The best weights on the validation
        part are kept in any case; None trains to the end.
    eval_every
        Steps between evaluations; by default half an epoch.
    seeds
        One training each: what changes from one to the next is luck.
    valid
        Share of the train part's groups to validate on, where the labels have no such part: by
        chance, or, if they were split by time, the latest before those that are tested.

    References
    ----------
    Hu et al. (2022), LoRA; Dettmers et al. (2023), QLoRA; Dodge et al. (2020), Fine-tuning
    pretrained language models: weight initializations, data orders, and early stopping.
    """

    method: Method = "lora"
    epochs: float = 4.0
    steps: int | None = None
    batch_size: int = 16
    learning_rate: float | None = None
    warmup: float = 0.1
    weight_decay: float = 0.01
    dropout: float = 0.1
    seq_len: int | None = None
    rank: int = 8
    alpha: float = 16.0
    quantize: Literal["nf4", "int8"] = "nf4"
    balance: Literal["none", "classes"] = "none"
    patience: int | None = 4
    eval_every: int | None = None
    seeds: tuple[int, ...] = (1,)
    valid: float = 0.1

    def check(self) -> None:
        """Refuse what cannot be used.

        Raises
        ------
        JobError
            Naming the first that cannot, with an example that can.
        """
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                listed = ", ".join(f"'{one}'" for one in known)
                raise self._wrong(name, f"One of {listed} was expected.")
        for name in (*_WHOLE, *_REAL):
            self._check_positive(name, whole=name in _WHOLE)
        for name, top in _SHARES.items():
            value: Any = getattr(self, name)
            is_number = isinstance(value, Real) and not isinstance(value, bool)
            if not is_number or not 0 <= value <= top:
                raise self._wrong(name, f"It lies between 0 and {top:g}.")
        self._check_seeds()

    @property
    def trains_body(self) -> bool:
        """Whether the model's own weights change."""
        return self.method == "full"

    @property
    def has_adapter(self) -> bool:
        """Whether what is saved is an adapter beside a base."""
        return self.method in ("lora", "qlora")

    @property
    def quantized(self) -> Literal["nf4", "int8"] | None:
        """How the body's matrices are stored; None in 32 bits."""
        return self.quantize if self.method == "qlora" else None

    def rate_for(self, n_parameters: int) -> float:
        """Return the learning rate that was asked for, or a usual one for a model's size."""
        small, large = _RATES[self.method]
        return self.learning_rate or (small if n_parameters < _SMALL else large)

    def numbers(self) -> dict[str, Any]:
        """Return the numbers as plain data."""
        found = {one.name: getattr(self, one.name) for one in fields(FinetuneRecipe)}
        return {**found, "seeds": list(self.seeds)}

    def _check_positive(self, name: str, *, whole: bool) -> None:
        value = getattr(self, name)
        if value is None and name in _ABSENT:
            return
        kind = Integral if whole else Real
        if isinstance(value, bool) or not issubclass(type(value), kind):
            raise self._wrong(name, f"A {'whole ' if whole else ''}number was expected.")
        if not 0 < value < math.inf:
            raise self._wrong(name, "It should be larger than 0, and finite.")

    def _check_seeds(self) -> None:
        seeds: Any = self.seeds
        whole = isinstance(seeds, tuple | list) and all(
            isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= _LARGEST
            for one in seeds
        )
        if not whole or not 1 <= len(seeds) <= MOST_SEEDS or len(set(seeds)) < len(seeds):
            raise self._wrong("seeds", f"1 to {MOST_SEEDS} different whole numbers were expected.")

    def _wrong(self, name: str, expected: str) -> JobError:
        default = next(one.default for one in fields(FinetuneRecipe) if one.name == name)
        example = _EXAMPLES.get(name, (1, 2, 3) if name == "seeds" else default)
        return JobError(
            f"Finetune got {name}={getattr(self, name)!r}.",
            expected,
            f"kb.Finetune(..., {name}={example!r})",
        )
