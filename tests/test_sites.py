from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kblib import sites
from kblib.errors import SiteError

SHIPPED = Path(__file__).resolve().parents[1] / "hpc" / "sites"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of a user's own site files."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "config" / "kbnotebooks" / "sites"
    folder.mkdir(parents=True)
    return folder


def test_local_site_needs_no_scheduler() -> None:
    site = sites.load_site("local")
    assert (site.name, site.scheduler) == ("local", "none")


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_file_says_its_name_and_of_every_table_source_and_date(path: Path) -> None:
    facts = tomllib.loads(path.read_text(encoding="utf-8"))
    assert facts["name"] == path.stem
    tables = {name: table for name, table in facts.items() if isinstance(table, dict)}
    assert tables or facts["scheduler"] == "none"
    for table in tables.values():
        assert table["source"]
        assert isinstance(table["date"], date)


@pytest.mark.parametrize("name", [name for name in sites.known_sites() if name != "local"])
def test_facts_of_a_cluster_are_read(name: str) -> None:
    cluster = sites.cluster_of(sites.load_site(name))
    assert cluster.name == name
    assert cluster.node.cores >= cluster.node.gpus > 0
    assert 0 < cluster.most_nodes <= cluster.node.count


def test_missing_and_wrong_facts_are_said_with_where_to_mend_them(own: Path) -> None:
    (own / "mine.toml").write_text('scheduler = "slurm"\n[slurm]\npartition = "gpu"\n')
    with pytest.raises(SiteError, match=r"has no 'count' under \[node\]"):
        sites.cluster_of(sites.load_site("mine"))
    (own / "mine.toml").write_text('scheduler = "slurm"\n[node]\ncount = "many"\n')
    with pytest.raises(SiteError, match=r"says count = 'many' under \[node\]\. A whole number"):
        sites.cluster_of(sites.load_site("mine"))
    with pytest.raises(SiteError, match="has the scheduler 'none'"):
        sites.cluster_of(sites.load_site("local"))


def test_unknown_site_lists_the_known_and_where_to_describe_it(own: Path) -> None:
    (own / "mine.toml").write_text('scheduler = "none"\n')
    shipped = sorted(path.stem for path in SHIPPED.glob("*.toml"))
    with pytest.raises(SiteError) as caught:
        sites.load_site("mars")
    assert str(caught.value) == (
        f"No site named 'mars'. Known here: {', '.join(sorted([*shipped, 'mine']))}.\n"
        f"  Describe it in {own}/mars.toml"
    )


def test_own_site_is_found(own: Path) -> None:
    (own / "mine.toml").write_text('scheduler = "slurm"\n[slurm]\naccount = "a1"\n')
    site = sites.load_site("mine")
    assert site.scheduler == "slurm"
    assert site.facts["slurm"] == {"account": "a1"}


def test_overlay_changes_what_it_names_and_nothing_else(own: Path) -> None:
    shipped = sites.load_site("local").facts
    (own / "local.toml").write_text('title = "my laptop"\n[extra]\na = 1\n')
    facts = sites.load_site("local").facts
    assert facts == {**shipped, "title": "my laptop", "extra": {"a": 1}}


def test_overlay_of_a_table_goes_into_it() -> None:
    below = {"slurm": {"partition": "gpu", "account": None}, "nodes": {"a": {"gpus": 4}}}
    above = {"slurm": {"account": "a1"}, "nodes": {"a": {"cores": 64}}}
    assert sites.files._laid_over(below, above) == {
        "slurm": {"partition": "gpu", "account": "a1"},
        "nodes": {"a": {"gpus": 4, "cores": 64}},
    }


def test_site_without_a_scheduler_is_refused(own: Path) -> None:
    (own / "mine.toml").write_text('title = "mine"\n')
    with pytest.raises(SiteError) as caught:
        sites.load_site("mine")
    assert str(caught.value) == (
        "The file of site 'mine' has no 'scheduler'. It says how jobs are started.\n"
        '  Add the line: scheduler = "none"'
    )


def test_file_that_is_no_toml_is_named(own: Path) -> None:
    (own / "mine.toml").write_text("scheduler = none\n")
    with pytest.raises(SiteError) as caught:
        sites.load_site("mine")
    assert str(caught.value) == (
        f"{own}/mine.toml cannot be read: Invalid value (at line 1, column 13). "
        "A file in TOML was expected.\n"
        '  Texts stand in quotation marks there: account = "your-project"'
    )


def test_known_sites_are_those_shipped_and_own(own: Path) -> None:
    before = sites.known_sites()
    (own / "mine.toml").write_text("")
    (own / "notes.txt").write_text("")
    assert sites.known_sites() == sorted([*before, "mine"])


def test_machine_has_the_cores_this_process_may_use() -> None:
    code = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
    code += "from kblib.sites import this_machine; print(this_machine().cores)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
    assert sites.this_machine().cores == len(os.sched_getaffinity(0))


def test_machine_has_no_more_memory_than_its_tightest_control_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    groups = [sites.MemoryGroup(limit=3 << 29, free=1 << 20), sites.MemoryGroup(1 << 50, 1 << 50)]
    monkeypatch.setattr(sites.machine, "memory_groups", lambda: groups)
    assert sites.this_machine().memory_gib == 1.5


def test_machine_has_no_more_memory_than_the_kernel_says() -> None:
    lines = Path("/proc/meminfo").read_text().splitlines()
    total_kib = int(next(line for line in lines if line.startswith("MemTotal:")).split()[1])
    assert 0 < sites.this_machine().memory_gib <= total_kib / 2**20 + 1e-6


@pytest.mark.skipif(
    Path("/dev/nvidiactl").exists() or Path("/dev/kfd").exists(), reason="there is a GPU here"
)
def test_machine_without_a_driver_has_no_gpu() -> None:
    assert sites.this_machine().gpus == 0


@pytest.mark.parametrize("name", ["MeluXina", "meluxena", "melu-xina"])
def test_site_written_otherwise_is_told_with_the_nearest(own: Path, name: str) -> None:
    with pytest.raises(SiteError, match=r'Did you mean site="meluxina"\?'):
        sites.load_site(name)


def test_number_is_no_site(own: Path) -> None:
    number: Any = 3
    with pytest.raises(SiteError, match="No site named '3'"):
        sites.load_site(number)
