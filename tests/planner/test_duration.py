from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kblib import sites
from kblib.corpora import Corpus
from kblib.errors import PlanError, SiteError
from kblib.jobs.finetune_job import Finetune
from kblib.jobs.rates import keep_rate, known_rate
from kblib.jobs.specs import Pretrain
from kblib.labels import read_labels
from kblib.models.shape import ModelShape
from kblib.planner import measure, plan


@pytest.fixture
def job(films: Corpus, tiny_shape: ModelShape, tmp_home: Path) -> Pretrain:
    """Give a job of 128 tokens a step, whose rate is known: 1,000 tokens a second."""
    job = Pretrain(films, tiny_shape, steps=10, seq_len=16, batch_size=8)
    keep_rate(job, "local", 1, 1000.0, "measured by hand")
    return job


@pytest.fixture
def mars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Describe a site that nobody has measured."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "config" / "kbnotebooks" / "sites"
    folder.mkdir(parents=True)
    (folder / "mars.toml").write_text('scheduler = "slurm"\n')
    return "mars"


@pytest.fixture
def unmeasured(films: Corpus, tiny_shape: ModelShape, tmp_home: Path) -> Pretrain:
    return Pretrain(films, tiny_shape, steps=10, seq_len=16, batch_size=8)


def lasting(job: Pretrain, **length: Any) -> Pretrain:
    return replace(job, steps=None, **length)


# Arithmetic


def test_steps_give_tokens_and_hours(job: Pretrain) -> None:
    planned = plan(job)
    assert planned.steps == 10
    assert planned.tokens == 10 * 8 * 16
    assert planned.hours == pytest.approx(1280 / 1000 / 3600)


@pytest.mark.parametrize(("tokens", "steps"), [(1280, 10), (1281, 11), (1.0, 1), (2e9, 15_625_000)])
def test_tokens_give_the_steps_that_read_them(job: Pretrain, tokens: float, steps: int) -> None:
    planned = plan(lasting(job, tokens=tokens))
    assert planned.steps == steps
    assert planned.tokens == steps * 128 >= tokens


def test_minutes_give_the_steps_that_fit(job: Pretrain) -> None:
    """Of two minutes 102 s are steps: 102,000 tokens at 1,000 a second, 796 whole steps of 128."""
    planned = plan(lasting(job, minutes=2))
    assert planned.steps == 796
    assert planned.hours <= 0.85 * 2 / 60


def test_minutes_too_short_for_a_step_are_one(job: Pretrain) -> None:
    assert plan(lasting(job, minutes=1e-6)).steps == 1


def test_epochs_are_estimated_from_the_words_of_the_training_part(job: Pretrain) -> None:
    words = sum(len(text.split()) for text in job.corpus.texts())
    tokens = 3 * words * (1 - 0.03 - 0.05) * 1.8
    assert plan(lasting(job, epochs=3)).steps == math.ceil(tokens / 128)


def test_epochs_are_those_of_the_jobs_own_corpus_in_a_mixture(job: Pretrain) -> None:
    """A quarter of each step is another corpus: four steps read what three would alone."""
    words = sum(len(text.split()) for text in job.corpus.texts())
    tokens = 3 * words * (1 - 0.03 - 0.05) * 1.8
    mixed = lasting(job, epochs=3, mixture={"web": (job.corpus, 0.25)})
    planned = plan(mixed)
    assert planned.steps == math.ceil(tokens / (0.75 * 128)) > math.ceil(tokens / 128)
    assert planned.limits is not None
    assert planned.limits.epochs == pytest.approx(planned.steps * 96 / (tokens / 3))


def test_parameters_are_those_of_the_shape(job: Pretrain) -> None:
    """Two ModernBERT layers of width 32, 64 inside, 300 pieces: embeddings, layers, norms, head."""
    by_hand = 300 * 32 + 2 * (4 * 32 * 32 + 3 * 32 * 64) + (2 * 2 * 32 + 32) + (32 * 32 + 32 + 300)
    assert plan(job).parameters == by_hand


def test_operations_by_hand(job: Pretrain) -> None:
    planned = plan(job)
    a_token = 6 * planned.parameters + 12 * 2 * 32 * 16
    assert planned.flops == pytest.approx(a_token * 1280)


# What is shown


def test_plan_says_itself_in_a_line(job: Pretrain) -> None:
    parameters = f"{job.shape.parameters():,}"
    assert str(plan(lasting(job, minutes=2))) == (
        f"modernbert 2x32: {parameters} parameters, 796 steps, 101,888 tokens: "
        "about 1.7 min at 1,000 tokens a second (measured by hand)."
    )


def test_epochs_are_said_to_be_an_estimate(job: Pretrain) -> None:
    planned = plan(lasting(job, epochs=3))
    rows = {row.what: tuple(row)[2:] for row in planned.table.itertuples()}
    assert f"about {planned.steps:,} steps, about {planned.tokens:,} tokens" in str(planned)
    assert rows["steps"] == (
        f"about {planned.steps}",
        "of 8 x 16 tokens; estimated from words, the run counts",
    )


@pytest.mark.parametrize(("architecture", "least"), [("modernbert", True), ("gpt_neox", False)])
def test_operations_of_masked_models_are_an_upper_bound(
    job: Pretrain, architecture: str, least: bool
) -> None:
    shape = replace(job.shape, architecture=architecture, n_inner=None)
    other = replace(job, shape=shape)
    keep_rate(other, "local", 1, 1000.0, "measured by hand")
    rows = {row.what: row.value for row in plan(other).table.itertuples()}
    assert rows["operations"].startswith("at most ") is least


