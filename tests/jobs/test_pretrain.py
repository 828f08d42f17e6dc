"""What a pretraining works out before it starts; that it trains is tested in tests/cluster."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kblib.corpora import Corpus
from kblib.jobs.prepare import prepare
from kblib.jobs.pretrain import Pretraining, training_config
from kblib.jobs.rates import keep_rate
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape
from kblib.planner import plan


@pytest.fixture
def job(films: Corpus, tiny_shape: ModelShape, tmp_home: Path) -> Pretrain:
    return Pretrain(films, tiny_shape, steps=1000, seq_len=16, batch_size=8, warmup_steps=50)


def worked_out(job: Pretrain, data: Any = None) -> int:
    return Pretraining._work_out_steps(SimpleNamespace(job=job), None, data)  # type: ignore[arg-type]


def test_numbers_of_the_job_are_those_of_the_loop(job: Pretrain) -> None:
    changed = replace(job, grad_accum_steps=2, seed=7, mask_rate=0.3, weight_decay=0.1)
    changed = replace(changed, schedule="cosine", final_learning_rate=0.1, beta2=0.95)
    changed = replace(changed, whole_words=True)
    loop, asked = asdict(training_config(changed, steps=1000)), changed.to_dict()
    shared = loop.keys() & asked.keys()
    assert {name: loop[name] for name in shared} == {name: asked[name] for name in shared}
    assert loop.keys() - shared == {
        *("clip_norm", "keep_checkpoints"),
        "isolate_documents",  # a job says it where it is chosen
    }


@pytest.mark.parametrize(
    ("steps", "warmup"), [(5000, 100), (1000, 100), (500, 50), (100, 10), (9, 1), (1, 1)]
)
def test_warm_up_is_a_tenth_where_nothing_is_said(job: Pretrain, steps: int, warmup: int) -> None:
    usual = replace(job, warmup_steps=None)
    assert training_config(usual, steps=steps).warmup_steps == warmup


@pytest.mark.parametrize("given", [0, 50, 900])
def test_warm_up_that_was_given_stands(job: Pretrain, given: int) -> None:
    assert training_config(replace(job, warmup_steps=given), steps=1000).warmup_steps == given


@pytest.mark.parametrize("length", [{"steps": 7}, {"tokens": 1281.0}, {"tokens": 5.0}])
def test_run_takes_the_steps_that_were_planned(job: Pretrain, length: dict[str, Any]) -> None:
    asked = replace(job, **{"steps": None, "warmup_steps": None, **length})
    keep_rate(asked, "local", 1, 1000.0, "measured by hand")
    assert worked_out(asked) == plan(asked).steps


@pytest.mark.parametrize("epochs", [1, 2.5])
def test_epochs_read_every_block_so_often(job: Pretrain, epochs: float) -> None:
    asked = replace(job, steps=None, epochs=epochs, valid=0.1, test=0.1)
    data = prepare(asked)
    steps = worked_out(asked, data)
    assert steps * 8 >= epochs * data.train.n_blocks(16) > (steps - 1) * 8
