"""Batch scripts: one for each site, compared line by line with those in tests/golden/scripts."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from kblib.cluster.render import Script, notice_s, render, walltime
from kblib.cluster.resources import Resources
from kblib.errors import SiteError
from kblib.sites import Cluster, cluster_of, known_sites, load_site

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "scripts"
CLUSTERS = [name for name in known_sites() if name != "local"]
SCRIPT = Script(
    name="films-12x768-1a2b3c4d",
    log=PurePosixPath("/runs/films-12x768-1a2b3c4d/log.txt"),
    command=["/env/bin/python", "-m", "kblib.cluster.gang_driver", "/runs/films-12x768-1a2b3c4d"],
    variables={"GLOO_SOCKET_IFNAME": "ib0"},
    exclude=["bad1", "bad7"],
)
ASKED = Resources(nodes=2, walltime_hours=11.5, account="project-1")


def cluster(name: str) -> Cluster:
    return cluster_of(load_site(name))


@pytest.mark.parametrize("name", CLUSTERS)
def test_script_of_a_site_is_the_golden_one(name: str) -> None:
    text = render(SCRIPT, cluster(name), ASKED)
    golden = GOLDEN / f"{name}.sh"
    if os.environ.get("KBNOTEBOOKS_GOLDEN") == "rewrite":
        golden.write_text(text, encoding="utf-8")
    assert golden.is_file(), f"{golden} is missing; make golden writes it"
    assert text == golden.read_text(encoding="utf-8")


def test_no_golden_script_is_left_over() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.sh")) == sorted(CLUSTERS)


def test_lumi_counts_dies_and_leonardo_asks_by_gres() -> None:
    lumi = render(SCRIPT, cluster("lumi"), ASKED)
    assert "#SBATCH --gpus-per-node=8" in lumi
    assert "#SBATCH --cpus-per-task=7" in lumi
    leonardo = render(SCRIPT, cluster("leonardo"), ASKED)
    assert "#SBATCH --gres=gpu:4" in leonardo
    assert "#SBATCH --cpus-per-task=8" in leonardo


def test_driver_takes_the_place_of_the_shell() -> None:
    last = render(SCRIPT, cluster("meluxina"), ASKED).rstrip().splitlines()[-1]
    assert last.startswith("exec /env/bin/python -m kblib.cluster.gang_driver ")


def test_container_stands_before_the_command() -> None:
    inside = replace(cluster("meluxina"), prefix="apptainer exec --nv image.sif")
    assert "exec apptainer exec --nv image.sif /env/bin/python" in render(SCRIPT, inside, ASKED)


def test_small_job_goes_where_the_site_wants_it() -> None:
    text = render(replace(SCRIPT, small=True), cluster("lumi"), replace(ASKED, nodes=1))
    assert "#SBATCH --partition=small-g" in text


def test_odd_characters_stay_one_word() -> None:
    odd = replace(SCRIPT, command=["python", "/runs/a b/$(rm x)"], variables={"A": "b; c"})
    text = render(odd, cluster("emulator"), Resources(nodes=1))
    assert "exec python '/runs/a b/$(rm x)'" in text
    assert "export A='b; c'" in text


@pytest.mark.parametrize(("hours", "notice"), [(1 / 60, 30), (0.05, 45), (0.5, 300), (48, 300)])
def test_notice_is_a_quarter_of_a_short_job(hours: float, notice: int) -> None:
    assert notice_s(hours) == notice


def test_walltime_is_never_nothing() -> None:
    assert walltime(0.001) == "00:01:00"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (Resources(nodes=5), "nodes=5 was asked of site 'emulator'. It has 4 nodes for one job."),
        (Resources(nodes=0), "nodes=0 was asked of site 'emulator'."),
        (Resources(gpus_per_node=5), "It has 4 GPUs (A100-40GB (emulated)) on a node."),
        (Resources(walltime_hours=49), "It has 48 hours for one job."),
        (Resources(cores_per_node=65), "It has 64 cores on a node."),
        (Resources(memory_gib=1000), "It has 480 GiB on a node."),
        (Resources(ranks_per_node=65), "ranks_per_node=65 was asked of site 'emulator'."),
    ],
)
def test_more_than_there_is_is_refused(asked: Resources, told: str) -> None:
    with pytest.raises(SiteError) as caught:
        asked.at(cluster("emulator"))
    assert told in str(caught.value)


def test_missing_account_is_said_with_the_line_to_add() -> None:
    with pytest.raises(SiteError) as caught:
        Resources().at(cluster("meluxina"))
    text = str(caught.value)
    assert "The file of site 'meluxina' has no 'account' under [slurm]." in text
    assert 'sites/meluxina.toml: [slurm] account = "your-project"' in text


def test_what_is_left_open_is_the_sites() -> None:
    filled = Resources(account="p1").at(cluster("vega"))
    assert (filled.gpus_per_node, filled.ranks_per_node, filled.cores_per_node) == (4, 4, 128)
    assert filled.partition == "gpu"
    assert filled.ranks == 4
