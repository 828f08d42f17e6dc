"""Submitting: the same job is the same run, on disk, with a result."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kblib import settings
from kblib.cluster import Run, submit
from kblib.corpora import Corpus
from kblib.errors import JobError, RunError, SiteError
from kblib.files import read_json
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape
from kblib.runs import Phase
from tests.watching import PATIENCE_S


def test_run_ends_with_a_model_that_opens(uninterrupted: Run) -> None:
    model = uninterrupted.result()
    assert uninterrupted.state.phase is Phase.DONE
    assert uninterrupted.state.step == uninterrupted.state.steps == 60
    assert len(model.fill("Kungen [MASK] Stockholm i dag.", k=3).table) == 3


def test_loss_falls(undisturbed: Run) -> None:
    loss = undisturbed.metrics()["loss"]
    assert loss.iloc[-50:].mean() < loss.iloc[:50].mean() - 0.2


def test_same_job_attaches(uninterrupted: Run, job: Pretrain) -> None:
    again = submit(job)
    assert again.name == uninterrupted.name
    assert len(list((again.folder / "attempts").iterdir())) == 1


def test_job_of_equal_texts_attaches(uninterrupted: Run, job: Pretrain, tmp_path) -> None:
    elsewhere = replace(job, corpus=job.corpus.save(tmp_path / "copy"))
    assert submit(elsewhere).name == uninterrupted.name


def test_fresh_starts_anew_with_equal_losses(uninterrupted: Run, job: Pretrain) -> None:
    fresh = submit(job, fresh=True).wait(PATIENCE_S)
    assert fresh.name == f"{uninterrupted.name}-r2"
    assert list(fresh.metrics()["loss"]) == list(uninterrupted.metrics()["loss"])


def test_run_is_found_from_another_process(uninterrupted: Run) -> None:
    code = f"from kblib.cluster import Run; print(Run.open({uninterrupted.name!r}).state.step)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "60"


def test_unknown_run_names_the_nearest(uninterrupted: Run) -> None:
    wrong = uninterrupted.name[:-1] + "x"
    with pytest.raises(RunError) as caught:
        Run.open(wrong)
    assert f"No run named '{wrong}'." in str(caught.value)
    assert f"Did you mean kb.Run.open('{uninterrupted.name}')?" in str(caught.value)


def test_unknown_site_is_refused(job: Pretrain) -> None:
    with pytest.raises(
        SiteError, match=r"No site named 'mars'\. Known here: .*leonardo, local, lumi"
    ):
        submit(job, site="mars")


def test_result_of_a_causal_job_generates(job: Pretrain, tiny_shape) -> None:
    causal = replace(
        job, shape=replace(tiny_shape, architecture="gpt_neox", n_inner=None), steps=20
    )
    model = submit(causal).result(PATIENCE_S)
    assert model.generate("Kungen", max_tokens=5, seed=1).text.startswith("Kungen")


def test_two_ranks_read_the_same_batches_and_agree(job: Pretrain) -> None:
    """Adam divides by the size of a gradient, so rounding grows where gradients are near zero."""
    calm = replace(job, dropout=0.0, steps=20)
    one = submit(calm).wait(PATIENCE_S).metrics()["loss"]
    two = submit(calm, ranks=2, fresh=True).wait(PATIENCE_S).metrics()["loss"]
    assert len(one) == len(two) == 20
    assert abs(one[0] - two[0]) < 1e-5
    assert abs(one - two).max() < 5e-3


def test_batch_that_does_not_divide_is_refused_before_anything_is_written(job: Pretrain) -> None:
    odd = replace(job, batch_size=9, name="uneven")
    with pytest.raises(JobError, match="A batch of 9 blocks does not divide into 2 ranks"):
        submit(odd, ranks=2)
    assert not list(settings.runs_folder().glob("uneven-*"))


@pytest.mark.parametrize("texts", [[], ["En text, som är lång nog att läsa."]])
def test_texts_too_few_to_split_are_refused_before_anything_is_written(
    texts: list[str], tiny_shape: ModelShape, tmp_home: Path
) -> None:
    job = Pretrain(Corpus.from_texts(texts), tiny_shape, seq_len=32, steps=1)
    with pytest.raises(JobError, match=f"corpus 'texts' with {len(texts)} texts"):
        submit(job, fresh=True)
    assert not list(tmp_home.rglob("config.json"))


def test_run_keeps_its_ranks(uninterrupted: Run, job: Pretrain) -> None:
    with pytest.raises(RunError, match="of this job has 1 ranks, not 2"):
        submit(job, ranks=2)


def test_minutes_are_settled_once_for_two_ranks(job: Pretrain) -> None:
    """The measurement takes every rank; its result is what all of them train."""
    timed = replace(job, steps=None, minutes=0.02, dropout=0.0, name="timed")
    run = submit(timed, ranks=2).wait(PATIENCE_S)
    settled = read_json(run.folder / "settled.json")
    assert run.state.step == settled["steps"] > 0


def test_what_is_no_job_is_refused_before_anything_is_written(tmp_home: Path) -> None:
    words: Any = "train a model"
    with pytest.raises(JobError, match=r"(?s)submit got a str\..*kb\.Pretrain"):
        submit(words)
    assert not any(tmp_home.iterdir())


@pytest.mark.parametrize("name", [None, 3])
def test_what_is_no_name_opens_no_run(tmp_home: Path, name: Any) -> None:
    with pytest.raises(RunError, match=f"No run named '{name}'"):
        Run.open(name)
