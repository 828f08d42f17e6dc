"""The command: what it writes, what it says and how it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import benchmarks
from benchmarks import __main__ as command
from benchmarks import tables
from benchmarks.outcome import BenchmarkError, Outcome
from benchmarks.tables import Result, read, render

RESULT = Result("Imports", "make bench", "2026-03-01", "two cores", ["s"], [[0.1]], "Seven runs.")
PAGE = "<!-- bench:imports -->\nold\n<!-- /bench -->\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of two files: a page with one marker, and no result yet."""
    (tmp_path / "README.md").write_text(PAGE, encoding="utf-8")
    save, update = tables.save, tables.update
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    monkeypatch.setattr(tables, "save", lambda name, result: save(name, result, tmp_path))
    monkeypatch.setattr(tables, "update", lambda: update(tmp_path / "README.md", tmp_path))
    return tmp_path


@pytest.fixture
def measuring(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Outcome | Exception], None]:
    """Put another benchmark in the place of one."""

    def put(name: str, gives: Outcome | Exception) -> None:
        def measure(*, quick: bool) -> Outcome:
            if isinstance(gives, Exception):
                raise gives
            return gives

        module = ModuleType(f"benchmarks.{name}")
        module.measure = measure  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, f"benchmarks.{name}", module)
        monkeypatch.setattr(benchmarks, name, module, raising=False)

    return put


def test_result_is_written_and_shown(place, measuring) -> None:
    measuring("imports", Outcome(RESULT))
    assert command.main(["imports"]) == 0
    assert read(place / "imports.json") == RESULT
    assert render(RESULT) in (place / "README.md").read_text(encoding="utf-8")


def test_missed_bar_is_said_in_the_readme_and_by_the_exit_code(place, measuring) -> None:
    measuring("imports", Outcome(RESULT, ("Missed: too slow.",)))
    assert command.main(["imports"]) == 1
    assert "Missed: too slow. Seven runs." in (place / "README.md").read_text(encoding="utf-8")


def test_quick_look_writes_nothing(place, measuring) -> None:
    measuring("imports", Outcome(RESULT, ("Missed: too slow.",)))
    assert command.main(["--quick", "imports"]) == 0
    assert (place / "README.md").read_text(encoding="utf-8") == PAGE
    assert not (place / "imports.json").exists()


def test_one_that_fails_does_not_keep_the_others(place, measuring, capsys) -> None:
    measuring("loop", BenchmarkError("The loops differ."))
    measuring("imports", Outcome(RESULT))
    assert command.main(["loop", "imports"]) == 1
    assert "loop could not be measured. The loops differ." in capsys.readouterr().out
    assert read(place / "imports.json") == RESULT


def test_readme_is_left_when_a_result_is_lacking(place, measuring, capsys) -> None:
    measuring("imports", Outcome(RESULT))
    page = PAGE + PAGE.replace("imports", "masked")
    (place / "README.md").write_text(page, encoding="utf-8")
    assert command.main(["imports"]) == 0
    assert (place / "README.md").read_text(encoding="utf-8") == page
    assert "README.md was left as it is: No result 'masked'" in capsys.readouterr().out


def test_unknown_name_is_refused(capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(["speed"])
    assert "no benchmark 'speed'; there are imports, loop, masked" in capsys.readouterr().err


def test_one_under_nohup_goes_on_when_its_terminal_is_closed() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        command.end_tidily()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is command._end
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_HOLDS_SOMETHING = """
import signal, sys, types
from benchmarks import __main__ as command

def measure(*, quick):
    try:
        print("begun", flush=True)
        signal.pause()
    finally:
        print("ended what it had started", flush=True)

sys.modules["benchmarks.imports"] = types.SimpleNamespace(measure=measure)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may be under nohup
command.end_tidily()
command.main(["--quick", "imports"])
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_one_that_is_interrupted_ends_what_it_has_started(number: signal.Signals) -> None:
    """By its own process: a cluster that it started would run on."""
    words = [sys.executable, "-c", _HOLDS_SOMETHING]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = iter(process.stdout.readline, "")
        assert any("begun" in line for line in said)
        process.send_signal(number)
        assert "ended what it had started" in "".join(said)
        assert process.wait(120) == 128 + number
