"""DeepSpeed at every stage on 1, 2 and 4 ranks, along the curve of a training written by hand."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

pytest.importorskip("deepspeed", reason="DeepSpeed comes with the extra 'cluster'")

from benchmarks.curve_ranks import HALF, STEPS, WORLDS, by_hand, name_of
from benchmarks.curves import (
    ARCHITECTURES,
    STAGES,
    TOLERANCE_NATS,
    Seen,
    all_cases,
    few_cases,
    off_by,
    run_cases,
)

FEW = few_cases()
REST = [case for case in all_cases() if case not in FEW]


@pytest.fixture(scope="module")
def hand() -> dict[str, list[float]]:
    return {architecture: by_hand(architecture) for architecture in ARCHITECTURES}


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Give what eight cases saw, carried out in four processes."""
    return run_cases(tmp_path_factory.mktemp("few"), FEW)


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Give what the other forty saw."""
    return run_cases(tmp_path_factory.mktemp("rest"), REST)


def check(case: dict[str, Any], seen: Seen, hand: dict[str, list[float]]) -> None:
    told, curve = seen[name_of(case)], hand[case["architecture"]]
    assert len(told["losses"]) == STEPS
    assert off_by(told["losses"], curve) <= TOLERANCE_NATS
    assert off_by(told["resumed"], curve[HALF:]) <= TOLERANCE_NATS
    assert told["missing"] == []
    assert told["same_logits"]


@pytest.mark.parametrize("case", FEW, ids=name_of)
def test_case_stays_on_the_curve_and_is_exported_whole(
    case: dict[str, Any], few: Seen, hand: dict[str, list[float]]
) -> None:
    check(case, few, hand)


@pytest.mark.slow
@pytest.mark.parametrize("case", REST, ids=name_of)
def test_other_case_stays_on_the_curve_and_is_exported_whole(
    case: dict[str, Any], rest: Seen, hand: dict[str, list[float]]
) -> None:
    check(case, rest, hand)


def test_curve_by_hand_falls(hand: dict[str, list[float]]) -> None:
    for curve in hand.values():
        assert curve[-1] < curve[0] - 0.1


def test_few_cases_agree_in_no_two_settings_and_leave_none_out() -> None:
    assert len(FEW) == 8
    assert len(REST) == 40
    names = ("architecture", "zero_stage", "ranks")
    for one, other in combinations(FEW, 2):
        assert sum(one[name] == other[name] for name in names) <= 1
    for name, values in zip(names, (ARCHITECTURES, STAGES, WORLDS), strict=True):
        assert {case[name] for case in FEW} == set(values)
