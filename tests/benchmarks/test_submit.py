"""What is compared, and what a missed bar says; nothing here is timed."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import submit as benchmark
from benchmarks.outcome import BenchmarkError
from benchmarks.pairs import Pair
from kblib.files import write_json
from kblib.runs import RunFolder, journal

PAIRS = [Pair(10.0 + n / 10, 9.0) for n in range(7)]


def test_lateness_is_the_median_of_the_pairs_differences() -> None:
    later = benchmark.later_by(PAIRS)
    assert later.value == pytest.approx(1.3)
    assert (later.low, later.high) == pytest.approx((1.0, 1.6))


def test_rows_tell_both_and_the_difference() -> None:
    assert benchmark.rows(PAIRS) == [
        ["kb.submit", 10.3, 10.6, "1.30", "1.00 to 1.60", "at most 5"],
        ["sbatch and srun by hand", 9.0, 9.0, "", "", ""],
    ]


def test_bar_is_missed_when_the_upper_end_is_beyond_it() -> None:
    assert benchmark.missed(benchmark.later_by(PAIRS)) == ()
    late = benchmark.later_by([Pair(pair.ours + 4, pair.other) for pair in PAIRS])
    (told,) = benchmark.missed(late)
    assert told == (
        "Missed: at the upper end of the interval the first step comes 5.6 s later than by hand; "
        "at most 5 s was wanted."
    )


def test_script_by_hand_starts_the_training_module_that_runs_start(tmp_path: Path) -> None:
    text = benchmark.script_by_hand(RunFolder(tmp_path))
    assert f"-m kblib.jobs.start kblib.jobs.pretrain {tmp_path} 1\n" in text
    assert "#SBATCH --nodes=2\n" in text
    assert "kblib.cluster" not in text


def test_first_step_is_seen_and_a_run_without_one_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder(tmp_path)
    write_json(run.state_file, {})
    run.log_file.write_text("no such file\n")
    monkeypatch.setattr(benchmark, "_ASK_EVERY_S", 0.0)
    with pytest.raises(BenchmarkError, match=r"A run ended without a step\. Its log: no such file"):
        benchmark._first_step(run, lambda: True)
    journal.append(run.metrics_file, {"event": "started", "step": 0})
    journal.append(run.metrics_file, {"step": 1, "loss": 6.0})
    assert benchmark._first_step(run, lambda: True) > 0
