"""`make lab` finds a port, and says so when it cannot."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import lab

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that something else listens on."""
    with socket.socket() as listener:
        listener.bind((lab.HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_port_is_found_when_none_is_asked_for() -> None:
    assert lab.chosen_port("") >= lab.FIRST_PORT


def test_port_in_use_is_passed_over(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "FIRST_PORT", taken)
    assert lab.chosen_port("") > taken


def test_port_in_use_is_refused_when_asked_for(taken: int) -> None:
    with pytest.raises(ValueError, match=f"port {taken} is in use. Another one: make lab PORT="):
        lab.chosen_port(str(taken))


@pytest.mark.parametrize("wanted", ["abc", "0", "65536", "-1", "8888.5"])
def test_port_that_is_none_is_refused(wanted: str) -> None:
    with pytest.raises(ValueError, match=f"PORT is '{wanted}'; a number from 1 to 65535"):
        lab.chosen_port(wanted)


def test_wrong_port_ends_without_a_server() -> None:
    result = subprocess.run(
        [sys.executable, "tools/lab.py"],
        cwd=ROOT,
        env={**os.environ, "PORT": "abc"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr == "lab: PORT is 'abc'; a number from 1 to 65535 was expected.\n"


def fetch(address: str) -> str:
    """Fetch from loopback, whatever proxy is set."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, timeout=30) as answer:
        return str(answer.read(), "utf-8")


def test_lab_opens_the_lesson_asks_for_its_token_and_stops(tmp_path: Path) -> None:
    folders = {
        f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in ("CONFIG", "DATA", "RUNTIME")
    }
    with subprocess.Popen(
        [sys.executable, "tools/lab.py"],
        cwd=ROOT,
        env={**os.environ, **folders, "NO_BROWSER": "1", "PORT": str(lab.chosen_port(""))},
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        first, address = server.stdout.readline(), server.stdout.readline().strip()
        try:
            assert first.startswith("JupyterLab starts")
            page, _, token = address.partition("?token=")
            assert page.endswith(f"/lab/tree/{lab.LESSON}")
            contents = f"{page.partition('/lab/')[0]}/api/contents/{lab.LESSON}"
            assert '"type": "notebook"' in fetch(f"{contents}?content=0&token={token}")
            with pytest.raises(urllib.error.HTTPError, match="403"):
                fetch(contents)
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) == 0


def test_no_browser_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("NO_BROWSER", raising=False)
    assert lab.wants_browser()
    monkeypatch.setenv("NO_BROWSER", "1")
    assert not lab.wants_browser()


def test_no_browser_is_opened_without_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(lab.sys, "platform", "linux")
    assert not lab.wants_browser()
