"""The command line, on run folders made by hand; nothing is trained."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kblib import __main__, settings
from kblib.runs import Phase, RunFolder, RunState, lock


@pytest.fixture
def runs(tmp_home: Path) -> Iterator[list[RunFolder]]:
    """Give three runs: done, failed, and one whose lock this very process holds."""
    alive = RunState(Phase.RUNNING, step=7, steps=100, host=socket.gethostname(), pid=os.getpid())
    states = {
        "films-done": RunState(Phase.DONE, step=100, steps=100, exit_code=0),
        "films-failed": RunState(Phase.FAILED, "Rank 0 broke.", step=20, steps=100, exit_code=1),
        "films-running": alive,
    }
    made = []
    for name, state in states.items():
        run = RunFolder.create(settings.runs_folder() / name, {"job": {}})
        run.write_state(state)
        run.log_file.write_text("".join(f"line {number}\n" for number in range(1, 101)))
        made.append(run)
    handle = lock.take(made[2].lock_file, patience_s=0)
    assert handle is not None
    yield made
    os.close(handle)


def test_status_without_runs_says_so(tmp_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["status"]) == 0
    assert capsys.readouterr().out == "No runs yet.\n"


def test_status_lists_all_runs(runs: list[RunFolder], capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["status"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "phase", "step", "steps", "why"]
    assert {tuple(row.split(maxsplit=4)) for row in rows} == {
        ("films-done", "done", "100", "100"),
        ("films-failed", "failed", "20", "100", "Rank 0 broke."),
        ("films-running", "running", "7", "100"),
    }


def test_status_shows_whole_numbers_beside_a_run_without_steps(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    RunFolder.create(settings.runs_folder() / "films-queued", {"job": {}})
    __main__.main(["status"])
    rows = {row.split()[0]: row.split()[1:] for row in capsys.readouterr().out.splitlines()}
    assert rows["films-done"] == ["done", "100", "100"]
    assert rows["films-queued"] == ["queued", "0"]


def test_status_of_one_run_is_a_line(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    assert __main__.main(["status", "films-failed"]) == 0
    told = capsys.readouterr().out
    assert told == "Run 'films-failed': failed, step 20 of 100 (Rank 0 broke.)\n"


def test_unknown_run_is_told_without_a_traceback(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    assert __main__.main(["status", "films-dune"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        "RunError: No run named 'films-dune'.\n  Did you mean kb.Run.open('films-done')?\n"
    )


def test_error_of_a_setting_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_HOME", "here")
    assert __main__.main(["status"]) == 1
    assert capsys.readouterr().err.startswith("SettingsError: KBNOTEBOOKS_HOME is set to 'here'")


def test_logs_print_the_end(runs: list[RunFolder], capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["logs", "films-done", "-n", "2"]) == 0
    assert capsys.readouterr().out == "line 99\nline 100\n"


def test_logs_follow_ends_with_a_run_that_is_over(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    assert __main__.main(["logs", "films-done", "-n", "1", "--follow"]) == 0
    assert capsys.readouterr().out == "line 100\n"


def test_logs_follow_prints_each_new_line_once(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever it pauses the run goes on: two more lines, and at last the run's end."""
    running = runs[2]
    coming = iter(["one\ntwo\n", "three", " and a half\nfour\n", "ended\n"])

    def meanwhile(_: float) -> None:
        text = next(coming)
        with open(running.log_file, "a") as log:
            log.write(text)
        if text == "ended\n":
            running.write_state(RunState(Phase.DONE, step=100, steps=100))

    monkeypatch.setattr(time, "sleep", meanwhile)
    assert __main__.main(["logs", "films-running", "-n", "2", "--follow"]) == 0
    assert capsys.readouterr().out == (
        "line 99\nline 100\none\ntwo\nthree and a half\nfour\nended\n"
    )


