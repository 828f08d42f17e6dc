"""Plans of clusters: what fits, what it costs, where each number comes from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kblib.corpora import Corpus
from kblib.errors import JobError, PlanError
from kblib.jobs.rates import keep_rate
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape
from kblib.planner import Plan, allocation, plan
from kblib.planner.goodput import goodput
from kblib.planner.limits import DataLimits, worth_of

LLAMA_7B = ModelShape(32, 32, 4096, "llama", vocab_size=32000, seq_len=2048, n_inner=11008)
NEOX = ModelShape(44, 64, 6144, "gpt_neox", vocab_size=50432, seq_len=2048)


@pytest.fixture
def job(films: Corpus, tmp_home: Path) -> Pretrain:
    """Give a job that continues nothing: 7B on 1,024 blocks a step."""
    return Pretrain(
        films,
        LLAMA_7B,
        tokens=100e9,
        seq_len=2048,
        batch_size=1024,
        grad_accum_steps=16,
        engine="deepspeed",
        zero_stage=3,
    )


def planned(job: Pretrain, **asked: Any) -> Plan:
    return plan(job, **{"site": "meluxina", "nodes": 16, **asked})


def test_hours_by_hand(job: Pretrain) -> None:
    """100 TFLOP/s on 64 GPUs, four fifths kept: 6 N D and attention."""
    found = planned(job, tflops_per_gpu=100, goodput=0.8)
    a_token = 6 * LLAMA_7B.parameters() + 12 * 32 * 4096 * 2048
    gpu_hours = a_token * found.tokens / (100e12 * 0.8) / 3600
    assert found.gpu_hours == pytest.approx(gpu_hours)
    assert found.node_hours == pytest.approx(gpu_hours / 4)
    assert found.billed == pytest.approx(gpu_hours / 4 * 64)
    assert found.hours_between == pytest.approx((found.hours, found.hours))


def test_unmeasured_cluster_is_estimated_and_says_so(job: Pretrain) -> None:
    found = planned(job)
    kept = goodput(own=False, card="A100-40GB")
    assert found.rate.source == "estimated after published runs (llm-foundry, A100-40GB)"
    assert found.side.goodput == kept
    low, high = found.hours_between
    assert low == pytest.approx(found.hours * kept.share / kept.high)
    assert high == pytest.approx(found.hours * kept.share / kept.low)


def test_measured_cluster_goes_by_its_rate(job: Pretrain) -> None:
    """A probe's rate has its own spread, and the goodput of runs with a short run of their own."""
    keep_rate(job, "meluxina", 64, 250_000.0, "measured by run 'probe'", (200_000.0, 260_000.0))
    found = planned(job)
    kept = goodput(own=True, card="A100-40GB")
    assert found.hours == pytest.approx(found.tokens / 250_000 / kept.share / 3600)
    low, high = found.hours_between
    assert low == pytest.approx(found.tokens / 260_000 / kept.high / 3600)
    assert high == pytest.approx(found.tokens / 200_000 / kept.low / 3600)


def test_rate_of_another_stage_is_no_rate_of_this_one(job: Pretrain) -> None:
    keep_rate(replace(job, zero_stage=2), "meluxina", 64, 250_000.0, "measured")
    assert "estimated" in planned(job).rate.source
    assert planned(job, zero_stage=2).rate.source == "measured"


def test_recomputed_layers_cost_a_third_more(job: Pretrain) -> None:
    again = planned(replace(job, activation_checkpointing=True))
    assert again.hours == pytest.approx(planned(job).hours * 4 / 3)
    assert again.hardware_flops == pytest.approx(again.flops * 4 / 3)
    assert planned(job).hardware_flops == planned(job).flops


def test_what_does_not_fit_is_told_with_what_does(job: Pretrain) -> None:
    with pytest.raises(PlanError) as caught:
        planned(replace(job, grad_accum_steps=16), zero_stage=0)
    n = LLAMA_7B.parameters()
    assert str(caught.value).startswith(
        f"6.7 B parameters need {n * 16 / 2**30:.1f} GiB per GPU for weights, gradients and "
        "optimiser with every GPU holding the whole model on 64 GPUs; 40.0 GiB are there.\n"
        "  ZeRO-1 needs "
    )
    assert 'Try kb.plan(job, site="meluxina", nodes=16, zero_stage=2).' in str(caught.value)


