"""Awards in every currency, their months, and the hours that are lost."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from kblib.errors import PlanError
from kblib.planner import allocation, award_figures

NEW_YEAR = datetime.date(2027, 1, 1)


@pytest.mark.parametrize(
    ("site", "cores", "a_month"),
    [("meluxina", 64, 6510), ("leonardo", 32, 13_021), ("vega", 128, 3255)],
)
def test_five_million_core_hours_over_a_year(site: str, cores: int, a_month: int) -> None:
    award = allocation(site, core_hours=5_000_000)
    assert round(award.node_hours_a_month) == a_month
    assert award.node_hours == 5_000_000 / cores
    assert award.gpu_hours == award.node_hours * 4
    assert award.assumption == ""


def test_core_hours_do_not_convert_where_no_cores_are_billed() -> None:
    """64 cores a node; 4 modules, that is 8 dies."""
    award = allocation("lumi", core_hours=5_000_000)
    assert award.assumption.startswith("Core-hours do not convert at lumi: it bills GPU-hours.")
    assert "Assumed here: 64 core-hours" in award.assumption
    assert "that makes 312,500 GPU-hours" in str(award)
    assert award.gpu_hours == 5_000_000 / 64 * 8


def test_gpu_hours_are_those_that_the_site_bills() -> None:
    assert allocation("lumi", gpu_hours=400).node_hours == 100
    assert allocation("meluxina", gpu_hours=400).node_hours == 100
    assert allocation("meluxina", node_hours=10).node_hours == 10


def test_both_published_figures_stand_side_by_side() -> None:
    table = award_figures()
    assert list(table["node-hours"]) == [5e6 / 64, 1e7 / 64, 1e7 / 4]
    assert table["of the site"].iloc[2] == pytest.approx(1e7 / 4 / (200 * 8760))
    assert table["of the site"].iloc[2] > 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "allocation got no award. Exactly one of core_hours"),
        ({"core_hours": 1, "gpu_hours": 1}, "allocation got core_hours and gpu_hours."),
        ({"core_hours": -5}, "allocation got core_hours=-5. A number above 0 was expected."),
        ({"core_hours": 5, "months": 0}, "allocation got months=0."),
        ({"core_hours": 5, "months": 1.5}, "allocation got months=1.5. A whole number from 1 to"),
        ({"core_hours": 5, "months": "June"}, "allocation got months='June'."),
        ({"core_hours": 5, "months": 10**9}, "allocation got months=1000000000. A whole number"),
    ],
)
def test_impossible_awards_are_refused(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(PlanError) as caught:
        allocation("meluxina", **wrong)  # type: ignore[arg-type]
    assert str(caught.value).startswith(said)


def test_calendar_uses_what_a_month_has_and_loses_the_rest() -> None:
    """24 nodes use 6,510 node-hours in 271 hours: 11.3 days, 6 jobs of 48 hours."""
    award = allocation("meluxina", core_hours=5_000_000)
    calendar = award.calendar(9_310, nodes=24, start=NEW_YEAR)
    first, second, third = calendar.months[:3]
    assert first.used == award.node_hours_a_month
    assert first.hours == pytest.approx(6510.4 / 24, abs=0.1)
    assert (first.jobs, first.lost) == (6, 0)
    assert first.end == datetime.date(2027, 1, 12)
    assert second.used == pytest.approx(9_310 - 6510.42, abs=0.1)
    assert (third.used, third.lost) == (0, award.node_hours_a_month)
    assert calendar.lost == pytest.approx(78_125 - 9_310)
    assert calendar.left == 0


def test_few_nodes_cannot_use_a_month_up() -> None:
    award = allocation("meluxina", core_hours=5_000_000)
    january = award.calendar(50_000, nodes=4, start=NEW_YEAR).months[0]
    assert january.used == 4 * 31 * 24
    assert january.lost == pytest.approx(6510.42 - 2976, abs=0.1)


def test_work_that_is_not_ready_loses_the_first_months() -> None:
    award = allocation("meluxina", core_hours=5_000_000)
    calendar = award.calendar(100_000, nodes=24, start=NEW_YEAR, first_month=4)
    assert [month.used for month in calendar.months[:3]] == [0, 0, 0]
    assert calendar.lost == pytest.approx(3 * award.node_hours_a_month)
    assert calendar.left == pytest.approx(100_000 - 9 * award.node_hours_a_month)
    assert "do not fit into the award" in str(calendar)


def test_what_is_left_by_rounding_is_not_left() -> None:
    award = allocation("meluxina", node_hours=144_784, months=13)
    tried = [(n, award.calendar(n, nodes=16, start=NEW_YEAR)) for n in range(40_000, 60_000, 37)]
    sums = [n - sum(month.used for month in calendar.months) for n, calendar in tried]
    assert any(sums), "no sum was off"
    assert not any(calendar.left for _, calendar in tried)
    assert "do not fit" not in tried[0][1].sentence


def test_few_hours_are_told_and_nodes_are_whole() -> None:
    award = allocation("meluxina", node_hours=120)
    calendar = award.calendar(0.25, nodes=2.0, start=NEW_YEAR)  # type: ignore[arg-type]
    assert calendar.sentence.startswith("0.25 node-hours in 12 months: 120 of 120 are lost")
    assert calendar.table["start"].iloc[0] == "one job on 2 nodes, over on 2027-01-01"


def test_months_follow_the_calendar() -> None:
    award = allocation("meluxina", core_hours=5_000_000, months=14)
    months = award.calendar(10, nodes=1, start=datetime.date(2026, 12, 1)).months
    assert [month.begin.isoformat() for month in months[:3]] == [
        "2026-12-01",
        "2027-01-01",
        "2027-02-01",
    ]
    assert len(months) == 14


def test_months_that_begin_on_the_last_day_are_whole_months() -> None:
    award = allocation("meluxina", core_hours=5_000_000, months=4)
    start = datetime.date(2027, 12, 31)
    months = award.calendar(1e6, nodes=1, start=start).months
    begins = [month.begin.isoformat() for month in months]
    assert begins == ["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31"]
    assert [month.used / 24 for month in months] == [31, 29, 31, 30]


def test_table_says_what_to_start_when() -> None:
    table = allocation("meluxina", core_hours=5e6).calendar(7_000, nodes=24, start=NEW_YEAR).table
    assert table["start"].iloc[0] == "chain of 6 jobs on 24 nodes, over on 2027-01-12"
    assert table["start"].iloc[1] == "one job on 24 nodes, over on 2027-02-01"
    assert table["start"].str.len().max() <= 50  # pandas cuts what is longer
    assert table["start"].iloc[2] == "nothing: its hours are lost"


def test_more_nodes_than_a_job_may_have_are_refused() -> None:
    with pytest.raises(PlanError, match="60 nodes were asked of site 'meluxina'"):
        allocation("meluxina", core_hours=5e6).calendar(10, nodes=60, start=NEW_YEAR)


def test_award_of_more_than_the_site_has_says_so() -> None:
    """MeluXina has 200 nodes, of 64 cores that are billed."""
    assert "The whole site has" not in str(allocation("meluxina", core_hours=200 * 64 * 8759))
    assert str(allocation("meluxina", core_hours=200 * 64 * 8761)).endswith(
        "The whole site has 200."
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"start": "June"}, "calendar got start='June'. The first day of the award was expected"),
        ({"first_month": 13}, "calendar got first_month=13. A whole number from 1 to 12"),
        ({"nodes": 1.5}, "calendar got nodes=1.5. A whole number from 1 on"),
        ({"node_hours": -1}, "calendar got node_hours=-1."),
    ],
)
def test_impossible_calendars_are_refused(wrong: dict[str, Any], said: str) -> None:
    award = allocation("meluxina", core_hours=5e6)
    with pytest.raises(PlanError) as caught:
        award.calendar(**{"node_hours": 10, "nodes": 1, **wrong})
    assert str(caught.value).startswith(said)


def test_a_time_of_day_is_no_part_of_the_first_day() -> None:
    award = allocation("meluxina", core_hours=5e6)
    noon = datetime.datetime(2027, 1, 1, 12)
    assert award.calendar(10, nodes=1, start=noon).months[0].begin == NEW_YEAR
