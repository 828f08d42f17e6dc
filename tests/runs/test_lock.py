from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from kblib.runs import lock


def holder(path: Path) -> subprocess.Popen[str]:
    """Start a process that takes the lock, hands it to a child, says so, and waits."""
    code = (
        "import subprocess, sys\n"
        "from pathlib import Path\n"
        "from kblib.runs import lock\n"
        "handle = lock.take(Path(sys.argv[1]), patience_s=0)\n"
        "words = [sys.executable, '-c', 'input()']\n"
        "child = subprocess.Popen(words, stdin=subprocess.PIPE, pass_fds=[handle])\n"
        "print(child.pid, flush=True)\n"
        "input()\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_lock_that_was_never_taken_tells_nothing(tmp_path: Path) -> None:
    assert lock.is_held(tmp_path / "lock") is None


def test_second_taker_gets_none(tmp_path: Path) -> None:
    first = lock.take(tmp_path / "lock", patience_s=0)
    assert first is not None
    assert lock.take(tmp_path / "lock", patience_s=0.2) is None
    assert lock.is_held(tmp_path / "lock") is True
    os.close(first)
    assert lock.is_held(tmp_path / "lock") is False


def test_lock_is_held_until_the_last_inheritor_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    process = holder(path)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    process.kill()
    process.wait()
    assert lock.is_held(path) is True
    os.kill(child, signal.SIGKILL)
    handle = lock.take(path, patience_s=20)
    assert handle is not None
    os.close(handle)
