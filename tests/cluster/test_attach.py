"""Getting hold of the Dask beside a run: why there is none, and in whole sentences."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from kblib import settings
from kblib.cluster import attach, tls
from kblib.cluster.attach import client_of, reason_for_none
from kblib.errors import RunError
from kblib.runs import Phase, RunFolder, RunState

pytest.importorskip("distributed", reason="Dask comes with the extra 'cluster'")

RUNNING = RunState(Phase.RUNNING)


def new_run(**config: Any) -> RunFolder:
    return RunFolder.create(settings.runs_folder() / "films", {"site": "emulator", **config})


def said(run: RunFolder, state: RunState = RUNNING, *, timeout_s: float = 1.0) -> str:
    with pytest.raises(RunError) as caught:
        client_of(run, state, timeout_s)
    return str(caught.value)


def test_run_of_one_machine_has_none(tmp_home: Path) -> None:
    assert said(new_run()) == (
        "Run 'films' has no Dask: it is carried out on one machine. "
        "Dask stands beside the ranks of a cluster."
    )


@pytest.mark.parametrize("wanted", [True, False])
def test_run_submitted_without_says_so(
    tmp_home: Path, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attach, "find_spec", lambda name: None)
    reason = reason_for_none(wanted)
    assert reason == (
        "Where it was submitted, cryptography, dask, distributed cannot be imported."
        if wanted
        else "It was submitted with dask=False."
    )
    assert said(new_run(resources={}, no_dask=reason)) == (
        f"Run 'films' has no Dask. {reason}\n  From submit on: kb.submit(job, site=..., fresh=True)"
    )


def test_nothing_speaks_against_dask_where_it_is_installed() -> None:
    assert reason_for_none(wanted=True) == ""


@pytest.mark.parametrize("phase", [Phase.QUEUED, Phase.DONE])
def test_run_that_does_not_train_has_none_now(tmp_home: Path, phase: Phase) -> None:
    assert said(new_run(resources={}), RunState(phase)) == (
        f"Run 'films' has no Dask now: it is {phase.value}. Dask stands beside ranks that train.\n"
        "  What the run does: kb.Run.open('films').state"
    )


def test_dask_that_is_not_up_yet_is_waited_for(tmp_home: Path) -> None:
    assert said(new_run(resources={})) == (
        "The Dask of run 'films' is not up. "
        "It is started after the first step of the ranks, and again when it was lost.\n"
        "  Try again in a minute; what became of it: run.events()"
    )


def test_dask_that_does_not_answer_is_named(tmp_home: Path) -> None:
    run = new_run(resources={})
    tls.make_keys(run)
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"tls://127.0.0.1:{taken.getsockname()[1]}"
        run.announce_scheduler(address)
        text = said(run)
    assert text.startswith(f"The Dask of run 'films' at {address} does not answer: ")
    assert text.endswith(
        "Try again in a minute; the ranks go on without it, and run.telemetry() needs none."
    )


def test_dask_without_keys_is_not_spoken_to(tmp_home: Path) -> None:
    run = new_run(resources={})
    run.announce_scheduler("tls://127.0.0.1:1")
    assert said(run).startswith("Run 'films' has no keys in ")


def test_dask_on_another_machine_is_reached_there(
    tmp_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attach, "is_elsewhere", lambda cluster: True)
    assert said(new_run(resources={})) == (
        "The Dask of run 'films' is reached on site 'emulator' only. "
        "The keys of a run do not leave the cluster, and its nodes seldom let others in.\n"
        "  On a login node there: kb.Run.open('films').client(). "
        "What the nodes do is seen from here: run.telemetry()"
    )
