"""How busy nodes are: what is read, how often, and what is written down."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import psutil
import pytest

from kblib import settings
from kblib.cluster import telemetry
from kblib.cluster.telemetry import (
    EVERY_S,
    NodeReader,
    TelemetryWriter,
    busy_percent,
    gpu_memory_gib,
    telemetry_table,
)
from kblib.runs import RunFolder

GIB = 2**30


@pytest.fixture
def run(tmp_home: Path) -> RunFolder:
    return RunFolder.create(settings.runs_folder() / "films", {"site": "emulator"})


@pytest.fixture
def no_nvidia(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry.shutil, "which", lambda name: None)


def nvidia_smi(folder: Path, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program of that name first, which says what NVIDIA's would."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{says}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def reading(node: str, time: float) -> dict[str, object]:
    return {
        "time": time,
        "node": node,
        "cpu_percent": 50.0,
        "memory_gib": 1.0,
        "memory_total_gib": 4.0,
        "gpu_memory_gib": None,
        "gpu_memory_total_gib": None,
    }


def test_reading_is_of_this_machine() -> None:
    found = NodeReader(nodes=2)()
    assert found["node"] == socket.gethostname() == telemetry.node_name()
    assert found["memory_total_gib"] == pytest.approx(psutil.virtual_memory().total / GIB, abs=1e-3)
    assert 0 < found["memory_gib"] < found["memory_total_gib"]
    assert 0 <= found["cpu_percent"] <= 100


def test_node_has_the_name_that_slurm_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURMD_NODENAME", "mel2001")
    assert NodeReader(nodes=1)()["node"] == "mel2001"


def test_work_of_cores_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([(100.0, 1000.0), (130.0, 1040.0), (130.0, 1080.0)])
    monkeypatch.setattr(telemetry, "core_seconds", lambda: next(looks))
    reader = NodeReader(nodes=1)
    assert reader(now=0.0)["cpu_percent"] == 75.0
    assert reader(now=EVERY_S)["cpu_percent"] == 0.0


def test_cores_that_were_not_there_have_not_worked() -> None:
    assert busy_percent((1.0, 2.0), (1.0, 2.0)) == 0.0


def test_core_seconds_grow_as_the_clock_does() -> None:
    """Their sum is that of psutil, whose guests are counted twice."""
    worked, there = telemetry.core_seconds()
    times = psutil.cpu_times()
    assert 0 < worked <= there
    assert there == pytest.approx(sum(times[:8]), rel=1e-3)


def test_node_is_read_at_most_every_few_seconds() -> None:
    reader = NodeReader(nodes=2)
    times = [reader(now=now)["time"] for now in (0.0, 1.0, EVERY_S - 0.1, EVERY_S, EVERY_S + 1)]
    assert times == [0.0, 0.0, 0.0, EVERY_S, EVERY_S]


def test_many_nodes_are_read_more_rarely() -> None:
    """Together they write less than a line a second."""
    assert NodeReader(nodes=100).every_s >= 100


def test_memory_of_nvidias_gpus_is_added_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvidia_smi(tmp_path, "echo '1024, 40960'; echo '2048, 40960'", monkeypatch)
    assert gpu_memory_gib(tmp_path) == (3.0, 80.0)


@pytest.mark.parametrize("says", ["exit 9", "echo 'No devices were found'", "true"])
def test_nvidia_smi_without_gpus_is_no_error(
    tmp_path: Path, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvidia_smi(tmp_path, says, monkeypatch)
    assert gpu_memory_gib(tmp_path) == (None, None)


def test_memory_of_amds_gpus_is_added_up(tmp_path: Path, no_nvidia: None) -> None:
    for number, used in enumerate((1, 3)):
        device = tmp_path / f"card{number}" / "device"
        device.mkdir(parents=True)
        (device / "mem_info_vram_used").write_text(f"{used * GIB}\n")
        (device / "mem_info_vram_total").write_text(f"{64 * GIB}\n")
    assert gpu_memory_gib(tmp_path) == (4.0, 128.0)


def test_reading_is_written_once(run: RunFolder) -> None:
    writer = TelemetryWriter(run, attempt=2)
    for now in (10.0, 10.0, 15.0):
        writer.write([reading("gn1", now), reading("gn2", 10.0)])
    lines = [json.loads(line) for line in run.telemetry_file.read_text().splitlines()]
    assert [(one["node"], one["time"]) for one in lines] == [
        ("gn1", 10.0),
        ("gn2", 10.0),
        ("gn1", 15.0),
    ]
    assert {one["attempt"] for one in lines} == {2}


def test_half_a_line_of_a_killed_writer_is_cut_off(run: RunFolder) -> None:
    TelemetryWriter(run, attempt=1).write([reading("gn1", 1.0)])
    with open(run.telemetry_file, "a") as file:
        file.write('{"attempt": 1, "time": 6')
    TelemetryWriter(run, attempt=1).write([reading("gn1", 6.0)])
    assert list(telemetry_table(run)["time"]) == [1.0, 6.0]


def test_table_has_its_columns_without_readings(run: RunFolder) -> None:
    empty = telemetry_table(run)
    assert (len(empty), list(empty.columns)[:4]) == (0, ["time", "attempt", "node", "cpu_percent"])
    TelemetryWriter(run, attempt=1).write([reading("gn1", 1.0)])
    full = telemetry_table(run)
    assert list(full.dtypes) == list(empty.dtypes)
    assert full["gpu_memory_gib"].isna().all()