def test_ranks_are_those_that_submit_takes(job: Pretrain, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = replace(sites.this_machine(), gpus=4)
    monkeypatch.setattr(sites, "this_machine", lambda: machine)
    keep_rate(job, "local", 4, 4000.0, "measured on four")
    assert plan(job).rate.source == "measured on four"


@pytest.mark.parametrize(
    ("steps", "duration"), [(10, "1 s"), (400, "51 s"), (3000, "6.4 min"), (90_000, "3.2 h")]
)
def test_duration_is_told_in_a_unit_that_fits(job: Pretrain, steps: int, duration: str) -> None:
    assert f"about {duration} at" in str(plan(replace(job, steps=steps)))


def test_table_says_where_each_number_comes_from(job: Pretrain) -> None:
    rows = {row.what: tuple(row)[2:] for row in plan(job).table.itertuples()}
    assert rows["model"] == ("modernbert 2x32", "")
    assert rows["steps"] == ("10", "of 8 x 16 tokens")
    assert rows["tokens"] == ("1,280", "read, repetitions counted")
    assert rows["rate"] == ("1,000", "tokens a second, measured by hand")
    assert rows["time"] == ("1 s", "of training on site 'local'")


# Rates


def test_newest_rate_counts(job: Pretrain) -> None:
    keep_rate(job, "local", 1, 500.0, "measured later")
    assert plan(job).rate.tokens_per_s == 500.0


def test_unknown_site_is_refused(job: Pretrain) -> None:
    with pytest.raises(SiteError, match="No site named 'venus'"):
        plan(job, site="venus")


def test_site_that_nobody_has_measured_is_refused(job: Pretrain, mars: str) -> None:
    with pytest.raises(PlanError) as caught:
        plan(job, site=mars, ranks=4)
    assert str(caught.value) == (
        "No rate is known for modernbert 2x32 on 4 ranks of site 'mars'. "
        "Hours are computed from a measured rate only.\n"
        "  Train on it for a few minutes; every run that ends keeps its rate. "
        'On one rank here: kb.plan(job, site="local", ranks=1)'
    )


def test_several_ranks_here_are_not_guessed_from_one(job: Pretrain) -> None:
    with pytest.raises(PlanError, match="on 2 ranks of site 'local'"):
        plan(job, ranks=2)


def test_site_that_was_measured_is_planned(job: Pretrain, mars: str) -> None:
    keep_rate(job, mars, 4, 64_000.0, "measured by run 'x'")
    planned = plan(job, site=mars, ranks=4)
    assert (planned.site, planned.rate.tokens_per_s) == ("mars", 64_000.0)


def test_known_rate_starts_no_process(job: Pretrain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", None)
    assert plan(job).rate.source == "measured by hand"


# Measuring


def test_unknown_rate_is_measured_here_once(unmeasured: Pretrain) -> None:
    """A few seconds of real training, in a process of its own."""
    first = plan(unmeasured)
    assert first.rate.tokens_per_s > 100
    assert first.rate.source.startswith("measured here with random tokens on ")
    assert known_rate(unmeasured, "local", 1) == first.rate
    assert plan(unmeasured).rate == first.rate


def test_measurement_that_fails_is_told_with_its_last_words(
    unmeasured: Pretrain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installation whose torch is broken."""
    (tmp_path / "torch.py").write_text('raise ImportError("libtorch.so is damaged")\n')
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(PlanError) as caught:
        plan(unmeasured)
    assert str(caught.value) == (
        "The rate of modernbert 2x32 could not be measured here: "
        "ImportError: libtorch.so is damaged "
        "A few seconds of training were expected.\n"
        "  Is the training part installed? python -m kblib doctor"
    )
    assert known_rate(unmeasured, "local", 1) is None


def test_measurement_that_does_not_end_is_given_up(
    unmeasured: Pretrain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text("import time; time.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(measure, "_PATIENCE_S", 0.5)
    with pytest.raises(
        PlanError, match=r"could not be measured here: it was not over after 0\.5 s"
    ):
        plan(unmeasured)


def test_measurement_takes_the_threads_of_a_run(
    unmeasured: Pretrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: object, env: dict[str, str], **__: object) -> SimpleNamespace:
        answer = {"tokens_per_s": 10.0, "threads": int(env["OMP_NUM_THREADS"])}
        return SimpleNamespace(returncode=0, stdout=json.dumps(answer))

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(subprocess, "run", run)
    cores = sites.this_machine().cores
    on = f"{cores} thread{'s' * (cores > 1)}"
    assert plan(unmeasured).rate.source == f"measured here with random tokens on {on}"


def test_finetuning_is_not_planned_and_it_is_said_what_tells(tmp_home: Path) -> None:
    rows = [{"text": f"{w} {n}", "label": w} for w in ("sol", "regn") for n in range(20)]
    with pytest.raises(PlanError) as caught:
        plan(Finetune(read_labels(rows)), site="meluxina")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "A finetuning cannot be planned. What it takes hangs on how long the labelled texts are, "
        "and its first steps tell.\n  kb.submit(job, budget_gpu_hours=1): its view shows the time "
        "that is left, and it ends when so much is spent"
    )


def test_planning_needs_no_torch(job: Pretrain, tmp_path: Path) -> None:
    saved = replace(job, corpus=job.corpus.save(tmp_path / "films"))
    code = (
        "import json, sys; from kblib.jobs.specs import Pretrain; from kblib.planner import plan\n"
        "print(plan(Pretrain.from_dict(json.load(sys.stdin))).steps, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(saved.to_dict()),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["10", "False"]
