"""What a benchmark hands back, and the line on the machine."""

from __future__ import annotations

from pathlib import Path

from benchmarks.outcome import Outcome, aligned, measured, processor


def test_missed_bars_stand_first_in_the_note() -> None:
    result = measured("speed", "Speed", ["what"], [["x"]], "Nine pairs.", ["numpy"])
    assert Outcome(result, ("Missed: a.", "Missed: b.")).said().note == (
        "Missed: a. Missed: b. Nine pairs."
    )
    assert Outcome(result).said() == result


def test_measured_names_command_and_versions() -> None:
    result = measured("speed", "Speed", [], [], "", ["numpy"])
    assert result.command == 'make bench ARGS="speed"'
    assert "GiB, Python 3." in result.machine
    assert ", numpy 2." in result.machine


def test_processor_is_told_with_family_and_model(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(
        "processor\t: 0\ncpu family\t: 6\nmodel\t\t: 207\nmodel name\t: Xeon\n\nprocessor\t: 1\n"
    )
    assert processor(cpuinfo) == "Xeon (family 6, model 207)"


def test_processor_without_the_file_is_still_told(tmp_path: Path) -> None:
    assert processor(tmp_path / "none")


def test_aligned_columns_are_as_wide_as_their_widest_cell() -> None:
    assert aligned(["what", "n"], [["loop", 12345], ["b", 1]]) == (
        "what  n\n----  -----\nloop  12345\nb     1"
    )