def test_activations_that_do_not_fit_are_told_with_smaller_pieces(job: Pretrain) -> None:
    with pytest.raises(PlanError) as caught:
        planned(replace(job, grad_accum_steps=1))
    assert "of them for what passes through it; 40.0 GiB are there." in str(caught.value)
    assert "It fits with kb.Pretrain(..., engine=" in str(caught.value)
    assert "grad_accum_steps=16)." in str(caught.value)


def test_twenty_billion_fit_on_24_nodes_with_zero_3(job: Pretrain) -> None:
    big = replace(
        job,
        shape=NEOX,
        batch_size=96 * 16,
        activation_checkpointing=True,
    )
    found = planned(big, nodes=24)
    assert found.memory is not None
    assert found.memory.needed_gib < 40
    with pytest.raises(PlanError, match="B parameters need"):
        planned(big, nodes=24, zero_stage=1)


def test_stages_stand_in_a_table(job: Pretrain) -> None:
    fit = planned(job).side.fit
    assert fit is not None
    assert list(fit.table["ZeRO stage"]) == [0, 1, 2, 3]
    assert list(fit.table["fits"]) == [False, False, True, True]


def test_batch_must_divide_among_the_gpus(job: Pretrain) -> None:
    with pytest.raises(JobError, match="does not divide into 96 ranks"):
        planned(job, nodes=24)


