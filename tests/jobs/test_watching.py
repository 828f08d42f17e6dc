"""What a run tells while it trains: sources, monitored corpora, samples, hours, utilisation."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kblib import files
from kblib.cluster.run import Run
from kblib.corpora import Corpus
from kblib.errors import JobError, RunError
from kblib.jobs.prepare import prepare
from kblib.jobs.specs import Pretrain
from kblib.jobs.watching import Watch
from kblib.models.causal import CausalLM
from kblib.runs import RunFolder
from kblib.runs.budget import budget_of, refuse_spent, set_budget
from kblib.runs.hours import spent_gpu_hours
from kblib.training.mixture import MixedOrder

from .attempts import attempt, events, losses, new_run, tiny_causal


@pytest.fixture
def rain() -> Corpus:
    texts = [f"Regn över {place} i dag." for place in ("fjällen", "hamnen", "staden")] * 40
    return Corpus.from_texts(texts, name="rain", film=[f"R{n // 4}" for n in range(120)])


@pytest.fixture
def job(films: Corpus, tmp_home: Path) -> Pretrain:
    return tiny_causal(films, steps=6)


@pytest.fixture
def watched(job: Pretrain, rain: Corpus) -> Pretrain:
    return replace(
        job, replay=rain, replay_share=0.25, monitor={"rain": rain}, sample_prompt="Kungen"
    )


def test_tokens_are_told_by_source(watched: Pretrain, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", watched)
    attempt(run)
    table = Run(run).metrics().set_index("step")
    assert "tokens_corpus" in table
    data = prepare(watched)
    order = MixedOrder([one.n_blocks(16) for one in (data.train, data.others["replay"])],
                       [0.75, 0.25], 4, watched.seed)  # fmt: skip
    for step in (1, 4, 6):
        of = [source for n in range(step) for source in order.batch(n)[0]]
        assert table.loc[step, "tokens_corpus"] == of.count(0) * 16
        assert table.loc[step, "tokens_replay"] == of.count(1) * 16
    recipe = files.read_json(run.model / "recipe.json")
    assert recipe["tokens_by_source"] == {
        "corpus": table.loc[6, "tokens_corpus"],
        "replay": table.loc[6, "tokens_replay"],
    }


def test_monitored_corpus_is_scored_at_every_evaluation(watched: Pretrain, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", watched)
    attempt(run)
    table = Run(run).metrics().set_index("step")
    scored = table["eval_loss_rain"].dropna()
    assert list(scored.index) == [0, 3, 6]  # and before the first step
    model = CausalLM.open(run.model).model.float()
    held_out = prepare(watched).monitors(watched, most_blocks=256)["rain"]
    assert held_out.score(model)["loss"] == pytest.approx(scored[6], abs=0.02)  # kept in 16 bits


def test_resumed_mixture_goes_on_with_the_same_bits(watched: Pretrain, tmp_path: Path) -> None:
    whole, broken = new_run(tmp_path / "whole", watched), new_run(tmp_path / "broken", watched)
    attempt(whole)
    attempt(broken, stop=lambda: max(losses(broken), default=0) >= 4)
    attempt(broken)
    assert losses(broken) == losses(whole)
    tables = [Run(run).metrics().set_index("step") for run in (whole, broken)]
    replayed = [table["tokens_replay"].dropna().tolist() for table in tables]
    assert replayed[0] == replayed[1]


def test_samples_are_kept_without_their_prompt(watched: Pretrain, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", watched)
    attempt(run)
    samples = Run(run).samples()
    assert list(samples["step"]) == [0, 3, 6]
    assert set(samples["prompt"]) == {"Kungen"}
    assert not any(text.startswith("Kungen") for text in samples["text"])
    assert all(isinstance(text, str) and text for text in samples["text"])


def test_numbers_are_written_for_tensorboard(job: Pretrain, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", job)
    journal_line(run, {"step": 1, "loss": 2.5, "attempt": 1})
    folder = Run(run).write_tensorboard()
    assert folder == run.path / "tensorboard"
    assert b"loss" in next(folder.iterdir()).read_bytes()
    assert Run(run).write_tensorboard(tmp_path / "shared") == tmp_path / "shared"


def test_run_without_samples_has_an_empty_table(job: Pretrain, tmp_path: Path) -> None:
    assert Run(new_run(tmp_path / "run", job)).samples().empty


def test_beginning_says_what_utilisation_is_measured_against(job: Pretrain, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", job)
    attempt(run)
    (started,) = events(run, "started")
    assert started["peak_tflops"] is None
    assert started["peak_source"] == "no GPU: utilisation is not told"
    assert "mfu" not in Run(run).metrics()


# Utilisation, by hand


def watch_on(site: str, job: Pretrain, path: Path, ranks: int) -> Watch:
    run = RunFolder.create(path, {"job": job.to_dict(), "site": site, "ranks": ranks})
    return Watch(run, 1, job, on_gpus=True)


def test_utilisation_is_the_share_of_the_cards_peak(job: Pretrain, tmp_path: Path) -> None:
    watch = watch_on("meluxina", job, tmp_path / "run", ranks=8)
    assert watch.about()["peak_tflops"] == 312.0
    alone = SimpleNamespace(shares=[None])
    record: dict[str, Any] = {"loss": 1.0, "tokens_per_s": 2e9}
    found = watch.completed(record, alone, [(0, 1)])["mfu"]  # type: ignore[arg-type]
    per_token = 6 * job.shape.parameters() + 12 * 1 * 16 * 16
    assert found == pytest.approx(per_token * 2e9 / (8 * 312e12), abs=1e-4)


def test_card_without_a_published_peak_is_said(job: Pretrain, tmp_path: Path) -> None:
    about = watch_on("leonardo", job, tmp_path / "run", ranks=4).about()
    assert about["peak_tflops"] is None
    assert "no published peak of 'A100-64GB (custom)' is known" in about["peak_source"]


# Hours and the budget


def test_hours_of_all_attempts_add_up(job: Pretrain, tmp_path: Path) -> None:
    config = {"job": job.to_dict(), "site": "local", "ranks": 4}
    run = RunFolder.create(tmp_path / "run", config)
    for number, seconds in ((1, 1800), (2, 900)):
        run.begin_attempt(number - 1, {})
        begun = run.attempt_records()[-1]["submitted"]
        run.end_attempt(number, ended=begun + seconds)
    run.begin_attempt(2, {})  # killed: its last word in the journal counts
    begun = run.attempt_records()[-1]["submitted"]
    journal_line(run, {"step": 9, "attempt": 3, "time": begun + 450})
    assert spent_gpu_hours(run) == pytest.approx(4 * (1800 + 900 + 450) / 3600)
    assert spent_gpu_hours(run, before=3) == pytest.approx(4 * 2700 / 3600)
    run.end_attempt(1, begun=run.attempt_records()[0]["submitted"] + 1000)  # it waited its turn
    assert spent_gpu_hours(run, before=2) == pytest.approx(4 * 800 / 3600)


def journal_line(run: RunFolder, line: dict[str, Any]) -> None:
    from kblib.runs import journal

    journal.append(run.metrics_file, line)


def test_budget_that_is_used_up_is_refused_with_how_to_go_on(job: Pretrain, tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {"job": job.to_dict(), "site": "local", "ranks": 2})
    refuse_spent(run)
    set_budget(run, 0.5)
    refuse_spent(run)
    run.begin_attempt(0, {})
    run.end_attempt(1, ended=run.attempt_records()[0]["submitted"] + 1800)
    with pytest.raises(RunError) as caught:
        refuse_spent(run)
    assert str(caught.value) == (
        "Run 'run' has taken 1 GPU-hours of its 0.5. "
        "Its budget is used up; everything that was saved is there.\n"
        "  kb.Run.open('run').resume(budget_gpu_hours=1)"
    )
    set_budget(run, 2)
    refuse_spent(run)
    assert budget_of(run) == 2.0


@pytest.mark.parametrize("hours", [0, -1, float("inf"), float("nan"), True, "ten"])
def test_budget_that_is_none_is_refused(job: Pretrain, tmp_path: Path, hours: Any) -> None:
    run = RunFolder.create(tmp_path / "run", {"job": job.to_dict(), "site": "local", "ranks": 1})
    with pytest.raises(JobError, match="budget_gpu_hours="):
        set_budget(run, hours)


def test_rank_asks_to_stop_once_when_the_budget_is_gone(job: Pretrain, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", job)
    set_budget(run, 1e-9)
    run.begin_attempt(0, {})
    run.write_state(replace(run.written_state(), attempt=1))
    watch = Watch(run, 1, job, on_gpus=False)
    time.sleep(0.01)
    watch.stop_if_spent()
    assert run.asked_to_stop(1) == "its budget"
    assert run.reason_to_stop(1).startswith("Its budget of 1e-09 GPU-hours is used up: ")
    run.cancel_file.unlink()
    watch.stop_if_spent()
    assert run.asked_to_stop(1) is None
