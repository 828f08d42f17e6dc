"""Imports are measured in another process, and a slow one is told."""

from __future__ import annotations

import pytest

from benchmarks.imports import missed, seconds_of_import
from benchmarks.outcome import BenchmarkError


def test_slow_import_is_a_missed_bar() -> None:
    assert missed({"kblib": 0.2, "kbnotebooks": 1.25}) == (
        "Missed: `import kbnotebooks` took 1.25 s; less than 1 s was wanted.",
    )


def test_import_of_ours_is_found_outside_the_clone() -> None:
    assert seconds_of_import("kblib") > 0


def test_failing_import_says_why() -> None:
    with pytest.raises(BenchmarkError, match="`import kblibb` failed: ModuleNotFoundError"):
        seconds_of_import("kblibb")
