"""The table of a run's numbers: attempts that overlap, spikes, and no step at all."""

from __future__ import annotations

from kblib.cluster.curve import COLUMNS, metrics_table


def test_the_latest_attempt_at_a_step_counts_whole() -> None:
    lines = [
        {"event": "began", "step": 0, "attempt": 1},
        {"step": 1, "loss": 3.0, "attempt": 1},
        {"step": 2, "loss": 2.0, "attempt": 1},
        {"step": 2, "valid_loss": 2.5, "attempt": 1},
        {"event": "resumed", "step": 1, "attempt": 2},
        {"step": 2, "loss": 1.9, "attempt": 2},
    ]
    assert list(metrics_table(lines[:4])["valid_loss"])[-1] == 2.5
    table = metrics_table(lines)
    assert list(table["step"]) == [1, 2]
    assert list(table["loss"]) == [3.0, 1.9]
    assert list(table["attempt"]) == [1, 2]
    assert "valid_loss" not in table


def test_what_was_learnt_before_a_spike_was_undone_is_left_out() -> None:
    steps = [{"step": step, "loss": 1.0} for step in range(1, 6)]
    spike = {"event": "spike", "step": 5, "back_to": 3}
    assert list(metrics_table([*steps, spike])["step"]) == [1, 2, 3]
    assert list(metrics_table([*steps, {**spike, "back_to": None}])["step"]) == [1, 2, 3, 4, 5]


def test_a_run_that_has_not_begun_has_no_rows() -> None:
    table = metrics_table([{"event": "began", "step": 0}])
    assert table.empty
    assert tuple(table.columns) == COLUMNS
