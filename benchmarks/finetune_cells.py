"""One cell each of the benchmark of finetuning: a score, an answer, bytes, memory, seconds."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.usage import usage_of
from kblib.finetuning.here import save_seed
from kblib.finetuning.material import Material
from kblib.finetuning.model import FinetunedModel
from kblib.finetuning.prepared import Prepared, prepare
from kblib.finetuning.recipe import FinetuneRecipe
from kblib.finetuning.training import Trained, train_seed
from kblib.labels import Labels
from kblib.labels.parts import Parts

MODEL = "kb-mini-masked"
RATES = {"lora": (3e-4, 1e-3, 3e-3), "full": (6e-5, 2e-4, 6e-4), "probe": (1e-3, 3e-3, 1e-2)}
METHODS = tuple(RATES)
_EPOCHS, _QUICK_STEPS = 3.0, 4
_TUNED_BY = 1  # the seed that learning rates are compared with
_FEW = 32  # held-out windows where only the steps before them are looked at
_STEPS, _ROUNDS, _FIRST = 16, 4, 4
Step = Callable[..., Any]


@dataclass(frozen=True)
class Answered:
    """What a model said of the test films.

    Attributes
    ----------
    so, said
        The label of each window, and what was said.
    trained
        Numbers that were changed.
    """

    so: list[str]
    said: list[str]
    trained: int


def tuned(parts: Parts, method: str, rate: float, *, quick: bool) -> float:
    """Return the score on the validation films."""
    trained, _ = _trained(parts, method, rate, _TUNED_BY, quick=quick)
    return trained.valid["score"]


def tested(parts: Parts, method: str, rate: float, seed: int, *, quick: bool) -> dict[str, Any]:
    """Return what a model said of the test films, as plain data."""
    trained, data = _trained(parts, method, rate, seed, quick=quick)
    model = FinetunedModel(trained.model, data.tokenizer, data.about, name=method, folder=Path())
    said = model.predict(parts.test)["label"].tolist()
    so = parts.test.rows["label"].to_list()
    return asdict(Answered(so, said, trained.trained_parameters))


def step_seconds(parts: Parts, *, quick: bool) -> dict[str, list[float]]:
    """Return the seconds of steps of each method, some of one and then some of the next."""
    taken: dict[str, list[float]] = {method: [] for method in METHODS}
    for _ in range(1 if quick else _ROUNDS):
        for method in METHODS:
            at: list[float] = []
            few_steps(parts, method, partial(_note_time, at))
            taken[method] += [b - a for a, b in zip(at[_FIRST:], at[_FIRST + 1 :], strict=False)]
    return taken


def stored_bytes(parts: Parts, method: str) -> int:
    """Return the bytes of the weights in the folder that a method saves."""
    trained, data = few_steps(parts, method, lambda _line: None, steps=1)
    with tempfile.TemporaryDirectory() as aside:
        saved = save_seed(Path(aside) / "model", trained, data, lambda *_: {})
        return sum(one.stat().st_size for one in saved.folder.rglob("*.safetensors"))


def peak_mib(parts: Parts, name: str) -> float:
    """Return the peak memory of a process of its own that does what a method does, in MiB."""
    named = {"train": parts.train, "valid": parts.valid, "test": parts.test}
    with tempfile.TemporaryDirectory() as aside:
        for part, labels in named.items():
            assert labels is not None  # noqa: S101  asked for
            labels.save(Path(aside) / f"{part}.jsonl")
        command = [sys.executable, "-m", "benchmarks.finetune_peak", name, aside]
        return usage_of(command).peak_mib


def _trained(
    parts: Parts, method: str, rate: float, seed: int, *, quick: bool
) -> tuple[Trained, Prepared]:
    numbers: dict[str, Any] = {"steps": _QUICK_STEPS} if quick else {"epochs": _EPOCHS}
    return _train(parts, {"method": method, "learning_rate": rate, **numbers}, seed)


def few_steps(
    parts: Parts, method: str, record: Callable[[Mapping[str, Any]], None], *, steps: int = _STEPS
) -> tuple[Trained, Prepared]:
    """Train a few steps, and look at few held-out windows."""
    valid = parts.valid or parts.test
    few = replace(parts, valid=_head(valid), test=_head(parts.test))
    return _train(few, {"method": method, "steps": steps, "patience": None}, 1, record)


def _train(
    parts: Parts,
    numbers: Mapping[str, Any],
    seed: int,
    record: Callable[[Mapping[str, Any]], None] = lambda _line: None,
) -> tuple[Trained, Prepared]:
    recipe = FinetuneRecipe(**{**numbers, "seeds": (seed,)})
    recipe.check()
    data = prepare(Material.of(parts, valid=recipe.valid), recipe, MODEL)
    trained = train_seed(data, seed, device=torch.device("cpu"), record=record)
    assert trained is not None  # noqa: S101  nobody asks it to stop
    return trained, data


def _note_time(at: list[float], line: Mapping[str, Any]) -> None:
    if "loss" in line:  # an evaluation and a checkpoint have lines of their own
        at.append(time.perf_counter())


def _head(labels: Labels) -> Labels:
    """Return a few texts of each label."""
    some = labels.rows.group_by("label", maintain_order=True).head(_FEW // 2)
    return replace(labels, rows=some)