def test_cancel_leaves_a_request_for_the_driver(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    assert __main__.main(["cancel", "films-running"]) == 0
    assert runs[2].cancel_file.is_file()
    assert capsys.readouterr().out == (
        "Asked run 'films-running' to write a checkpoint and stop.\n"
        "  Look: python -m kblib status films-running\n"
    )


def test_cancel_of_a_run_that_is_over_asks_nothing(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    assert __main__.main(["cancel", "films-done"]) == 0
    assert not runs[0].cancel_file.exists()
    told = capsys.readouterr().out
    assert told == "Run 'films-done': done, step 100 of 100: nothing to stop.\n"


def test_resume_of_a_run_that_is_done_starts_nothing(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    assert __main__.main(["resume", "films-done"]) == 0
    assert capsys.readouterr().out == "Run 'films-done': done, step 100 of 100\n"
    assert list(runs[0].attempts.iterdir()) == []


def test_doctor_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["doctor"]) == 0
    assert capsys.readouterr().out.startswith("ok       kbnotebooks")


def test_no_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        __main__.main([])
    assert caught.value.code == 2
    assert "usage: python -m kblib" in capsys.readouterr().err


def test_every_command_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        __main__.main(["--help"])
    assert caught.value.code == 0
    told = capsys.readouterr().out
    for command in ("doctor", "demo", "models", "status", "logs", "cancel", "resume"):
        assert f"\n    {command} " in told


def test_reader_that_has_seen_enough_ends_it_quietly(runs: list[RunFolder]) -> None:
    """`| head -1` closes the pipe under a process that still writes."""
    runs[0].log_file.write_text("x" * 100 + "\n" + "a line of log\n" * 15_000)
    python = shlex.quote(sys.executable)
    command = f"set -o pipefail; {python} -m kblib logs films-done -n 20000 | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout == "x" * 100 + "\n"
    assert done.stderr == ""
    assert done.returncode == 0


def test_damaged_run_does_not_hide_the_others(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    runs[1].state_file.write_text("{")
    assert __main__.main(["status"]) == 0
    told = capsys.readouterr().out
    assert "films-done" in told
    assert f"{runs[1].state_file} is damaged" in told


def test_run_whose_driver_is_gone_is_listed_as_failed(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    running = runs[2]
    running.lock_file.unlink()
    running.lock_file.touch()  # taken once, held by nobody now
    assert __main__.main(["status", "films-running"]) == 0
    assert "failed, step 7 of 100 (Its driver" in capsys.readouterr().out


def test_interrupted_logs_say_that_the_run_goes_on(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    assert __main__.main(["logs", "films-running", "-n", "1", "-f"]) == 130
    told = capsys.readouterr()
    assert told.out == "line 100\n"
    assert told.err == (
        "\nA run that has begun goes on; look: python -m kblib status films-running\n"
    )


@pytest.mark.parametrize(
    ("command", "function"),
    [("demo", "kblib.demo.run_demo"), ("models", "kblib.embedded.make_models")],
)
def test_interrupted_training_goes_on(
    command: str,
    function: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(function, interrupt)
    assert __main__.main([command]) == 130
    assert capsys.readouterr().err == (
        "\nA run that has begun goes on; look: python -m kblib status\n"
    )


def test_error_of_the_disk_is_told_without_a_traceback(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error", "/data/log.txt")

    monkeypatch.setattr(RunFolder, "log", broken)
    assert __main__.main(["logs", "films-done"]) == 1
    told = capsys.readouterr()
    assert told.err == "/data/log.txt: Input/output error\n  python -m kblib doctor\n"


def test_models_take_names(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr("kblib.embedded.make_models", lambda _, names: asked.append(names))
    assert __main__.main(["models"]) == __main__.main(["models", "kb-mini-masked"]) == 0
    assert asked == [[], ["kb-mini-masked"]]


def test_unknown_model_is_told_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["models", "kb-maxi"]) == 1
    assert capsys.readouterr().err.startswith("ModelError: No embedded model is called 'kb-maxi'.")


def test_connect_says_where_no_connection_is_needed_and_how_to_have_one(
    tmp_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_home / "config"))
    assert __main__.main(["connect", "meluxina"]) == 0
    first, then = capsys.readouterr().out.splitlines()
    assert first == "Site 'meluxina' is reached without a connection: via = \"here\"."
    own = tmp_home / "config" / "kbnotebooks" / "sites" / "meluxina.toml"
    assert then.endswith(f'From elsewhere, write into {own}: via = "ssh:ALIAS"')
