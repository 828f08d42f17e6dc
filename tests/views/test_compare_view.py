"""Two runs side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import kbnotebooks as kb
from kblib.cluster.comparison import compare
from kblib.runs import RunFolder, journal
from kbnotebooks import _words
from kbnotebooks.compare_view import CompareView
from kbnotebooks.runs import RunView

from .conftest import living
from .side_by_side import two_runs


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    monkeypatch.setenv("KBNOTEBOOKS_HOME", str(tmp_path))
    first, second = two_runs(tmp_path / "runs")
    yield first.name, second.name
    for view in list(RunView._live.values()):
        view.stop_watching()
    RunView._live.clear()


def test_view_shows_measures_and_what_was_asked_otherwise(runs: tuple[str, str]) -> None:
    html = CompareView(kb.compare(*runs))._body.value
    for said in ("At step 300", "4.898", "4.719", "-0.179", "share.replay", "0.25", "speech"):
        assert said in html


def test_picture_is_told_in_words(runs: tuple[str, str], structure) -> None:
    view = CompareView(compare(*runs))
    assert view.selection == "eval_loss"
    (image,) = structure(view._body.value).all("img")
    assert image["alt"] == (
        "loss on held-out text (nats) against step. Run 'alone' ends at 4.10, "
        "run 'replayed' at 4.10."
    )


def test_another_loss_is_drawn_when_it_is_chosen(runs: tuple[str, str]) -> None:
    view = CompareView(compare(*runs))
    view.selection = "eval_loss_old"
    assert "Run &#x27;alone&#x27; ends at 4.90" in view._body.value
    assert view.png().startswith(b"\x89PNG")


def test_loss_that_is_not_there_is_told_below_the_view(runs: tuple[str, str]) -> None:
    view = CompareView(compare(*runs))
    view._try(lambda: setattr(view, "selection", "eval_loss_new"))
    assert "There is no loss 'eval_loss_new' in both runs." in view._message.value


def test_what_is_no_comparison_is_answered_in_a_sentence() -> None:
    view = CompareView("alone")  # type: ignore[arg-type]
    assert "CompareView got str, no comparison." in view._message.value
    assert "kb.CompareView(kb.compare(run_a, run_b))" in view._message.value


def test_view_speaks_swedish(runs: tuple[str, str]) -> None:
    kb.language("sv")
    try:
        assert "Begärt på annat sätt" in CompareView(compare(*runs))._body.value
    finally:
        kb.language("en")


# The view of one run with monitored corpora, spikes and samples


def test_run_view_draws_and_tells_monitored_corpora(runs: tuple[str, str], structure) -> None:
    view = RunView("alone")
    assert "loss on 'old' (nats)" in view._numbers.value
    (image,) = structure(view._curve.value).all("img")
    assert "On 'old' it went from 4.77 to 4.90 at step 300." in str(image["alt"])
    assert view.png().startswith(b"\x89PNG")


def test_run_view_tells_a_spike_and_lets_go_of_what_was_undone(run: RunFolder) -> None:
    said = (
        "A loss spike at step 40. The loss was 9; over the 32 steps before it was 8.3. Training "
        "went back to the checkpoint of step 30 and left out the 10 batches behind it."
    )
    spike = {"event": "spike", "step": 40, "back_to": 30, "said": said, "attempt": 1}
    journal.append(run.metrics_file, spike)
    view = RunView(run.name)
    assert list(view.table["step"]) == list(range(1, 31))
    assert said in view._head.value
    kb.language("sv")
    try:
        view.look()
        view._paint(run, living(30))
        assert "hoppade över de 10 batcherna efter den." in view._head.value
    finally:
        kb.language("en")


def test_run_view_shows_the_newest_sample(run: RunFolder) -> None:
    for step, text in ((20, " och så"), (40, " i <Stockholm>")):
        line = {"step": step, "prompt": "Kungen", "text": text, "attempt": 1}
        journal.append(run.samples_file, line)
    html = RunView(run.name)._numbers.value
    assert "Written by the model at step 40:" in html
    assert "<q><b>Kungen</b> i &lt;Stockholm&gt;</q>" in html
    assert _words.language() == "en"
