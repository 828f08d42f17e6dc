"""An adapter for a decade: trained by the project's own loop on the decade's films alone.

The base stays as it is; the loop, the engine, the batches and the masks are those of every other
training. It takes some minutes on one core, so there is nothing to go on with: a training that was
stopped begins anew.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

import kblib
from kblib.adapters.film_scores import difference, score_films
from kblib.adapters.folder import save_adapter
from kblib.adapters.lora import with_lora
from kblib.adapters.period_card import card_of, notice_of, verdict
from kblib.adapters.recipe import PeriodRecipe
from kblib.corpora import Corpus
from kblib.corpora.rights import told_corpus
from kblib.errors import IntegrityError, ModelError
from kblib.files import check_folder, read_json
from kblib.models.catalog import find_model
from kblib.models.folder import fingerprint
from kblib.models.masked import MaskedLM
from kblib.models.shape import ModelShape
from kblib.models.training_split import TrainingSplit
from kblib.tokens.pack import TokenBlocks
from kblib.training.batches import BlockBatches
from kblib.training.config import TrainingConfig
from kblib.training.engine import TorchEngine
from kblib.training.loop import train
from kblib.training.objective import MaskedObjective

_EVERY = 50  # steps between two lines that are said


def make_adapter(
    recipe: PeriodRecipe,
    corpus: Corpus,
    target: Path,
    say: Callable[[str], None],
    *,
    base: MaskedLM | None = None,
    replace: bool = False,
) -> Path:
    """Train an adapter, score it beside its base on the decade's test films, and save both results.

    Parameters
    ----------
    corpus
        The corpus its base was trained on; it is split in the same way.
    target
        Where the folder shall appear.
    say
        Told what happens, a line at a time.

    Raises
    ------
    ModelError
        If the base was trained on another corpus.
    """
    base = MaskedLM.open(recipe.base, device="cpu") if base is None else base
    split = TrainingSplit.of(base.folder, corpus)
    if split is None:
        raise ModelError(
            f"'{base.name}' was not trained on corpus '{corpus.name}' as it is here.",
            "Otherwise films it has read could be among those the adapter is scored on.",
            f"python -m kblib models {recipe.base}",
        )
    texts = recipe.texts_of(split.train)
    adapted = with_lora(
        deepcopy(base.model), rank=recipe.rank, alpha=recipe.alpha, seed=recipe.seed
    )
    say(f"{recipe.name}: {texts.n_words:,} words of {recipe.medium} in the training part")
    config = train_adapter(adapted, base, recipe, texts, say)
    _round_to_half(adapted)
    held_out = recipe.texts_of(split.test)
    theirs, ours = score_films(
        [base.model, adapted.get_base_model()], held_out, split.group, base.tokenizer,
        recipe.seq_len,
    )  # fmt: skip
    scores = {
        **difference(ours, theirs),
        "provenance": {
            "part": "test",
            "part_fingerprint": held_out.fingerprint,
            "corpus_fingerprint": corpus.fingerprint,
            "weights": "float16, as stored",
            "seq_len": recipe.seq_len,
            "version": kblib.__version__,
        },
    }
    say(f"{recipe.name}: {verdict(recipe.period, scores)}")
    return save_adapter(
        target,
        adapted=adapted,
        base=base,
        about={"period": recipe.period, "medium": recipe.medium},
        recipe=_recipe(recipe, config, corpus, texts),
        scores=scores,
        card=card_of(recipe, texts.n_words, scores),
        notice=notice_of(base.folder),
        replace=replace,
    )


def is_made(recipe: PeriodRecipe, target: Path) -> bool:
    """Say whether a folder holds the whole adapter of a recipe, for the base as it is now."""
    try:
        manifest = check_folder(target, contents=False)
        said = read_json(target / "recipe.json")["recipe"]
        base = fingerprint(find_model(recipe.base))
    except (IntegrityError, ModelError, KeyError):
        return False
    return bool(said == asdict(recipe) and manifest.get("base_weights") == base)


def train_adapter(
    adapted: Any, base: MaskedLM, recipe: PeriodRecipe, texts: Corpus, say: Callable[[str], None]
) -> TrainingConfig:
    """Train what `with_lora` added on the texts of a decade; the base's matrices stay frozen."""
    model = adapted.get_base_model()
    shape = base.shape or ModelShape(1, 1, 1)
    with tempfile.TemporaryDirectory() as aside:
        blocks = TokenBlocks.pack(texts, base.tokenizer, Path(aside) / "tokens")
        config = recipe.config(blocks.n_blocks(recipe.seq_len))

        def record(line: Mapping[str, Any]) -> None:
            if line["step"] % _EVERY == 0 and "loss" in line:
                say(
                    f"{recipe.name}: step {line['step']} of {config.steps}, loss {line['loss']:.3f}"
                )

        train(
            TorchEngine(MaskedObjective(model), config, torch.device("cpu")),
            BlockBatches(blocks, base.tokenizer, shape, config),
            config,
            first_step=0,
            record=record,
            evaluate=dict,
            save=lambda _step: None,
            stop=lambda: False,
        )
    model.train(False)
    return config


def _round_to_half(adapted: Any) -> None:
    """Give the additions the numbers that the folder will hold."""
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            parameter.data.copy_(parameter.data.half())


def _recipe(
    recipe: PeriodRecipe, config: TrainingConfig, corpus: Corpus, texts: Corpus
) -> dict[str, Any]:
    return {
        "recipe": asdict(recipe),
        "corpus": told_corpus(corpus),
        "read": {"fingerprint": texts.fingerprint, "words": texts.n_words, "texts": len(texts)},
        "training": asdict(config),
        "threads": torch.get_num_threads(),
        "versions": {"kbnotebooks": kblib.__version__, "torch": torch.__version__},
    }
