"""RunView of a run on a cluster: what it waits for, took and lost; and of a recording."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kblib import files
from kblib.cluster.diagnose import why_it_waits
from kblib.cluster.replay import Replay
from kblib.cluster.slurm_answers import SlurmJob
from kblib.errors import RunError
from kblib.runs import Phase, RunFolder, RunState, journal
from kbnotebooks import _attempts, _words
from kbnotebooks._record import phase_in_words, why_in_words
from kbnotebooks.replaying import replay
from kbnotebooks.runs import RunView
from tests.cluster.recorded import BEGUN, attempt, recorded, runs_at, two_node_run
from tests.watching import PATIENCE_S, until

READING = {
    "attempt": 1, "time": BEGUN, "node": "gn1", "cpu_percent": 97.0,
    "memory_gib": 3.25, "memory_total_gib": 480.0, "gpu_memory_gib": None,
    "gpu_memory_total_gib": None,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _views(tmp_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(_words, "_chosen", ["en"])
    yield
    for view in list(RunView._live.values()):
        view.stop_watching()
    RunView._live.clear()


@pytest.fixture
def folder(tmp_home: Path) -> RunFolder:
    """A run of two attempts that is over: the first lost a node."""
    run = two_node_run(tmp_home / "runs" / "gang-1a2b3c4d")
    why = "Lost: gn2. The next job goes on without."
    attempt(run, 1, 0.0, ended=BEGUN + 36, exit_code=86, why=why)
    evidence = {"attempt": 1, "job": "11", "seen": "Slurm: DOWN Not responding", "time": BEGUN}
    files.write_json(run.bad_nodes_file, {"gn2": evidence})
    attempt(run, 2, 100.0, ended=BEGUN + 172, exit_code=0, why="")
    runs_at(run, 10, 172.0, attempt=2, phase=Phase.DONE)
    return run


def test_what_it_took_is_said_with_the_gpu_hours(folder: RunFolder):
    view = RunView(folder.name)
    # 36 s and 72 s on two nodes of two GPUs: 0.12 hours.
    assert "Site 'emulator': 2 nodes, 4 ranks. It holds 4 GPUs while it runs" in view._cluster.value
    assert "GPU-hours so far: 0.12." in view._cluster.value


def test_run_without_gpus_says_none(tmp_home: Path):
    asked = {"nodes": 2, "gpus_per_node": 0, "ranks_per_node": 2}
    run = two_node_run(tmp_home / "runs" / "plain", resources=asked)
    run.write_state(RunState(Phase.DONE, step=1, steps=1))
    assert "No GPU was asked for: 0 GPU-hours." in RunView(run.path)._cluster.value


def test_attempts_stand_in_a_table(folder: RunFolder, structure):
    html = RunView(folder.name)._cluster.value
    first, second = html.split("<caption>Attempts")[1].split("</table>")[0].split("<tr>")[2:]
    for said in ("11", "gn1, gn2", "36 s", "Lost: gn2. The next job goes on without."):
        assert said in first
    for said in ("12", "gn2, gn3", "1 min 12 s", "done"):
        assert said in second
    assert all("scope" in head for head in structure(html).all("th"))


def test_lost_nodes_stand_with_what_was_seen(folder: RunFolder):
    table = RunView(folder.name)._cluster.value.split("<caption>Lost nodes")[1]
    assert "gn2" in table
    assert "Slurm: DOWN Not responding" in table


def test_many_nodes_are_written_as_the_scheduler_does():
    assert _attempts.nodes_in_words("gn[1-4]") == "gn1, gn2, gn3, gn4"
    assert _attempts.nodes_in_words("gn[1-24]") == "gn[1-24]"


@pytest.mark.parametrize(
    ("value", "words"), [(0.0, "0"), (0.0123, "0.012"), (3.44, "3.4"), (1249.6, "1,250")]
)
def test_hours_have_the_digits_that_count(value: float, words: str):
    assert _attempts.hours(value) == words


def test_run_of_this_machine_looks_as_before(run: RunFolder):
    assert RunView(run.name)._cluster.value == ""


def test_nodes_are_shown_as_they_were_read_last(folder: RunFolder):
    journal.append(folder.telemetry_file, {**READING, "cpu_percent": 3.0})
    journal.append(folder.telemetry_file, READING)
    html = RunView(folder.name)._cluster.value.split("<caption>How busy")[1]
    assert "97 %" in html
    assert "3.2 of 480" in html
    assert html.count("<tr>") == 2  # heads, and one node


def test_new_readings_are_taken_up(folder: RunFolder):
    view = RunView(folder.name)
    assert "How busy" not in view._cluster.value
    journal.append(folder.telemetry_file, READING)
    view.look()
    assert "97 %" in view._cluster.value


def test_reason_of_the_queue_is_said(tmp_home: Path, monkeypatch: pytest.MonkeyPatch):
    run = two_node_run(tmp_home / "runs" / "waiting")
    waits = RunState(Phase.QUEUED, "Job 7 waits: other jobs come first.", attempt=0)
    monkeypatch.setattr("kblib.cluster.run.observed", lambda *_: waits)
    view = RunView(run.path)
    assert "Waiting to start. Job 7 waits: other jobs come first." in view._head.value
    view.stop_watching()


def test_reason_is_said_in_swedish(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_words, "_chosen", ["sv"])
    assert why_in_words("Job 7 waits: other jobs come first.") == (
        "Jobb 7 väntar: andra jobb går före."
    )
    lost = "Lost: gn2. The next job goes on without. Job 9 waits: not enough nodes are free."
    assert why_in_words(lost) == (
        "Förlorat: gn2. Nästa jobb går vidare utan. Jobb 9 väntar: för få noder är lediga."
    )
    assert why_in_words("Something new.") == "Something new."


@pytest.mark.parametrize(
    "reason",
    [
        "Priority", "Resources", "Dependency", "Prolog", "None", "PartitionTimeLimit",
        "PartitionNodeLimit", "InvalidAccount", "InvalidQOS", "ReqNodeNotAvail", "PartitionDown",
        "AssociationJobLimit",
    ],
)  # fmt: skip
def test_frequent_reasons_of_the_queue_are_known_in_swedish(
    reason: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(_words, "_chosen", ["sv"])
    why = why_it_waits(SlurmJob("7", "gang", "PENDING", reason=reason))
    assert why_in_words(f"Job 7 waits: {why}").startswith("Jobb 7 väntar: ")


def test_run_that_is_only_looked_at_cannot_be_stopped(run: RunFolder):
    view = RunView(run.path, read_only=True)
    assert view.state.phase is Phase.RUNNING
    assert view._stop.disabled
    assert view._go_on.disabled


def test_still_form_holds_all_of_it(folder: RunFolder):
    html = RunView(folder.name).html
    for said in ("Done: step 10 of 10.", "GPU-hours so far", "Attempts", "Lost nodes"):
        assert said in html


def test_damaged_record_is_told_below_the_view(folder: RunFolder):
    folder.bad_nodes_file.write_text("[]", encoding="utf-8")
    (folder.attempts / "0001.json").write_text("{", encoding="utf-8")
    view = RunView(folder.name)
    assert "0001.json is damaged" in view._message.value


@pytest.fixture
def played(tmp_path: Path) -> Iterator[RunView]:
    """The view of a recording, at its recorded stop."""
    run = Replay(recorded(tmp_path / "run"), "hand", 1e5)
    run.join()
    RunView.forget(run.folder)  # the view of an earlier test may still be there
    view = RunView(run)
    yield view
    run.stop()


def test_recording_says_that_it_is_one(played: RunView):
    date = played.run.date
    said = f"This is a recording, made on {date} on site 'emulator': nothing is computed now."
    assert said in played._head.value
    assert "It is played 100,000 times faster" in played._head.value
    assert "Stopped at step 3 of 10. Stopped on request." in played._head.value
    assert said in played.html


def test_view_follows_a_recording_that_goes_on(played: RunView):
    played.run.resume()
    view = RunView(played.run)
    assert view is played
    until(lambda: "Done: step 10 of 10." in view._head.value, patience_s=PATIENCE_S)
    assert list(view.table["step"]) == [1, 2, 3, 4, 10]


def test_button_lets_a_stopped_run_go_on(played: RunView):
    assert not played._go_on.disabled
    played._go_on.click()
    assert played.error is None
    until(lambda: "Done: step 10 of 10." in played._head.value, patience_s=PATIENCE_S)
    assert played._go_on.disabled


def test_recording_of_the_package_is_shown_from_its_beginning():
    view = replay("two-nodes", speed=1e-3)
    assert "This is a recording" in view._head.value
    assert "Job 2 waits: not enough nodes are free." in view._head.value
    again = replay("two-nodes", speed=1e-3)
    assert again is not view
    assert again.selection == view.selection == "recording-two-nodes"
    again.run.stop()


def test_whole_recording_of_the_package_is_played():
    view = replay("two-nodes", speed=1e5)
    view.run.join()
    assert view.run.state.phase is Phase.STOPPED
    view.run.resume().join()
    view.look()
    assert view.state.phase is Phase.DONE
    ends = [one["exit_code"] for one in view.run._folder.attempt_records()]
    assert ends == [85, 86, 0]
    assert list(view.table["step"]) == list(range(1, 201))
    view.run.stop()


def test_unknown_recording_is_refused():
    with pytest.raises(RunError, match="There is no recorded run 'one-node'"):
        replay("one-node")


def test_recording_of_the_package_names_no_machine():
    from importlib import resources

    folder = resources.files("kblib.cluster") / "recorded"
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8")
        assert len(text) < 300_000
        for line in text.splitlines()[1:]:
            said = json.loads(line)["text"]
            assert not any(f" /{top}/" in said for top in ("home", "root", "tmp", "work", "usr/l"))


def test_batch_counts_shards(tmp_home: Path):
    pool = {"shards": 2000, "workers": 16, "resources": {"gpus_per_node": 4}}
    run = two_node_run(tmp_home / "runs" / "label", pool=pool)
    attempt(run, 1, 0.0)
    line = {"step": 1200, "workers": 12, "shards_per_s": 31.2, "failed": 3, "attempt": 1}
    journal.append(run.metrics_file, line)
    run.write_state(RunState(Phase.DONE, step=1997, steps=2000, heartbeat=BEGUN + 5))
    view = RunView(run.path)
    assert "Done: 1,997 of 2,000 shards." in view._head.value
    assert "a head, and 16 workers at most" in view._cluster.value
    assert "A worker holds 4 GPUs while it lives" in view._cluster.value
    for said in ("31.2", "12", "shards that failed"):
        assert said in view._numbers.value
    assert view._curve.value == ""


def test_batch_that_goes_on_says_how_far_it_is():
    state = RunState(Phase.RUNNING, step=40, steps=2000)
    assert phase_in_words(state, batch=True) == "Working: 40 of 2,000 shards."
