"""The result of a pretraining.

A model folder that says what it is, what made it, and how good it is.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any

import torch
from transformers import PreTrainedModel

import kblib
from kblib.corpora.rights import citations_of, told_corpus
from kblib.jobs.next_words import document_scores
from kblib.jobs.prepare import Prepared
from kblib.jobs.rates import median_rate
from kblib.jobs.specs import Pretrain
from kblib.jobs.undoing import skips_of
from kblib.models.folder import save_model
from kblib.models.masking import BERT
from kblib.models.origin import folder_of_origin, name_of_origin
from kblib.models.scores import evenly_spread
from kblib.models.told import told_model
from kblib.runs import RunFolder
from kblib.training.config import TrainingConfig
from kblib.training.scoring import MASK_RATE, MASK_SEED, HeldOut

log = logging.getLogger("kblib.result")

_TEST_BLOCKS = 4096
_TERMS = {"CC-BY-NC-4.0": "https://creativecommons.org/licenses/by-nc/4.0/ (not for sale)"}
_MEANINGS = {
    "loss": "loss, nats a sub-word",
    "top1": "first guess right",
    "top5": "among the first five",
    "n": "sub-words asked for",
    "mask_rate": "share of a block asked for",
    "loss_80_10_10": "loss, nats a sub-word, BERT's mixture",
    "top1_80_10_10": "first guess right, BERT's mixture",
    "top5_80_10_10": "among the first five, BERT's mixture",
    "bits_per_byte": "bits a byte, each document by itself",
    "document_loss": "loss, nats a sub-word, each document by itself",
    "five_gram_bits_per_byte": "bits a byte of a 5-gram",
    "five_gram_loss": "loss, nats a sub-word, of a 5-gram",
    "documents": "documents",
    "bytes": "bytes of text, UTF-8",
}
_PROTOCOLS = """
The first scores hide every sub-word that is asked for behind `[MASK]`, as a reader does. BERT's
mixture (Devlin et al. 2019) shows the mask at 80 % of them, a random sub-word at 10 % and the true
one at 10 %: easier, and the usual way to report a masked model. The two do not compare.
"""
_CAUSAL_PROTOCOLS = """
The first loss is over blocks of the running text, as in training: most sub-words have earlier
documents before them. The other scores ask about each document by itself, from one end mark to the
next; the end mark costs bits and is no byte. The 5-gram is an interpolated modified Kneser-Ney
model of the same sub-words, counted on the same training part.
"""


def save_result(
    run: RunFolder,
    job: Pretrain,
    model: PreTrainedModel,
    data: Prepared,
    config: TrainingConfig,
    world_size: int,
) -> None:
    """Save the trained model as ``result/model``, scored on the test part as it is stored."""
    recipe = _recipe(run, job, config, world_size)
    held_out = data.held_out("test", job, most_blocks=_TEST_BLOCKS)
    _round_to_half(model)
    scores = _scores(held_out, job, model, data)
    save_model(
        run.model,
        model=model,
        tokenizer=data.tokenizer,
        recipe=recipe,
        scores={**scores, "provenance": _provenance(held_out, job)},
        card=_card(job, recipe, scores),
        notice=_notice(job),
        half=True,
        replace=True,
    )
    log.info("saved %s", run.model)


def _round_to_half(model: PreTrainedModel) -> None:
    """Give a model the numbers that its folder will hold: what is scored is what is opened."""
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(tensor.half())


def _scores(
    held_out: HeldOut, job: Pretrain, model: PreTrainedModel, data: Prepared
) -> dict[str, Any]:
    scores: dict[str, Any] = held_out.score(model)
    if job.shape.objective == "causal":
        return scores | document_scores(model, data, job)
    scores["mask_rate"] = MASK_RATE
    mixed = held_out.score(model, BERT)
    return scores | {f"{name}_80_10_10": mixed[name] for name in ("loss", "top1", "top5")}


def _provenance(held_out: HeldOut, job: Pretrain) -> dict[str, Any]:
    """Return what has to be known to compute the scores again."""
    n_blocks = len(evenly_spread(held_out.blocks, held_out.seq_len, held_out.most_blocks))
    return {
        "weights": "float16, as stored",
        "part": "test",
        "part_fingerprint": held_out.blocks.corpus_fingerprint,
        "corpus": job.corpus.name,
        "corpus_fingerprint": job.corpus.fingerprint,
        "split": {"by": job.group, "valid": job.valid, "test": job.test, "seed": job.seed},
        "seq_len": held_out.seq_len,
        "n_blocks": n_blocks,
        "mask_seed": MASK_SEED if job.shape.objective == "masked" else None,
        "version": kblib.__version__,
    }


def _recipe(
    run: RunFolder, job: Pretrain, config: TrainingConfig, world_size: int
) -> dict[str, Any]:
    return {
        "job": {
            **job.to_dict(),
            "corpus": told_corpus(job.corpus),
            **_origin(job),
            **_mixture(job),
        },
        "training": asdict(config),
        "world_size": world_size,
        "threads": torch.get_num_threads(),
        "tokens_read": config.steps * config.batch_size * config.seq_len,
        **_by_source(run, job),
        "median_tokens_per_s": median_rate(run.metrics()),
        "versions": {"kbnotebooks": kblib.__version__, "torch": torch.__version__},
    }


def _origin(job: Pretrain) -> dict[str, Any]:
    """Return who the model is that the job went on from, and what that was made from."""
    if job.continue_from is None:
        return {}
    return {"continue_from": told_model(folder_of_origin(job.continue_from))}


def _mixture(job: Pretrain) -> dict[str, Any]:
    others = job.sources[1:]
    told = [
        {"name": one.name, "share": one.share, "corpus": told_corpus(one.corpus)} for one in others
    ]
    return {"mixture": told} if told else {}


def _by_source(run: RunFolder, job: Pretrain) -> dict[str, Any]:
    """Return how many tokens were read of each corpus of a mixture, and what was left out."""
    found: dict[str, Any] = {}
    last = next((line for line in reversed(run.metrics()) if "tokens_corpus" in line), None)
    if last is not None:
        found["tokens_by_source"] = {one.name: last[f"tokens_{one.name}"] for one in job.sources}
    if skips := skips_of(run):
        found["batches_left_out"] = sum(skip.batches for skip in skips)
    return found


def _card(job: Pretrain, recipe: dict[str, Any], scores: dict[str, Any]) -> str:
    kind = "masked" if job.shape.objective == "masked" else "causal"
    licences = ", ".join(_values(job, "licence")) or "not stated in the corpus"
    languages = ", ".join(_values(job, "language")) or "not stated in the corpus"
    rows = "\n".join(
        f"| {_MEANINGS.get(name, name)} | {_shown(value)} |" for name, value in scores.items()
    )
    return f"""# {job.label}

