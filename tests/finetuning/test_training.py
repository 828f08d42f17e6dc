"""The loss, the step and the loop of a finetuning, against others' and against itself."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch.nn.functional import cross_entropy

from kblib.finetuning.batches import LabelledBatches
from kblib.finetuning.here import recipe_of
from kblib.finetuning.keeping import KeepingEngine, Progress
from kblib.finetuning.material import Material
from kblib.finetuning.objective import LabelObjective
from kblib.finetuning.prepared import Prepared, prepare
from kblib.finetuning.training import start, train_seed
from kblib.models.batches import filler_of
from tests.finetuning.labelled import KINDS, names, sentences

CPU = torch.device("cpu")


def prepared(parts, model: str, **numbers) -> Prepared:
    recipe = recipe_of({"batch_size": 8, "steps": 6, "eval_every": 2, **numbers})
    return prepare(Material.of(parts, valid=recipe.valid), recipe, model)


def batches_of(data: Prepared, **how) -> LabelledBatches:
    about = {"batch_size": 8, "seed": 1, **how}
    return LabelledBatches(data.examples, filler_of(data.tokenizer), **about)


@pytest.mark.parametrize("kind", ["sentences", "names", "pairs", "numbers"])
def test_loss_is_that_of_the_model_itself(kind: str, tiny) -> None:
    """Models of transformers have a loss of their own; without weights ours is the same."""
    data = prepared(KINDS[kind](), tiny("bert"), method="full", dropout=0.0)
    model, _, _ = start(data, 1, device=CPU)
    batch = batches_of(data).step(0)[0]
    ours = LabelObjective(model, is_scale=data.about.task.is_scale)(**batch)
    inputs = {name: batch[name] for name in batch if name not in ("targets", "weights")}
    theirs = model(**inputs, labels=batch["targets"]).loss
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), rel=1e-5)


def test_balanced_loss_is_torchs_with_class_weights(tiny) -> None:
    parts = sentences()
    rows = parts.train.rows
    rare = rows.filter((rows["label"] == "weather") | (rows["film"].str.ends_with("1")))
    parts.train.__dict__["rows"] = rare
    data = prepared(parts, tiny("bert"), method="full", dropout=0.0, balance="classes")
    model, _, _ = start(data, 1, device=CPU)
    batch = batches_of(data).step(0)[0]
    ours = LabelObjective(model, is_scale=False)(**batch)
    given = data.material.train.rows["label"].to_list()
    counts = torch.tensor([given.count(name) for name in data.about.task.labels])
    weight = len(given) / (len(counts) * counts)
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    theirs = cross_entropy(logits, batch["targets"], weight=weight)
    assert counts[0] != counts[1]
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), rel=1e-5)


@pytest.mark.parametrize(("balance", "said"), [("none", "lets them"), ("classes", "they weigh")])
def test_rare_labels_are_told_of(balance: str, said: str, tiny) -> None:
    parts = sentences(96)
    rows = parts.train.rows
    few = pl.concat([rows.filter(label="sport"), rows.filter(label="weather").head(2)])
    parts.train.__dict__["rows"] = few
    notes = prepared(parts, tiny("bert"), balance=balance).notes
    assert any("'weather' is labelled 2 times to learn from" in n and said in n for n in notes)
    usual = prepared(sentences(), tiny("bert"), balance=balance).notes
    assert not any("is labelled" in note for note in usual)


def test_one_step_is_that_of_transformers_trainer(tiny, tmp_path: Path) -> None:
    from transformers import Trainer, TrainingArguments

    data = prepared(sentences(), tiny("bert"), method="full", dropout=0.0, warmup=0.0, steps=1)
    model, _, _ = start(data, 1, device=CPU)
    other = deepcopy(model)
    batch = batches_of(data).step(0)[0]
    config = data.config(1)
    engine = KeepingEngine(LabelObjective(model, is_scale=False), config, CPU, dtype=torch.float32)
    outcome = engine.step([batch], 1e-3)
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    rows = [
        {**{name: value[n] for name, value in inputs.items()}, "labels": batch["targets"][n]}
        for n in range(8)
    ]
    arguments = TrainingArguments(
        output_dir=str(tmp_path),
        max_steps=1,
        per_device_train_batch_size=8,
        learning_rate=1e-3,
        lr_scheduler_type="constant",
        weight_decay=config.weight_decay,
        adam_epsilon=1e-6,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
    )
    trainer = Trainer(model=other, args=arguments, train_dataset=rows)
    assert outcome.loss == pytest.approx(trainer.train().training_loss, rel=1e-5)
    for (name, a), b in zip(model.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=2e-6, rtol=0, msg=name)


def test_every_window_is_read_once_an_epoch(tiny) -> None:
    data = prepared(names(), tiny("bert"))
    one = batches_of(data)
    for epoch in range(2):
        seen = [n for at in range(one.steps_an_epoch) for n in one._order(epoch)[at]]
        assert sorted(seen) == list(range(len(data.examples)))
    assert one._order(0) != one._order(1)
    assert one._order(0) == batches_of(data)._order_of(0)
    assert one._order(0) != batches_of(data, seed=2)._order(0)


@pytest.mark.parametrize("ranks", [2, 3, 9])
def test_mean_over_ranks_is_the_loss_of_the_whole_batch(ranks: int, tiny) -> None:
    data = prepared(sentences(), tiny("bert"), method="full", dropout=0.0)
    model, _, _ = start(data, 1, device=CPU)
    objective = LabelObjective(model, is_scale=False)
    whole = objective(**batches_of(data).step(1)[0])
    shares = [
        objective(**batches_of(data, rank=rank, world_size=ranks).step(1)[0])
        for rank in range(ranks)
    ]
    mean = float(torch.stack(shares).mean().detach())
    assert mean == pytest.approx(float(whole.detach()), rel=1e-5)


@pytest.mark.parametrize("method", ["lora", "probe", "full"])
def test_what_is_trained_is_what_the_method_says(method: str, tiny) -> None:
    data = prepared(sentences(), tiny("bert"), method=method)
    before, _, new = start(data, 1, device=CPU)
    frozen = {name: one.clone() for name, one in before.state_dict().items()}
    made = train_seed(data, 1, device=CPU)
    assert made is not None
    changed = {
        name for name, one in made.model.state_dict().items() if not torch.equal(one, frozen[name])
    }
    parts = {part for name in changed for part in name.split(".")}
    assert new == ("classifier", "pooler")
    if method == "full":
        assert "embeddings" in parts
    else:
        assert all("lora_" in name or set(name.split(".")) & set(new) for name in changed), changed
        assert ("lora_B" in parts) == (method == "lora")


def test_equal_seeds_train_equally_and_others_do_not(tiny) -> None:
    data = prepared(sentences(), tiny("bert"))

    def losses(seed: int) -> list[float]:
        lines: list[dict] = []
        train_seed(data, seed, device=CPU, record=lines.append)
        return [line["loss"] for line in lines if "loss" in line]

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)


def test_best_weights_are_kept(tiny) -> None:
    """A rate that spoils the model after some steps: what is kept is what was best."""
    data = prepared(
        sentences(), tiny("bert"), steps=16, eval_every=2, learning_rate=0.03, patience=None
    )
    lines: list[dict] = []
    made = train_seed(data, 1, device=CPU, record=lines.append)
    scores = {line["step"]: line["eval_score"] for line in lines if "eval_score" in line}
    assert made is not None
    assert len(scores) == 8
    assert made.valid["score"] == max(scores.values())
    assert scores[made.progress.step] == made.valid["score"]


def test_training_ends_when_nothing_is_gained(tiny) -> None:
    data = prepared(
        sentences(), tiny("bert"), steps=40, eval_every=1, learning_rate=1e-9, patience=2
    )
    lines: list[dict] = []
    made = train_seed(data, 1, device=CPU, record=lines.append)
    steps = max(line["step"] for line in lines)
    assert made is not None
    assert steps < 40
    assert steps == made.progress.step + 2


def test_progress_prefers_scores_and_then_losses() -> None:
    first = Progress().after(1, 0.5, 1.0)
    assert first.after(2, 0.5, 0.9).step == 2
    assert first.after(2, 0.5, 1.1) == Progress(1, 0.5, 1.0, 1)
    assert first.after(2, 0.6, 9.0).step == 2


def test_long_text_counts_as_much_as_a_short_one(tiny) -> None:
    parts = sentences()
    rows = parts.train.rows
    long = [" ".join([text] * (1 + 7 * (n % 2))) for n, text in enumerate(rows["text"].to_list())]
    parts.train.__dict__["rows"] = rows.with_columns(text=pl.Series(long))
    data = prepared(parts, tiny("bert"), seq_len=16)
    assert len(data.examples) > len(parts.train)
    assert sum(data.examples.weights) == pytest.approx(len(parts.train))
    assert any("longer than 16 tokens" in note for note in data.notes)
    assert np.max([len(ids) for ids in data.examples.ids]) <= 16
