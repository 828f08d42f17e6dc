from __future__ import annotations

from pathlib import Path

import pytest

from kblib.errors import ModelError
from kblib.models import memory
from kblib.models.memory import GIB, check_memory, fits_memory, free_bytes, needed_bytes


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{content}\n", encoding="ascii")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with 8 GiB free."""
    write(tmp_path / "proc/meminfo", f"MemTotal: 99 kB\nMemAvailable: {8 * GIB // 1024} kB\nX: 1")
    return tmp_path


def group(folder: Path, limit: object, used: int, cached: int = 0) -> None:
    write(folder / "memory.max", limit)
    write(folder / "memory.current", used)
    write(folder / "memory.stat", f"anon {used - cached}\ninactive_file {cached}")


def test_machine_alone_decides_without_control_groups(machine: Path) -> None:
    assert free_bytes(machine) == 8 * GIB


def test_tightest_control_group_on_the_way_up_decides(machine: Path) -> None:
    write(machine / "proc/self/cgroup", "0::/slurm/job_7/step_0")
    base = machine / "sys/fs/cgroup"
    group(base / "slurm/job_7/step_0", "max", GIB)
    group(base / "slurm/job_7", 2 * GIB, GIB, cached=GIB // 4)
    group(base / "slurm", 100 * GIB, 3 * GIB)
    assert free_bytes(machine) == 2 * GIB - GIB + GIB // 4


def test_container_sees_its_own_limit_at_the_root(machine: Path) -> None:
    write(machine / "proc/self/cgroup", "0::/")
    group(machine / "sys/fs/cgroup", GIB, GIB // 2)
    assert free_bytes(machine) == GIB // 2


def test_first_version_of_control_groups_is_read(machine: Path) -> None:
    write(machine / "proc/self/cgroup", "12:cpu:/user\n5:memory:/hub/anna")
    folder = machine / "sys/fs/cgroup/memory/hub/anna"
    write(folder / "memory.limit_in_bytes", 3 * GIB)
    write(folder / "memory.usage_in_bytes", GIB)
    assert free_bytes(machine) == 2 * GIB


def test_unknown_machine_fits_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert free_bytes(tmp_path) is None
    monkeypatch.setattr(memory, "free_bytes", lambda: None)
    assert fits_memory(10**12)


def test_bert_base_needs_about_what_was_measured() -> None:
    assert needed_bytes(124_742_805) == pytest.approx(0.7 * GIB, rel=0.1)


def test_model_that_does_not_fit_is_refused_in_gib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: GIB)
    assert fits_memory(124_000_000)
    assert not fits_memory(370_000_000)
    with pytest.raises(ModelError) as refused:
        check_memory("KBLab/large", 370_000_000)
    assert str(refused.value) == (
        "The model 'KBLab/large' has 370 million parameters and needs about 1.7 GiB of memory; "
        "1.0 GiB are free. It would be stopped by the system while loading.\n"
        "  Close other notebooks (Kernel, Shut Down), or take a smaller model from catalog()."
    )
