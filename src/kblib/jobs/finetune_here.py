"""Finetune here and now, with the scores that a run would have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kblib.finetuning import here
from kblib.finetuning.model import FinetunedModel
from kblib.jobs.finetune_job import require_parts
from kblib.jobs.finetune_scores import scores_of
from kblib.labels import Labels
from kblib.labels.parts import Parts


def finetune(
    labels: Labels | Parts,
    model: str = "kb-mini-masked",
    *,
    folder: str | Path | None = None,
    say: Callable[[str], None] | None = None,
    **numbers: Any,
) -> FinetunedModel:
    """Finetune a model on labelled texts in this very process, and return it when it is done.

    For small models, and minutes; `kb.submit(kb.Finetune(...))` sends the same away as a run, which
    may be left alone, stopped and taken up again.

    Parameters
    ----------
    labels
        In parts, as ``labels.split(test=0.2)`` gives them; what is not split yet is split by its
        groups.
    model
        A folder, a name, or a name on the model hub.
    folder
        Where it is saved; by default in a folder that goes with this process.
    say
        Told how it goes, a line an evaluation.
    **numbers
        Fields of `kb.Finetune`, such as ``method="full"``, ``epochs=3``, ``seeds=(1, 2, 3)``.

    Returns
    -------
    FinetunedModel
        The best of its seeds on the validation part. Its scores are of the test part, with
        intervals over whole groups.

    Raises
    ------
    JobError, LabelError, ModelError, TokenError
        If a number, the labels or the model cannot be used.
    """
    require_parts(str(numbers.get("method", "lora")))
    record = _silent if say is None else _told(say)
    return here.finetune(labels, model, folder=folder, record=record, score=scores_of, **numbers)


def _silent(_line: Mapping[str, Any]) -> None:
    """Say nothing."""


def _told(say: Callable[[str], None]) -> Callable[[Mapping[str, Any]], None]:
    def hear(line: Mapping[str, Any]) -> None:
        if "eval_score" in line:
            say(
                f"seed {line['seed']}, step {line['step']}: score {line['eval_score']:.3f}, "
                f"loss {line['eval_loss']:.3f} on the validation part"
            )

    return hear
