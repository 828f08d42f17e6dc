"""PlanView: a plan in words, and sliders that ask what if."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest

from kblib.corpora import Corpus
from kblib.jobs.specs import Pretrain
from kblib.planner import Plan, plan, variations
from kblib.planner.known_shapes import KNOWN_SHAPES
from kbnotebooks.planner import PlanView


@dataclass(frozen=True)
class SmallPlan:
    """What a view needs of a plan."""

    site: str = "local"
    cluster: None = None

    @property
    def table(self) -> pd.DataFrame:
        rows = [("parameters", "1,352,448", ""), ("time", "30 s", "of training on <this> machine")]
        return pd.DataFrame(rows, columns=["what", "value", "unit or source"])

    def __str__(self) -> str:
        return "modernbert 2x128: 1,352,448 parameters, about 30 s."


def test_plan_is_a_sentence_and_a_table(structure):
    view = PlanView(SmallPlan())
    assert "about 30 s." in view.html
    assert [th["scope"] for th in structure(view.html).all("th")] == ["col"] * 3 + ["row"] * 2
    assert "&lt;this&gt;" in view.html


def test_selection_is_the_site():
    assert PlanView(SmallPlan("emulator")).selection == {"site": "emulator"}


def test_table_is_the_plans():
    assert list(PlanView(SmallPlan()).table["what"]) == ["parameters", "time"]


def test_what_is_no_plan_is_refused_in_a_sentence():
    view = PlanView("local")
    assert "PlanView got str, which is not a plan." in view._message.value
    assert "kb.PlanView(kb.plan(job))" in view.html


def test_failing_plan_is_told_below_the_view(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(SmallPlan, "table", property(lambda self: 1 / 0))
    assert "ZeroDivisionError" in PlanView(SmallPlan())._message.value


def test_plan_is_drawn():
    assert PlanView(SmallPlan()).png().startswith(b"\x89PNG")


# On a cluster


def planned(nodes: int = 16) -> Plan:
    job = Pretrain(
        Corpus.from_texts(["en text"], name="texts"),
        KNOWN_SHAPES["open-llama-7b"],
        tokens=1e10,
        seq_len=2048,
        batch_size=1024,
        grad_accum_steps=16,
        engine="deepspeed",
        zero_stage=3,
    )
    return plan(job, site="meluxina", nodes=nodes)


@pytest.fixture
def view(tmp_home) -> PlanView:
    return PlanView(planned())


def test_selection_of_a_cluster_is_its_numbers(view: PlanView):
    assert view.selection["nodes"] == 16
    assert view.selection["tokens"] == view.plan.tokens
    assert view.selection["goodput"] == view.plan.side.goodput.share


def test_slider_plans_again(view: PlanView):
    before = view.plan
    view._sliders["nodes"].value = 32
    assert view.selection["nodes"] == view.plan.side.nodes == 32
    assert view.plan.hours == pytest.approx(before.hours / 2, rel=0.01)
    assert "On 32 nodes of meluxina" in view.html


def test_spread_stays_until_the_goodput_is_given(view: PlanView):
    view._sliders["nodes"].value = 32
    low, high = view.plan.hours_between
    assert low < view.plan.hours < high
    assert "estimated after published runs" in view.plan.rate.source
    view._sliders["goodput"].value = 0.5
    assert view.plan.hours_between == pytest.approx((view.plan.hours, view.plan.hours))


def test_rate_and_goodput_are_what_hours_go_by(view: PlanView):
    view.selection = {"tflops": 100.0, "goodput": 0.5}
    a_token = view.plan.job.shape.flops_per_token(2048)
    assert view.plan.gpu_hours == pytest.approx(a_token * view.plan.tokens / 50e12 / 3600)
    assert view._sliders["tflops"].value == 100.0


def test_card_gives_its_rate_and_the_plan_takes_it_back(view: PlanView):
    before = view.plan.hours
    view._card.value = "H100-80GB"
    assert view.plan.hours < before / 2
    view._card.value = "-"
    assert view.plan.hours == pytest.approx(before)


def test_what_does_not_fit_is_told_and_the_picture_stays(view: PlanView):
    view._sliders["zero_stage"].value = 0
    assert "6.7 B parameters need" in view._message.value
    assert view.fit is not None
    assert not view.fit.fits
    assert "On 16 nodes" not in view.html
    view._sliders["zero_stage"].value = 3
    assert view.error is None
    assert "On 16 nodes" in view.html


def test_sliders_follow_a_selection_also_where_it_does_not_fit(view: PlanView):
    view.selection = {"zero_stage": 0}
    assert "6.7 B parameters need" in str(view.error)
    assert view._sliders["zero_stage"].value == view.selection["zero_stage"] == 0
    view._sliders["nodes"].value = 32
    assert "128 GPUs" in str(view.error)
    view.selection = {"zero_stage": 3}
    assert view.error is None
    assert view._sliders["zero_stage"].value == 3


def test_what_changes_nothing_leaves_the_refusal_in_place(view: PlanView):
    view._card.value = "A100-40GB"
    view._sliders["zero_stage"].value = 0
    view._card.value = "-"  # the same rate
    assert "6.7 B parameters need" in str(view.error)
    view.selection = {"zero_stage": 0}
    assert "6.7 B parameters need" in view._message.value


def test_another_site_is_another_plan(view: PlanView):
    before = view.plan
    view.selection = {"site": "lumi", "nodes": 32}
    assert str(view.error).startswith(
        "The selection says site='lumi'. This plan is of site 'meluxina'"
    )
    assert view.plan is before
    view.selection = {"site": "meluxina", "nodes": 32}
    assert view.error is None
    assert view.plan.side.nodes == 32


def test_picture_has_words_and_a_table(view: PlanView, structure):
    picture = structure(view.html).all("img")[0]
    assert "a bar a ZeRO stage: nothing shared" in picture["alt"]
    assert "What each GPU must hold" in view.html
    assert view.png().startswith(b"\x89PNG")


def test_numbers_that_are_none_of_the_plans_are_refused(view: PlanView):
    view.selection = {"cards": 3}
    assert "This view has no 'cards' to select." in view._message.value


def test_last_one_moved_is_shown_though_an_earlier_answer_comes_later(
    view: PlanView, monkeypatch: pytest.MonkeyPatch
):
    """A slider whose plan takes long, and a click meanwhile."""
    really, slow, go_on = variations.varied, threading.Event(), threading.Event()

    def varied(found: Plan, wanted: Any) -> Plan:
        if wanted.nodes == 8:
            slow.set()
            assert go_on.wait(60)
        return really(found, wanted)

    monkeypatch.setattr(variations, "varied", varied)
    moving = threading.Thread(target=lambda: setattr(view._sliders["nodes"], "value", 8))
    moving.start()
    assert slow.wait(60)
    view._sliders["nodes"].value = 24
    view._card.value = "H100-80GB"
    shown = view.plan
    go_on.set()
    moving.join(60)
    assert view.plan is shown
    assert view.plan.side.nodes == view.selection["nodes"] == 24
    assert view.selection["tflops"] == view._rates["H100-80GB"]
    assert "On 24 nodes of meluxina" in view._body.value


@pytest.mark.parametrize(
    "wanted",
    [
        {"nodes": 0},
        {"nodes": "x"},
        {"nodes": 2.5},
        {"zero_stage": 7},
        {"tokens": -1},
        {"goodput": 2},
    ],
)
def test_number_that_no_slider_has_is_refused_and_spoils_nothing(
    view: PlanView, wanted: dict[str, Any]
):
    before = view.plan
    view.selection = wanted
    assert "number from" in str(view.error)
    assert view.plan == before
    view.selection = {"nodes": 32}
    assert view.error is None
    assert view.plan.side.nodes == 32


def test_a_plan_is_read_in_swedish(tmp_home, monkeypatch: pytest.MonkeyPatch):
    """Sentence, values and units; names, and how the site says it bills, stay."""
    monkeypatch.setattr("kbnotebooks._words._chosen", ["sv"])
    said = PlanView(planned()).html.replace("\N{NO-BREAK SPACE}", " ")
    assert "6 738 415 616 parametrar" in said
    assert "På 16 noder hos meluxina" in said
    for english in ("node-hours,", "read,", "of training", "published runs", " and ", "about "):
        assert english not in said.replace("node hours a month", "").split("5,000,000")[0]
    assert re.search(r"\d,\d h och \d+,\d h", said)
    assert "Texterna läses" in said
