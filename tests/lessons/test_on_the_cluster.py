"""Lesson 10 both ways: on an emulated cluster, and played; and that both are the same job."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from kblib.hpc.emulator import Emulator
from nbclient import NotebookClient

from kblib.cluster import Run
from kblib.cluster.replay import recording
from kblib.jobs.exit_codes import DONE, STOPPED
from kblib.jobs.specs import Pretrain
from tests.lessons.test_execution import html_outputs
from tools.record_run import NAME, job

from .conftest import CELL_LIMIT_S, LIMIT_S, Executed, code_cells, read

LESSON = "10_on_the_cluster.ipynb"
LIVE, PLAYED = "Sent to an emulated cluster.", "A recording is played."


def printed(notebook: nbformat.NotebookNode, cell: str) -> str:
    """Return what a cell said in plain text."""
    (found,) = [one for one in notebook.cells if one.id == cell]
    texts = [one.get("text", "") for one in found.outputs]
    texts += [one.get("data", {}).get("text/plain", "") for one in found.outputs]
    return "".join(texts)


def last_view(notebook: nbformat.NotebookNode, cell: str) -> str:
    """Return the still form of a view at the end of the lesson."""
    return next(html for name, html in html_outputs(notebook) if name == cell)


def code_of(cell: str) -> str:
    return next(one.source for one in read(LESSON).cells if one.id == cell)


@pytest.mark.slow
def test_where_no_cluster_is_up_a_recording_is_played_and_the_lesson_says_so(executed: Any):
    notebook = executed(LESSON).notebook
    said = printed(notebook, "send")
    assert PLAYED in said
    assert LIVE not in said
    assert f"A recording of {recording(NAME).about['date']}, 10 times faster" in said
    assert "This is a recording, made on" in last_view(notebook, "watch")
    assert "Done: step 200 of 200." in last_view(notebook, "final")
    assert "Lost nodes, which the next jobs avoid" in last_view(notebook, "final")


def test_lesson_recording_and_its_tool_are_of_one_job():
    names: dict[str, Any] = {}
    exec(code_of("import") + "\n" + code_of("job"), names)
    asked: Pretrain = names["job"]
    assert asked.key == job().key
    recorded = recording(NAME).config
    assert recorded["resources"]["nodes"] == 2
    own, then = asked.to_dict(), recorded["job"]  # what came later has its default in both
    known = (own.keys() & then.keys()) - {"corpus"}
    assert {"steps", "batch_size", "save_every", "shape"} <= known
    assert {name: then[name] for name in known} == {name: own[name] for name in known}
    assert recorded["job"]["corpus"]["fingerprint"] == asked.corpus.fingerprint


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the lesson that finds a cluster."""
    return tmp_path_factory.mktemp("live")


@pytest.fixture(scope="module")
def live(emulator: Emulator, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Executed:
    """The lesson in a fresh kernel that finds an emulated cluster."""
    notebook = read(LESSON)
    client = NotebookClient(
        notebook,
        timeout=CELL_LIMIT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path_factory.mktemp("elsewhere"))}},
    )
    cluster = {"KBNOTEBOOKS_HOME": str(home), "KBNOTEBOOKS_EMULATOR": str(emulator.folder)}
    others, began = os.getloadavg()[0], time.monotonic()
    client.execute(env={**os.environ, **cluster, "KBNOTEBOOKS_LANGUAGE": "en"})
    return Executed(notebook, time.monotonic() - began, others)


@pytest.mark.slurm
@pytest.mark.slow
def test_where_a_cluster_is_up_the_run_is_a_real_one(live: Executed):
    notebook = live.notebook
    assert all(cell.execution_count for cell in code_cells(notebook))
    said = printed(notebook, "send")
    assert LIVE in said
    assert PLAYED not in said
    final = last_view(notebook, "final")
    assert "Done: step 200 of 200." in final
    assert "Site 'emulator': 2 nodes, 2 ranks." in final
    assert "This is a recording" not in final
    assert live.seconds < LIMIT_S * max(1.0, 1.0 + live.others / 2)


@pytest.mark.slurm
@pytest.mark.slow
def test_no_view_fails_on_a_cluster(live: Executed):
    shown = [html.split("</style>")[-1] for _, html in html_outputs(live.notebook)]
    assert shown
    assert [html for html in shown if "kb-error" in html or "kb-unexpected" in html] == []


@pytest.mark.slurm
@pytest.mark.slow
def test_run_of_the_lesson_was_stopped_and_went_on_to_its_end(live: Executed, home: Path):
    name = printed(live.notebook, "open").split("'")[1]
    run = Run.open(home / "runs" / name)
    assert list(run.metrics().dropna(subset="loss")["step"]) == list(range(1, 201))
    assert list(run.attempts()["exit_code"]) == [STOPPED, DONE]
    assert run.attempts()["gpus"].tolist() == [2, 2]
