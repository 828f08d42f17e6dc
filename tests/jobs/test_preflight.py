"""What a preflight measures, on one rank; several nodes are measured in tests/cluster."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
import torch

from kblib import files
from kblib.errors import JobError, RunError
from kblib.jobs.exit_codes import DONE, STOPPED
from kblib.jobs.preflight import NodeProbe, bus_gb_s, pairings
from kblib.jobs.probe import MODULE, Probe
from kblib.jobs.rank import Ranks
from kblib.runs import RunFolder

ALONE = Ranks(0, 1, torch.device("cpu"))


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Give the folder of a preflight of one node."""
    probe = Probe(seconds=0.01, reduce_mib=1, disk_mib=1)
    config = {"job": probe.to_dict(), "module": MODULE, "resources": {"nodes": 1}}
    return RunFolder.create(tmp_path / "preflight", config)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 8, 25])
def test_every_two_nodes_meet_once_and_none_is_twice_in_a_round(n: int) -> None:
    rounds = list(pairings(n))
    met = [tuple(sorted(pair)) for pairs in rounds for pair in pairs]
    assert sorted(met) == list(combinations(range(n), 2))
    for pairs in rounds:
        nodes = [node for pair in pairs for node in pair]
        assert len(nodes) == len(set(nodes))
        assert len(nodes) >= n - 1


def test_one_node_meets_nobody() -> None:
    assert [pairs for pairs in pairings(1) if pairs] == []


def test_bandwidth_is_that_of_nccl_tests() -> None:
    """Their example: of n ranks each link carries 2 (n - 1) / n of the bytes."""
    assert bus_gb_s(1_000_000_000, 2, 1.0) == pytest.approx(1.0)
    assert bus_gb_s(1_000_000_000, 8, 0.5) == pytest.approx(3.5)


def test_one_node_is_measured_and_leaves_only_its_result(run: RunFolder) -> None:
    assert NodeProbe(run, 1, ALONE).carry_out(lambda: False) == DONE  # type: ignore[arg-type]
    found = files.read_json(run.measured_file)
    (node,) = found["nodes"]
    assert set(node) == {"node", "matmul_tflops", "write_mb_s", "read_mb_s"}
    assert all(value > 0 for name, value in node.items() if name != "node")
    assert [path.name for path in run.result.iterdir()] == ["nodes.json"]
    assert [one["step"] for one in run.metrics()] == [1, 2, 3, 4]


def test_disk_is_given_the_bytes_that_were_asked_for(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    unlink = Path.unlink

    def watched(path: Path, missing_ok: bool = False) -> None:
        if path.name == ".node-0":
            sizes.append(path.stat().st_size)
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", watched)
    NodeProbe(run, 1, ALONE).carry_out(lambda: False)  # type: ignore[arg-type]
    assert sizes == [1 << 20]


def test_preflight_stops_on_request(run: RunFolder) -> None:
    probe = NodeProbe(run, 0, ALONE)
    run.ask_to_stop("anna")
    assert probe.carry_out(lambda: True) == STOPPED  # type: ignore[arg-type]


def test_preflight_does_not_begin_anew_at_the_end_of_its_wall_time(run: RunFolder) -> None:
    with pytest.raises(RunError, match="The wall time was over before all nodes were measured"):
        NodeProbe(run, 1, ALONE).carry_out(lambda: True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given", [{"seconds": 21}, {"seconds": 0}, {"disk_mib": True}, {"reduce_mib": "64"}]
)
def test_impossible_probe_is_refused(given: dict[str, object]) -> None:
    ((name, value),) = given.items()
    with pytest.raises(JobError) as caught:
        Probe(**given)  # type: ignore[arg-type]
    assert caught.value.happened == f"A probe got {name}={value!r}."
    assert f"Probe({name}=" in caught.value.next_step


def test_probe_is_kept_as_plain_data() -> None:
    probe = Probe(seconds=1.5, disk_mib=8)
    assert Probe.from_dict(probe.to_dict()) == probe
