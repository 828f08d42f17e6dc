"""What the library on a cluster does for a machine that reaches it by ssh, asked without a way."""

from __future__ import annotations

from pathlib import Path

import pytest

from kblib import settings
from kblib.cluster import Run, far_side
from kblib.runs import Phase, RunFolder, RunState


def test_run_that_was_made_and_never_begun_takes_what_is_asked_now(
    tmp_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection went after ``make``; the second time another account is given."""
    first = {"resources": {"account": "a-1"}, "pool": {"workers": 2, "resources": {"nodes": 1}}}
    run = RunFolder.create(settings.runs_folder() / "b-1", first)
    monkeypatch.setattr(Run, "state", RunState(Phase.QUEUED, attempt=0))
    monkeypatch.setattr(Run, "begin", lambda _: run.script_file.touch())
    asked = {"name": "b-1", "new": False, "budget_gpu_hours": None}
    second = {"resources": {"account": "a-2"}, "pool": {"workers": 9, "resources": {"nodes": 2}}}
    far_side.begin({**asked, **second})
    assert run.config() == {**second, "pool": {"workers": 2, "resources": {"nodes": 2}}}
    far_side.begin({**asked, **first})  # it is queued: its jobs were sent with what was asked
    assert run.config()["resources"] == {"account": "a-2"}
