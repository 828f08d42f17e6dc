from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from kblib import files, settings
from kblib.errors import TrainingError
from kblib.jobs.exit_codes import DONE, FAILED, INFRASTRUCTURE
from kblib.jobs.rank import Ranks, StopFlag, guarded, joined
from kblib.runs import RunFolder


@pytest.fixture
def run(tmp_home: Path) -> RunFolder:
    return RunFolder.create(settings.runs_folder() / "films", {})


@pytest.fixture
def _handler() -> Iterator[None]:
    """Give SIGTERM back to whoever had it."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def failing(error: Exception) -> int:
    raise error


def message(run: RunFolder) -> str:
    return str(files.read_json(run.failure_file)["message"])


def test_work_that_ends_well_leaves_no_failure(run: RunFolder) -> None:
    assert guarded(lambda: DONE, run, 1) == DONE
    assert not run.failure_file.exists()


def test_error_of_ours_is_told_in_its_own_words(run: RunFolder) -> None:
    error = TrainingError("The loss is nan.", "A number was expected.", "Try less.")
    assert guarded(lambda: failing(error), run, 1) == FAILED
    assert message(run) == "The loss is nan. A number was expected.\n  Try less."


def test_any_other_error_is_told_with_its_kind(run: RunFolder) -> None:
    assert guarded(lambda: failing(ZeroDivisionError("division by zero")), run, 1) == FAILED
    assert message(run) == "ZeroDivisionError: division by zero"


def test_full_disk_is_told_as_one_wherever_it_is_met(run: RunFolder) -> None:
    guarded(lambda: failing(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))), run, 1)
    assert message(run).startswith("The disk is full: ")


def test_first_failure_is_the_cause(run: RunFolder) -> None:
    """A peer that then loses its connection must not talk over it."""
    guarded(lambda: failing(TrainingError("The loss is nan.")), run, 1)
    lost = guarded(lambda: failing(RuntimeError("Connection closed by peer")), run, 1)
    assert lost == INFRASTRUCTURE
    assert message(run) == "The loss is nan."


def test_lost_peer_alone_is_no_failure_of_ours(run: RunFolder) -> None:
    lost = guarded(lambda: failing(RuntimeError("Connection reset by peer [127.0.0.1]")), run, 1)
    assert lost == INFRASTRUCTURE
    assert not run.failure_file.exists()


def test_traceback_goes_into_the_log(run: RunFolder, caplog: pytest.LogCaptureFixture) -> None:
    guarded(lambda: failing(KeyError("a bug")), run, 1)
    assert "Traceback" in caplog.text
    assert "KeyError: 'a bug'" in caplog.text


@pytest.mark.usefixtures("_handler")
def test_stop_flag_hears_the_signal() -> None:
    stop = StopFlag()
    assert stop() is False
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop() is True


def test_rank_alone_waits_for_nobody() -> None:
    alone = Ranks(0, 1, torch.device("cpu"))
    alone.wait_for_all()
    assert alone.same_for_all(7) == 7


def test_rank_without_an_environment_is_alone(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with joined(run, 1) as ranks:
        assert (ranks.rank, ranks.world_size) == (0, 1)
