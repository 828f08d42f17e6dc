"""RunView: everything from the files of a run, found again by name."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from kblib.cluster import Run
from kblib.errors import RunError
from kblib.runs import Phase, RunFolder, RunState, journal
from kbnotebooks._record import phase_in_words
from kbnotebooks.runs import RunView

from .conftest import Grip, living, step_line


def until(condition: Callable[[], bool], limit_s: float = 20.0) -> bool:
    end = time.monotonic() + limit_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_view_says_where_the_run_is(run: RunFolder):
    view = RunView(run.name)
    assert "Training: step 40 of 100." in view._head.value
    assert run.name in view._head.value
    assert "all is well" in view._log.value


def test_numbers_are_those_of_the_last_lines(run: RunFolder):
    html = RunView(run.name)._numbers.value
    for said in ("8.20", "8.25", "12 %", "81,920", "6,500", "30 s"):
        assert said in html


def test_of_a_finetuning_the_weights_that_are_kept_are_told_beside_the_last_score(run: RunFolder):
    looks = [(10, 1, 0.5, 1.0), (20, 1, 0.5, 0.8), (30, 1, 0.25, 0.9), (40, 2, 0.5, 0.7)]
    for step, seed, score, loss in looks:
        line = {"step": step, "seed": seed, "eval_score": score, "eval_loss": loss}
        journal.append(run.metrics_file, line)
    html = RunView(run.name)._numbers.value
    assert "best score: these weights are kept" in html
    assert "0.500 at step 20" in html  # of equal seeds the first, as it is chosen


def test_curve_is_told_in_words(run: RunFolder, structure):
    (image,) = structure(RunView(run.name)._curve.value).all("img")
    assert image["alt"] == (
        "Loss against step. The training loss went from 8.98 at step 1 to 8.20 at step 40. "
        "On held-out text it is 8.25 at step 40."
    )


def test_thread_follows_the_run(run: RunFolder):
    view = RunView(run.name)
    journal.append(run.metrics_file, step_line(41))
    run.write_state(living(41))
    assert until(lambda: "step 41 of 100" in view._head.value)


def test_same_run_has_one_view_and_one_thread(run: RunFolder):
    view = RunView(run.name)
    thread = view._thread
    assert RunView(run.path) is view
    assert view._thread is thread


def test_run_is_found_again_from_files_alone(run: RunFolder):
    first = RunView(run.name)
    first.stop_watching()
    RunView._live.clear()  # as in a new kernel
    journal.append(run.metrics_file, step_line(41))
    again = RunView(run.name)
    assert again is not first
    assert again.selection == run.name
    assert list(again.table["step"]) == list(range(1, 42))


def test_thread_ends_with_the_run(run: RunFolder):
    view = RunView(run.name)
    run.write_state(living(100, phase=Phase.DONE))
    assert until(lambda: not view._thread.is_alive())
    assert "Done: step 100 of 100." in view._head.value
    assert "time left" not in view._numbers.value
    assert view._stop.disabled


def test_dead_driver_is_said(run: RunFolder, grip: Grip):
    grip.release()
    view = RunView(run.name)
    assert 'data-phase="failed"' in view._head.value
    assert "is gone" in view._head.value


def test_resumption_is_marked_and_the_later_attempt_counts(run: RunFolder):
    resumed = {
        "event": "resumed",
        "step": 20,
        "passed_over": ["step-00000030 is damaged."],
        "attempt": 2,
    }
    journal.append(run.metrics_file, resumed)
    journal.append(run.metrics_file, {**step_line(21, attempt=2), "loss": 1.5})
    view = RunView(run.name)
    assert "resumed at step 20" in view._curve.value
    assert "Passed over: step-00000030 is damaged." in view._head.value
    assert view.table.set_index("step")["loss"][21] == 1.5


def test_half_a_line_is_left_for_the_next_look(run: RunFolder):
    view = RunView(run.name)
    view.stop_watching()
    with open(run.metrics_file, "a", encoding="utf-8") as file:
        file.write('{"step": 41, "lo')
        file.flush()
        view.look()
        assert view.table["step"].max() == 40
        file.write('ss": 7.5}\n')
    view.look()
    assert view.table["step"].max() == 41


def test_stop_button_asks_the_driver(run: RunFolder):
    view = RunView(run.name)
    assert not view._stop.disabled
    view._stop.click()
    assert run.cancel_file.exists()
    assert view._stop.disabled
    assert view._stop.description == "Stopping"


def test_go_on_is_offered_where_a_run_was_stopped_or_failed(run: RunFolder, grip: Grip):
    view = RunView(run.name)
    assert view._go_on.disabled  # it runs
    grip.release()
    view.look()
    assert view.state.phase is Phase.FAILED
    assert not view._go_on.disabled


def test_run_that_cannot_go_on_says_so_below_the_view(run: RunFolder, monkeypatch):
    def refuse(_run: Run) -> None:
        raise RunError("Nothing begins here.", "It was a test.")

    monkeypatch.setattr(Run, "begin", refuse)
    run.write_state(living(40, phase=Phase.STOPPED))
    view = RunView(run.name)
    view._go_on.click()
    assert "Nothing begins here." in view._message.value


def test_still_form_is_not_behind_a_run_that_ended(run: RunFolder, monkeypatch):
    updated = []
    monkeypatch.setattr("IPython.display.update_display", lambda what, **_: updated.append(what))
    view = RunView(run.name)
    view.stop_watching()
    run.write_state(living(100, phase=Phase.DONE))
    view._refresh()
    assert "Done: step 100 of 100." in updated[0]["text/html"]


def test_failing_look_is_told_below_the_view(run: RunFolder):
    view = RunView(run.name)
    run.state_file.write_text("{", encoding="utf-8")
    assert until(lambda: "state.json is damaged" in view._message.value)
    run.write_state(living(42))
    assert until(lambda: view._message.value == "")


def test_unknown_run_is_answered_in_a_sentence(run: RunFolder):
    view = RunView("newsreels-2x129")
    view._refresh()  # as after each cell
    assert "No run named 'newsreels-2x129'." in view._message.value
    assert run.name in view._message.value


def test_what_is_no_run_is_refused_in_a_sentence():
    view = RunView(3)  # type: ignore[arg-type]
    assert "RunView got int, which is not a run." in view._message.value
    assert "kb.RunView(kb.submit(job))" in view.html


def test_run_without_lines_yet_is_shown(run: RunFolder):
    run.metrics_file.unlink()
    run.write_state(living(0, steps=None))
    view = RunView(run.name)
    assert "Starting" in view._head.value
    assert view._curve.value == ""
    assert view.png().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RunState(Phase.QUEUED), "Waiting to start."),
        (RunState(Phase.RUNNING, step=3, steps=1000), "Training: step 3 of 1,000."),
        (
            RunState(Phase.RUNNING, step=9, steps=9),
            "Ending: step 9 of 9; the model is scored and saved.",
        ),
        (
            RunState(Phase.STOPPED, "Asked.", 5, 9),
            "Stopped at step 5 of 9. Asked. Go on with run.resume().",
        ),
        (
            RunState(Phase.FAILED, "The disk is full.", 5, 9),
            "Failed at step 5 of 9. The disk is full.",
        ),
        (RunState(Phase.DONE, step=9, steps=9), "Done: step 9 of 9."),
    ],
)
def test_phases_are_said_in_words(state: RunState, words: str):
    assert phase_in_words(state) == words
