"""A finetuning sent away, on this machine and to a cluster, killed, and taken up again."""

from __future__ import annotations

import signal

import pytest

from kblib.cluster import Run, submit
from kblib.finetuning.model import FinetunedModel
from kblib.jobs.finetune_job import Finetune
from kblib.runs import Phase
from tests.cluster.gangs import ended, send
from tests.finetuning.labelled import names, sentences
from tests.watching import PATIENCE_S, losses, rank_processes, until


@pytest.mark.slow
def test_killed_finetuning_ends_with_the_bits_of_an_undisturbed_one(tmp_home) -> None:
    job = Finetune(
        sentences(96), "kb-mini-masked", steps=150, eval_every=5, seeds=(1, 2), patience=None
    )
    whole = submit(job)
    whole.wait(PATIENCE_S)
    run = submit(job, fresh=True)
    for at_step in (20, 170):
        until(lambda at=at_step: max(losses(run), default=0) >= at)
        for process in rank_processes(run.folder):
            process.send_signal(signal.SIGKILL)
        until(lambda: run.state.over)
        assert run.state.phase is Phase.FAILED
        run.resume()
    run.wait(PATIENCE_S)
    assert losses(run) == losses(whole)
    one, other = whole.result(), Run.open(run.name).result()
    assert isinstance(one, FinetunedModel)
    assert one.predict(job.material.test).equals(other.predict(job.material.test))
    assert len(run.attempts()) == 3


@pytest.mark.slow
def test_cancelled_finetuning_goes_on_when_it_is_submitted_again(tmp_home) -> None:
    job = Finetune(sentences(96), "kb-mini-masked", steps=400, eval_every=10, patience=None)
    run = submit(job, ranks=2)
    until(lambda: run.state.step >= 10)
    run.cancel()
    until(lambda: run.state.over)
    assert run.state.phase is Phase.STOPPED
    assert 10 <= run.state.step < 400
    again = submit(job, ranks=2)
    assert again.name == run.name
    until(lambda: again.state.step > run.state.step or again.state.phase is Phase.RUNNING)
    again.cancel()


@pytest.mark.slow
def test_finetuning_on_a_cluster_is_that_of_one_machine_to_rounding(cluster) -> None:
    job = Finetune(names(96), "kb-mini-masked", steps=12, eval_every=6, dropout=0.0)
    here = submit(job)
    here.wait(PATIENCE_S)
    there = send(job, fresh=True)  # an equal job has a run here already
    ended(there)
    assert losses(there) == pytest.approx(losses(here), rel=1e-3)
    assert there.result().scores["test"]["span_f1"] == pytest.approx(
        here.result().scores["test"]["span_f1"], abs=0.05
    )
