"""What goes wrong in the middle of a training is caught, named, and costs nothing saved."""

from __future__ import annotations

import math
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kblib import files
from kblib.corpora import Corpus
from kblib.errors import IntegrityError, TokenError, TrainingError
from kblib.files import MANIFEST
from kblib.jobs.prepare import prepare
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape
from kblib.runs import RunFolder
from kblib.tokens.shards import CHECKSUMS_FILE
from kblib.training.batches import BlockBatches

from .attempts import attempt, events, losses, new_run, tiny_causal


@pytest.fixture
def job(films: Corpus, tmp_home: Path) -> Pretrain:
    return tiny_causal(films, steps=12, save_every=4)


@pytest.fixture
def run(job: Pretrain, tmp_path: Path) -> RunFolder:
    """Give a run that was stopped at step 8, with a checkpoint there."""
    made = new_run(tmp_path / "run", job)
    attempt(made, stop=lambda: max(losses(made), default=0) >= 7)  # asked in the next step
    assert made.checkpoint_steps() == [4, 8]
    return made


def saved(run: RunFolder) -> dict[str, str]:
    return {p.as_posix(): files.sha256(p) for p in run.checkpoints.rglob("*") if p.is_file()}


def with_numbers(run: RunFolder, **changes: Any) -> None:
    config = run.config()
    files.write_json(run.config_file, {**config, "job": {**config["job"], **changes}})


def test_loss_that_is_no_number_ends_the_attempt(run: RunFolder) -> None:
    before = saved(run)
    with_numbers(run, learning_rate=1e38, spike_nats=None)
    with pytest.raises(TrainingError) as caught:
        attempt(run)
    assert "the loss is" in str(caught.value)
    assert "Both should be finite numbers; the checkpoints before this step are untouched." in str(
        caught.value
    )
    assert saved(run) == before
    assert all(math.isfinite(loss) for loss in losses(run).values())


def test_gradients_that_explode_are_undone(
    job: Pretrain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights of one step are blown up for real; the loss of the next one jumps."""
    made = new_run(tmp_path / "run", replace(job, steps=50, save_every=40, eval_every=50))
    blow_up_once(monkeypatch, at_step=44)
    assert attempt(made) == 0
    (event,) = events(made, "spike")
    assert (event["step"], event["back_to"], event["skipped"]) == (45, 40, 5)
    assert event["said"].startswith("A loss spike at step 45. The loss was ")
    assert event["said"].endswith(
        "Training went back to the checkpoint of step 40 and left out the 5 batches behind it."
    )
    assert files.read_json(made.skips_file) == {"skips": [{"step": 40, "batches": 5}]}
    assert max(losses(made).values()) < event["loss"]
    assert losses(made)[50] < losses(made)[1]


def blow_up_once(monkeypatch: pytest.MonkeyPatch, at_step: int) -> None:
    from kblib.training.engine import TorchEngine

    plain, done = TorchEngine.step, []

    def step(self: TorchEngine, *asked: Any) -> Any:
        found = plain(self, *asked)
        done.append(1)
        if len(done) == at_step:
            with torch.no_grad():
                for value in self.objective.parameters():
                    value.mul_(50)
        return found

    monkeypatch.setattr(TorchEngine, "step", step)


def test_batches_left_out_stay_left_out_when_the_run_goes_on(
    job: Pretrain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = replace(job, steps=50, save_every=40, eval_every=50)
    made = new_run(tmp_path / "run", asked)
    read: list[int] = []
    plain = BlockBatches.step
    monkeypatch.setattr(
        BlockBatches, "step", lambda self, step: read.append(step) or plain(self, step)
    )
    blow_up_once(monkeypatch, at_step=44)
    attempt(made, stop=lambda: read[-1:] == [46])  # training step 42, the second time
    read.clear()
    assert attempt(made) == 0
    assert read == list(range(47, 55))
    (resumed,) = events(made, "resumed")
    assert resumed["step"] == 42


def test_damaged_list_of_batches_left_out_ends_the_attempt(run: RunFolder) -> None:
    """Without the list the run would read the skipped batches, and write an empty one over it."""
    before = saved(run)
    run.skips_file.write_text('{"skips": [{"step": 4,')
    with pytest.raises(IntegrityError, match=f"{run.skips_file.name} is damaged"):
        attempt(run)
    assert saved(run) == before
    assert run.skips_file.read_text() == '{"skips": [{"step": 4,'


def test_token_beyond_the_vocabulary_is_named(job: Pretrain, films: Corpus, tmp_path: Path) -> None:
    mixed = replace(job, replay=films.filter(film=[f"SF{n}" for n in range(30)]))
    run = new_run(tmp_path / "run", mixed)
    attempt(run, stop=lambda: max(losses(run), default=0) >= 4)
    before = saved(run)
    blocks = prepare(mixed).others["replay"]
    overwrite(blocks.folder, id_=60_000)
    with pytest.raises(TokenError) as caught:
        attempt(run)
    assert f"of {blocks.folder} ('replay') holds the token id 60000." in str(caught.value)
    assert "The model's vocabulary has ids 0 to 279." in str(caught.value)
    assert saved(run) == before


def test_token_beyond_the_vocabulary_is_named_before_the_first_step(job: Pretrain) -> None:
    overwrite(prepare(job).train.folder, id_=60_000)
    with pytest.raises(TokenError, match=r"The token id 60000 occurs\."):
        attempt(new_run(prepare(job).folder / "run", job))


def overwrite(folder: Path, id_: int) -> None:
    """Put an id into every shard, with checksums to match: packed wrong, not damaged."""
    manifest = files.read_json(folder / MANIFEST)
    sums = []
    for shard in manifest["shards"]:
        ids = np.fromfile(folder / shard["name"], dtype="<u2")
        ids[:] = id_
        ids.tofile(folder / shard["name"])
        sums.append(zlib.crc32(ids.tobytes()))
    (folder / CHECKSUMS_FILE).write_bytes(np.array(sums, dtype="<u4").tobytes())


def test_checkpoint_of_another_shape_is_named(
    run: RunFolder, job: Pretrain, tmp_path: Path
) -> None:
    wider = ModelShape(1, 2, 32, "gpt_neox", vocab_size=280, seq_len=16)
    with_numbers(run, shape=wider.to_dict())
    before = saved(run)
    with pytest.raises(IntegrityError, match=r"step-00000008 holds another model: .* differ\."):
        attempt(run)
    assert saved(run) == before


def test_shard_that_is_empty_is_named(run: RunFolder, job: Pretrain) -> None:
    before = saved(run)
    blocks = prepare(job).train
    (blocks.folder / "shard-00000.bin").write_bytes(b"")
    with pytest.raises(IntegrityError) as caught:
        attempt(run)
    assert "shard-00000.bin has 0 bytes. Its manifest says" in str(caught.value)
    assert f"It is made again when it is gone: rm -r {blocks.folder}" in str(caught.value)
    assert saved(run) == before