A {kind} language model ({job.shape}, {job.shape.parameters():,} parameters), trained {_start(job)}
on the corpus '{job.corpus.name}', {job.corpus.n_words:,} words, fingerprint
{job.corpus.fingerprint[:12]}.

- language: {languages}
- licence of the texts: {licences}; the weights are derived from them
- training: {recipe["training"]["steps"]:,} steps, {recipe["tokens_read"]:,} tokens, seed {job.seed}
- split by '{job.group}': {job.valid:.0%} for validation, {job.test:.0%} for the scores below

| score on the test part | value |
|---|---|
{rows}
{_PROTOCOLS if kind == "masked" else _CAUSAL_PROTOCOLS}
{_reading(job)} It knows grammar and topics, not facts. `recipe.json` holds every number
that made it.
"""


def _start(job: Pretrain) -> str:
    """Return what the training began with."""
    if job.continue_from is None:
        return "from nothing"
    return f"further from {name_of_origin(job.continue_from)}"


def _reading(job: Pretrain) -> str:
    """Say whose errors, period and silences are those of the model."""
    if job.continue_from is None:
        return (
            "The model has read nothing but this corpus: its errors, its period and its silences "
            "are those\nof the corpus."
        )
    name = name_of_origin(job.continue_from)
    return (
        f"Before this corpus it has read what {name} has: errors, periods and silences\n"
        "of both are its own, and the licence of either holds."
    )


def _notice(job: Pretrain) -> str | None:
    licences = _values(job, "licence")
    if not licences:
        return None
    lines = [
        f"The weights in this folder are derived from texts under: {', '.join(licences)}.",
        f"Texts: {'; '.join(_values(job, 'source')) or job.corpus.name}.",
        *(f"Cite: {cited}." for cited in citations_of(job.corpus)),
        *(f"{name}: {_TERMS[name]}" for name in licences if name in _TERMS),
        "Use and share the weights under the same terms, and name the source.",
    ]
    return "\n".join(lines) + "\n"


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