@pytest.mark.parametrize(("nodes", "said"), [(51, "nodes=51 was asked"), (0.5, "nodes=0.5")])
def test_nodes_that_a_job_may_not_have_are_refused(job: Pretrain, nodes: Any, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        planned(job, nodes=nodes)


def test_this_machine_has_no_nodes(job: Pretrain) -> None:
    with pytest.raises(PlanError, match="nodes=2 was asked of site 'local'"):
        plan(job, nodes=2)


def test_every_shipped_cluster_is_planned(job: Pretrain) -> None:
    job = replace(job, activation_checkpointing=True)
    for site in ("meluxina", "leonardo", "lumi", "vega", "example-slurm"):
        found = plan(job, site=site, nodes=4)
        assert found.gpu_hours > 0
        assert found.side.billing.told(found.node_hours) in str(found)


def test_emulated_gpus_are_no_gpus(job: Pretrain) -> None:
    small = replace(job, activation_checkpointing=True)
    with pytest.raises(PlanError, match="computes on this machine's processor"):
        plan(small, site="emulator", nodes=4)
    keep_rate(small, "emulator", 16, 1000.0, "measured by run 'rehearsal'")
    assert plan(small, site="emulator", nodes=4).side.energy(1.0) is None


def test_unknown_gpu_is_planned_once_it_is_measured_or_given_a_rate(
    job: Pretrain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "kbnotebooks" / "sites"
    folder.mkdir(parents=True)
    (folder / "meluxina.toml").write_text('[node]\ngpu = "B300"\n')
    with pytest.raises(PlanError, match="Nothing is known of a GPU called 'B300'"):
        planned(job)
    assert planned(job, tflops_per_gpu=100).gpu_hours > 0


def test_lumi_bills_two_dies_as_one_gpu(job: Pretrain) -> None:
    found = plan(replace(job, activation_checkpointing=True), site="lumi", nodes=4)
    assert found.billed == pytest.approx(found.gpu_hours / 2)


def test_energy_is_a_line_with_its_assumptions(job: Pretrain) -> None:
    found = planned(job)
    rows = {row.what: tuple(row)[2:] for row in found.table.itertuples()}
    energy = found.side.energy(found.hours)
    assert energy is not None
    assert energy.kwh == pytest.approx(found.gpu_hours * 0.4 * (433_196 + 256_646) / 433_196)
    assert rows["energy"] == (str(energy), energy.source)
    assert "251 g of CO2 a kWh" in energy.source


def test_application_holds_the_plans_numbers_and_sources(job: Pretrain) -> None:
    found = planned(job)
    text = found.application(allocation("meluxina", core_hours=5_000_000))
    for said in (
        f"{found.node_hours:,.0f} node-hours",
        f"{found.billed:,.0f} core-hours",
        "mosaicml/llm-foundry",
        "### Memory of each GPU",
        "### When",
        "chain of",
    ):
        assert said in text


def test_award_of_another_site_is_refused(job: Pretrain) -> None:
    with pytest.raises(PlanError, match="The award is of site 'vega', the plan of 'meluxina'"):
        planned(job).calendar(allocation("vega", core_hours=5e6))


def test_plan_of_this_machine_bills_nothing(job: Pretrain) -> None:
    small = replace(job, shape=replace(LLAMA_7B, n_layer=1, n_embd=32, n_head=2, n_inner=64))
    small = replace(small, engine="torch", zero_stage=0)
    keep_rate(small, "local", 1, 1000.0, "by hand")
    with pytest.raises(PlanError, match="which bills nothing"):
        _ = plan(small).gpu_hours


# Texts


def test_repeated_texts_are_worth_less() -> None:
    """Muennighoff et al. 2023: four readings are nearly worth new texts, forty are not."""
    assert worth_of(1e9, 1) == 1e9
    assert worth_of(1e9, 4) / 4e9 == pytest.approx(0.93, abs=0.01)
    assert worth_of(1e9, 1000) < 16.4e9
    assert worth_of(1e9, 0.5) == 0.5e9


def test_advice_names_repetition_and_size() -> None:
    assert "The texts are read 10.0 times" in DataLimits(1e9, 1e9, 10e9).advice
    assert "ask for 140,000,000,000 tokens" in DataLimits(7e9, 1e9, 2e9).advice
    assert DataLimits(1e6, 1e9, 1e9).advice.startswith("The texts are enough")
    assert "a model that goes on" in DataLimits(7e9, 1e9, 2e9, continued=True).advice


@pytest.mark.parametrize(("nodes", "instead"), [(1.5, 2), (51, 50), (99_999, 50)])
def test_nodes_that_would_do_are_named(job: Pretrain, nodes: float, instead: int) -> None:
    with pytest.raises(PlanError, match=r"One job may have 1 to 50, whole ones") as caught:
        planned(job, nodes=nodes)
    assert f"nodes={instead})" in str(caught.value)


def test_no_nodes_are_not_the_usual_ones(job: Pretrain) -> None:
    with pytest.raises(PlanError, match=r"nodes=0\. A number above 0 was expected"):
        planned(job, nodes=0)


def test_what_is_no_training_is_not_planned() -> None:
    words: Any = "train a model"
    with pytest.raises(PlanError, match=r"(?s)plan got a str\..*kb\.Pretrain"):
        plan(words, site="meluxina")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"goodput": 90}, r"plan got goodput=90\. A share was expected.*\n.*goodput=0\.9"),
        ({"tflops_per_gpu": 150e12}, r"The published peak of no card is above 10,000 TFLOP/s"),
        ({"tflops_per_gpu": 400}, r"(?s)peak of A100-40GB.*tflops_per_gpu=150\)"),
        ({"tflops_per_gpu": "fast"}, r"plan got tflops_per_gpu='fast'\."),
    ],
)
def test_rates_in_another_unit_are_refused(job: Pretrain, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(PlanError, match=said):
        planned(job, **wrong)


def test_this_machine_is_given_no_rate(job: Pretrain) -> None:
    with pytest.raises(PlanError, match=r"goodput=0\.5 was given for site 'local'"):
        plan(job, goodput=0.5)


def test_tables_of_an_application_write_numbers_out(job: Pretrain) -> None:
    text = planned(job).application(allocation("meluxina", core_hours=5e7))
    assert "e+" not in text.split("### Texts")[1]


def test_few_hours_are_not_none(job: Pretrain) -> None:
    """2,097,152 tokens on 64 GPUs of 100 TFLOP/s: 0.25 GPU-hours, a quarter of it of nodes."""
    found = planned(replace(job, tokens=2e6), tflops_per_gpu=100, goodput=1)
    assert "0.25 GPU-hours, 0.064 node-hours, billed as 4.1 core-hours." in str(found)
    assert "kWh and" in str(found.side.energy(found.hours))


def test_site_that_counts_gpus_otherwise_says_what_it_bills(job: Pretrain) -> None:
    found = plan(replace(job, activation_checkpointing=True), site="lumi", nodes=4)
    gpus, billed = f"{found.gpu_hours:,.0f} GPU-hours", f"{found.billed:,.0f} GPU-hours"
    assert f"{gpus}, " in str(found)
    assert str(found).endswith(f"billed as {billed}.")
    assert f"{gpus} as jobs count GPUs" in found.application()
