"""What is typed wrong when a cluster is asked for something, and what is said then."""

from __future__ import annotations

from typing import Any

import pytest

from kblib import sites
from kblib.cluster.resources import Resources
from kblib.errors import SiteError
from kblib.sites import Cluster


@pytest.fixture
def cluster() -> Cluster:
    """Give the emulator's facts: 4 nodes of 4 GPUs, 64 cores and 480 GiB, 48 h."""
    return sites.cluster_of(sites.load_site("emulator"))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"nodes": "2"}, "nodes='2' was asked for. A whole number was expected."),
        ({"nodes": 1.5}, "nodes=1.5 was asked for. A whole number was expected."),
        ({"nodes": None}, "nodes=None was asked for."),
        ({"gpus_per_node": True}, "gpus_per_node=True was asked for."),
        (
            {"walltime_hours": "12:00:00"},
            "A number of hours was expected.\n  kb.submit(job, site=..., walltime_hours=8.5)",
        ),
        ({"memory_gib": "64G"}, "memory_gib='64G' was asked for. A number of GiB was expected."),
        ({"account": 46}, "account=46 was asked for. A name was expected."),
        ({"partition": "gpu\n#SBATCH --exclusive"}, "A name was expected."),
    ],
)
def test_another_kind_of_value_is_refused_in_plain_words(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(SiteError) as caught:
        Resources.of(asked)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("node", "nodes"), ("gpu_per_node", "gpus_per_node"), ("walltime", "walltime_hours")],
)
def test_misspelt_resource_is_told_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(SiteError) as caught:
        Resources.of({name: 2})
    assert str(caught.value).startswith(f"There is no {name}= to be asked of a site. There is: ")
    assert caught.value.next_step == f"kb.submit(job, site=..., {nearest}=...)"


@pytest.mark.parametrize("what", ["cores_per_node", "memory_gib", "walltime_hours"])
def test_nothing_is_not_taken_for_all_there_is(what: str, cluster: Cluster) -> None:
    with pytest.raises(SiteError, match=f"^{what}=0 was asked of site 'emulator'"):
        Resources(**{what: 0}).at(cluster)


def test_what_is_left_open_is_what_the_site_has(cluster: Cluster) -> None:
    filled = Resources.of({"nodes": 2, "walltime_hours": 12}).at(cluster)
    assert (filled.gpus_per_node, filled.cores_per_node, filled.memory_gib) == (4, 64, 480)
    assert (filled.walltime_hours, filled.ranks) == (12, 8)
