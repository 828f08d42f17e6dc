"""What a base has to be, looked at before anything is queued or trained.

Nothing here imports torch.
"""

from __future__ import annotations

from pathlib import Path

from kblib.errors import IntegrityError, ModelError
from kblib.files import read_json
from kblib.finetuning.about import refuse_an_adapter
from kblib.finetuning.material import Task
from kblib.finetuning.recipe import FinetuneRecipe
from kblib.models.catalog import CONFIG
from kblib.models.layouts import OfWhat, check_layout, most_tokens
from kblib.models.origin import name_of_origin

_MOST_TOKENS = 256
"""A window by default: longer ones cost more than twice as much, and most texts are shorter."""
_LEAST_TOKENS = 8


def check_base(folder: Path, task: Task, recipe: FinetuneRecipe) -> int:
    """Check that the model in a folder can be finetuned, and return the tokens of a window.

    Raises
    ------
    ModelError
        If it is an adapter, its layout has no head for such labels, or it reads less at once than
        was asked for.
    IntegrityError
        If its configuration is missing or names no layout.
    """
    refuse_an_adapter(folder)
    config = read_json(folder / CONFIG)
    if "model_type" not in config:
        raise IntegrityError(f"{folder / CONFIG} has no model_type.", "transformers writes one.")
    of: OfWhat = "words" if task.kind == "words" else "texts"
    check_layout(name_of_origin(str(folder)), config, of=of)
    most = most_tokens(config)
    asked = recipe.seq_len or min(most, _MOST_TOKENS)
    if _LEAST_TOKENS <= asked <= most:
        return asked
    raise ModelError(
        f"Finetune got seq_len={asked}.",
        f"The model reads {most} tokens at once; {_LEAST_TOKENS} at least are needed.",
        f"kb.Finetune(..., seq_len={min(most, _MOST_TOKENS)})",
    )
