"""The result of a pretraining.

A model folder that says what it is, what made it, and how good it is.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import asdict
from typing import Any

import torch
from transformers import PreTrainedModel

import kblib
from kblib.jobs.prepare import Prepared
from kblib.jobs.specs import Pretrain
from kblib.models.folder import save_model
from kblib.models.masking import BERT
from kblib.runs import RunFolder
from kblib.training.config import TrainingConfig
from kblib.training.scoring import MASK_RATE

log = logging.getLogger("kblib.result")

_TEST_BLOCKS = 4096


def save_result(
    run: RunFolder,
    job: Pretrain,
    model: PreTrainedModel,
    data: Prepared,
    config: TrainingConfig,
    world_size: int,
) -> None:
    """Score the trained model on the test part and save it as ``result/model``."""
    held_out = data.held_out("test", job, most_blocks=_TEST_BLOCKS)
    scores: dict[str, Any] = held_out.score(model)
    if job.shape.objective == "masked":
        scores["mask_rate"] = MASK_RATE
        mixed = held_out.score(model, BERT)
        scores |= {f"{name}_80_10_10": mixed[name] for name in ("loss", "top1", "top5")}
    recipe = _recipe(run, job, config, world_size)
    target = run.model
    shutil.rmtree(target, ignore_errors=True)
    save_model(
        target,
        model=model,
        tokenizer=data.tokenizer,
        recipe=recipe,
        scores=scores,
        card=_card(job, recipe, scores),
        notice=_notice(job),
        half=True,
    )
    log.info("saved %s", target)


def _recipe(
    run: RunFolder, job: Pretrain, config: TrainingConfig, world_size: int
) -> dict[str, Any]:
    first = [record for record in run.metrics() if "tokens_per_s" in record]
    return {
        "job": {
            **job.to_dict(),
            "corpus": {"name": job.corpus.name, "fingerprint": job.corpus.fingerprint},
        },
        "training": asdict(config),
        "world_size": world_size,
        "threads": torch.get_num_threads(),
        "tokens_read": config.steps * config.batch_size * config.seq_len,
        "median_tokens_per_s": sorted(record["tokens_per_s"] for record in first)[len(first) // 2],
        "versions": {"kbnotebooks": kblib.__version__, "torch": torch.__version__},
    }


def _card(job: Pretrain, recipe: dict[str, Any], scores: dict[str, Any]) -> str:
    kind = "masked" if job.shape.objective == "masked" else "causal"
    licences = ", ".join(_values(job, "licence")) or "not stated in the corpus"
    languages = ", ".join(_values(job, "language")) or "not stated in the corpus"
    rows = "\n".join(f"| {name} | {_shown(value)} |" for name, value in scores.items())
    return f"""# {job.label}

A {kind} language model ({job.shape}, {job.shape.parameters():,} parameters), trained from nothing
on the corpus '{job.corpus.name}', {job.corpus.n_words:,} words, fingerprint
{job.corpus.fingerprint[:12]}.

- language: {languages}
- licence of the texts: {licences}; the weights are derived from them
- training: {recipe["training"]["steps"]:,} steps, {recipe["tokens_read"]:,} tokens, seed {job.seed}
- split by '{job.group}': {job.valid:.0%} for validation, {job.test:.0%} for the scores below

| score on the test part | value |
|---|---|
{rows}

The model has read nothing but this corpus: its errors, its period and its silences are those of the
corpus. It knows grammar and topics, not facts. `recipe.json` holds every number that made it.
"""


def _notice(job: Pretrain) -> str | None:
    licences = _values(job, "licence")
    if not licences:
        return None
    sources = "; ".join(_values(job, "source")) or job.corpus.name
    return (
        f"The weights in this folder are derived from texts under: {', '.join(licences)}.\n"
        f"Source: {sources}.\nUse and share them under the same terms, and name the source.\n"
    )


def _values(job: Pretrain, column: str) -> list[str]:
    if column not in job.corpus.columns:
        return []
    found = job.corpus.frame().select(column).unique().collect()[column].drop_nulls().to_list()
    return sorted(value for value in found if value and value != "und")


def _shown(value: object) -> str:
    return (
        f"{value:,.4g}"
        if isinstance(value, float)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )
