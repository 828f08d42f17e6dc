"""Alpha against Krippendorff's own examples and against his definition, pair by pair; kappa."""

from __future__ import annotations

import random
from itertools import permutations

import pytest

from kblib.labels.agreement import cohen_kappa, krippendorff_alpha, pairs

# Krippendorff (2011), Computing Krippendorff's alpha-reliability, examples A to C.
TWO_BINARY = ("0100000010", "1110010000")
TWO_NOMINAL = ("aabbdcccedda", "babbbccceddd")
FOUR = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")


def units(*readers: str) -> list[list[str]]:
    return [[one for one in unit if one != "."] for unit in zip(*readers, strict=True)]


def slow_alpha(of_units: list[list[str]]) -> float:
    """Return alpha from every pair of labels, as the definition reads."""
    kept = [unit for unit in of_units if len(unit) > 1]
    everything = [label for unit in kept for label in unit]
    observed = sum(
        (a != b) / (len(unit) - 1) for unit in kept for a, b in permutations(unit, 2)
    ) / len(everything)
    differ = [a != b for a, b in permutations(everything, 2)]
    return 1 - observed / (sum(differ) / len(differ))


@pytest.mark.parametrize(
    ("readers", "published"), [(TWO_BINARY, 0.095), (TWO_NOMINAL, 0.692), (FOUR, 0.743)]
)
def test_alpha_is_what_krippendorff_published(readers, published):
    assert len({len(one) for one in readers}) == 1
    assert krippendorff_alpha(units(*readers)) == pytest.approx(published, abs=0.0005)


def test_alpha_is_the_same_pair_by_pair():
    draw = random.Random(3)
    for _ in range(20):
        some = [draw.choices("abcd", k=draw.randint(0, 5)) for _ in range(15)]
        assert krippendorff_alpha(some) == pytest.approx(slow_alpha(some))


def test_alpha_is_one_where_all_agree_and_below_zero_where_all_differ():
    assert krippendorff_alpha([["a", "a"], ["b", "b"]]) == 1
    assert krippendorff_alpha([["a", "b"], ["b", "a"]]) < 0


@pytest.mark.parametrize("some", [[], [["a"], ["b"]], [["a", "a"], ["a", "a"]]])
def test_alpha_is_not_defined_without_pairs_or_without_two_labels(some):
    assert krippendorff_alpha(some) is None


def test_kappa_by_hand():
    one = dict(zip("1234", "aabb", strict=True))
    other = dict(zip("2345", "abba", strict=True))
    # Of 2, 3 and 4 all are equal: a b b; by chance 1/9 + 4/9.
    assert cohen_kappa(one, other) == {"items": 3, "equal": 1, "kappa": pytest.approx(1)}
    assert cohen_kappa(one, {})["kappa"] is None


def test_pairs_are_of_each_two_readers_in_order():
    said = {"b": {"1": "x"}, "a": {"1": "x"}, "c": {}}
    assert [(row["reader"], row["other"]) for row in pairs(said)] == [
        ("a", "b"), ("a", "c"), ("b", "c")
    ]  # fmt: skip
