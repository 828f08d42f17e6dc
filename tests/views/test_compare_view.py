"""Two runs side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import kbnotebooks as kb
from kblib.cluster.comparison import compare
from kblib.runs import Phase, RunFolder, RunState, journal
from kbnotebooks import _words
from kbnotebooks.compare_view import CompareView
from kbnotebooks.runs import RunView

from .conftest import living


def written(path: Path, job: dict[str, Any], loss: float, old: float) -> RunFolder:
    """Write the run of a job by hand: two evaluations, on its own texts and on older ones."""
    folder = RunFolder.create(path, {"job": job, "site": "local", "ranks": 1})
    for step in range(1, 21):
        line = {"step": step, "loss": loss + 1 / step, "tokens": step * 1000, "attempt": 1}
        journal.append(folder.metrics_file, line)
        if step % 10 == 0:
            scores = {"eval_loss": loss + 0.1, "eval_loss_old": old + step / 100}
            journal.append(folder.metrics_file, {"step": step, **scores, "attempt": 1})
    folder.write_state(RunState(Phase.DONE, step=20, steps=20))
    return folder


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    monkeypatch.setenv("KBNOTEBOOKS_HOME", str(tmp_path))
    corpus = {"name": "titles", "fingerprint": "0123456789abcdef"}
    job = {"corpus": corpus, "learning_rate": 1e-3}
    replay = [{"name": "replay", "share": 0.25, "corpus": {**corpus, "name": "speech"}}]
    written(tmp_path / "runs" / "alone", job, loss=3.0, old=4.5)
    written(tmp_path / "runs" / "replayed", {**job, "mixture": replay}, loss=3.1, old=4.2)
    yield "alone", "replayed"
    for view in list(RunView._live.values()):
        view.stop_watching()
    RunView._live.clear()


def test_view_shows_measures_and_what_was_asked_otherwise(runs: tuple[str, str]) -> None:
    html = CompareView(kb.compare(*runs))._body.value
    for said in ("At step 20", "4.700", "4.400", "-0.300", "share.replay", "0.25", "speech"):
        assert said in html


def test_picture_is_told_in_words(runs: tuple[str, str], structure) -> None:
    view = CompareView(compare(*runs))
    assert view.selection == "eval_loss"
    (image,) = structure(view._body.value).all("img")
    assert image["alt"] == (
        "loss on held-out text (nats) against step. Run 'alone' ends at 3.10, "
        "run 'replayed' at 3.20."
    )


def test_another_loss_is_drawn_when_it_is_chosen(runs: tuple[str, str]) -> None:
    view = CompareView(compare(*runs))
    view.selection = "eval_loss_old"
    assert "Run &#x27;alone&#x27; ends at 4.70" in view._body.value
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
    assert "On 'old' it went from 4.60 to 4.70 at step 20." in str(image["alt"])
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
