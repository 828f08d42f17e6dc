"""The parent of several workers on a node: which of them it starts again."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator

import pytest

from kblib.cluster import pool_worker
from kblib.jobs.exit_codes import DONE, INFRASTRUCTURE

KILLED = -signal.SIGKILL


class Process:
    """Ends with a code, after it was looked at some times."""

    def __init__(self, code: int, looks: int) -> None:
        self.returncode = code
        self.looks = looks

    def poll(self) -> int | None:
        self.looks -= 1
        return None if self.looks >= 0 else self.returncode


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    known = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGUSR1)}
    yield
    for number, handler in known.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("codes", "starts", "ends_with"),
    [
        pytest.param([DONE], 1, DONE, id="sent away"),
        pytest.param([KILLED, DONE], 2, DONE, id="killed once"),
        pytest.param([KILLED] * 9, 1 + pool_worker.MOST_RESTARTS, 9, id="killed always"),
        pytest.param([INFRASTRUCTURE], 1, INFRASTRUCTURE, id="found no head, after a long wait"),
    ],
)
def test_process_that_dies_is_started_again_a_few_times(
    monkeypatch: pytest.MonkeyPatch, codes: list[int], starts: int, ends_with: int
) -> None:
    begun: list[int] = []

    def start(_: object, words: list[str], number: int) -> Process:
        begun.append(number)
        if number:  # the other one lives on meanwhile
            return Process(DONE, looks=100)
        return Process(codes[begun.count(0) - 1], looks=1)

    monkeypatch.setattr(pool_worker, "_start", start)
    monkeypatch.setattr(pool_worker, "_LOOK_S", 0.0)
    asked = argparse.Namespace(processes=2, name="worker-0")
    assert pool_worker.keep_processes(asked, []) == ends_with
    assert begun.count(0) == starts
    assert begun.count(1) == 1
