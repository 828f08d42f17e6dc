"""PlanView: a plan in words."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pytest

from kbnotebooks.planner import PlanView


@dataclass(frozen=True)
class SmallPlan:
    """What a view needs of a plan."""

    site: str = "local"

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
    assert PlanView(SmallPlan("emulator")).selection == "emulator"


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
