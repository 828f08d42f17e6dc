"""What a node's own memory must hold; `tests/training/test_in_parts_ranks.py` counts what lives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kblib.corpora import Corpus
from kblib.errors import PlanError
from kblib.jobs.recipes import NEOX_20B, OPEN_LLAMA_7B, neox_20b_from_scratch
from kblib.jobs.specs import Pretrain
from kblib.planner import memory_per_gpu, plan
from kblib.planner.host import HostMemory, check_host, host_memory

GIB = 2**30


@pytest.fixture
def job(films: Corpus, tmp_home: Path) -> Pretrain:
    return neox_20b_from_scratch(films)


def test_twenty_billion_by_hand(job: Pretrain) -> None:
    """Four ranks, each with the embeddings and one layer of 44 in float32."""
    d, v = 6144, 50_432
    layer = 3 * d * d + 3 * d + d * d + d + 2 * 4 * d * d + 5 * d + 4 * d
    assert NEOX_20B.parameters() == 2 * v * d + 44 * layer + 2 * d
    found = host_memory(job, 4, 96, 480.0)
    assert found.starting == pytest.approx(4 * 4 * (v * d + layer) / GIB, rel=1e-4)
    assert found.saving == pytest.approx(20_554_567_680 * 4 / GIB)
    assert found.copied == pytest.approx(4 * 12 * 20_554_567_680 / 96 / GIB)
    assert (found.kept, found.needed, found.when) == (0, found.saving, "while the model is saved")


def test_whole_models_on_every_rank_are_counted(job: Pretrain) -> None:
    """As all stages before the third begin: more than three times what one rank would save."""
    found = host_memory(replace(job, zero_stage=2), 4, 96, 480.0)
    assert found.starting == pytest.approx(4 * found.saving)
    assert found.when == "while the ranks start"


@pytest.mark.parametrize(("stage", "bytes_"), [(1, 12), (2, 14), (3, 16)])
def test_what_is_offloaded_lies_in_the_node(job: Pretrain, stage: int, bytes_: int) -> None:
    """What a GPU holds less, its node holds more."""
    asked = replace(job, zero_stage=stage, offload="cpu", dtype="bf16")
    found = host_memory(asked, 4, 96, 480.0)
    assert found.kept == pytest.approx(bytes_ * NEOX_20B.parameters() / 96 * 4 / GIB)
    on_gpu, off_gpu = (
        memory_per_gpu(
            NEOX_20B, micro_batch_size=1, dp=96, zero=stage, dtype="bf16", offload=offload
        ).states_gib
        for offload in (None, "cpu")
    )
    assert found.kept == pytest.approx(4 * (on_gpu - off_gpu))


def test_plan_says_it(job: Pretrain) -> None:
    found = plan(job, site="meluxina", nodes=24)
    row = found.table.set_index("what").loc["node memory"]
    assert row["value"] == f"{NEOX_20B.parameters() * 4 / GIB:.1f} GiB"
    assert row["unit or source"] == "of 480 on each node, while the model is saved"


def test_what_a_node_does_not_hold_is_refused_with_what_it_does(job: Pretrain) -> None:
    asked = replace(job, shape=OPEN_LLAMA_7B, zero_stage=1)
    memory = memory_per_gpu(OPEN_LLAMA_7B, micro_batch_size=1, dp=96, zero=1)
    host = host_memory(asked, 4, 96, 64.0)
    with pytest.raises(PlanError) as caught:
        check_host(asked, host, 'site="small", nodes=24', memory)
    assert str(caught.value) == (
        f"llama 32x4096 needs {4 * OPEN_LLAMA_7B.parameters() * 4 / GIB:.1f} GiB of each node's "
        "own memory while the ranks start, 0.0 of them for what is offloaded; 64.0 GiB are there. "
        f"Its GPUs need {memory.needed_gib:.1f} GiB each, which they have; the node must hold the "
        'rest.\n  kb.plan(job, site="small", nodes=24, zero_stage=3)'
    )
    check_host(asked, replace(host, there=1000.0), "", memory)


def test_most_at_any_time_is_needed() -> None:
    held = {"starting": 1.0, "kept": 2.0, "copied": 3.0, "saving": 2.0}
    found = HostMemory(**held, there=9.0)
    assert (found.needed, found.when) == (5.0, "while a checkpoint is written")


def test_one_rank_of_torch_copies_all(films: Corpus, tmp_home: Path) -> None:
    job = Pretrain(films, OPEN_LLAMA_7B, tokens=1e9, seq_len=2048, batch_size=96)
    n = OPEN_LLAMA_7B.parameters()
    assert host_memory(job, 4, 96, 480.0).copied == pytest.approx(12 * n / GIB)
