"""Which nodes are slow, what a preflight says, and one on emulated nodes."""

from __future__ import annotations

import random
import statistics
import sys
from typing import Any

import pytest
from kblib.hpc.emulator import Emulator

from kblib import settings
from kblib.cluster import Run, preflight
from kblib.cluster.preflight import NodeSpeeds, node_speeds, send_preflight
from kblib.cluster.resources import Resources
from kblib.cluster.slow_nodes import slow_nodes
from kblib.errors import RunError, SiteError
from kblib.jobs.probe import Probe
from kblib.runs import RunFolder
from tests.cluster.gangs import START_S

SMALL: dict[str, Any] = {
    "ranks_per_node": 1,
    "gpus_per_node": 0,
    "cores_per_node": 1,
    "memory_gib": 4,
}


def nodes(*values: float, what: str = "matmul_tflops") -> list[dict[str, Any]]:
    return [{"node": f"gn{number}", what: value} for number, value in enumerate(values, start=1)]


def names(found: list[dict[str, Any]], share: float = 0.9) -> list[str]:
    return [one.node for one in slow_nodes(found, {"matmul_tflops": share})]


def test_node_far_below_the_others_is_named_with_its_number_and_the_median() -> None:
    (slow,) = slow_nodes(nodes(10.0, 10.1, 9.9, 7.0), {"matmul_tflops": 0.9})
    assert (slow.node, slow.what, slow.value) == ("gn4", "matmul_tflops", 7.0)
    assert slow.median == pytest.approx(9.95)


def test_two_nodes_are_too_few_to_say() -> None:
    assert names(nodes(10.0, 1.0)) == []
    assert names(nodes(10.0, 10.0, 1.0)) == ["gn3"]


def test_slow_nodes_do_not_hide_each_other_while_most_are_sound() -> None:
    """A mean and a standard deviation would: five sound nodes and four slow ones."""
    values = [10.0, 10.1, 9.9, 10.05, 9.95, 5.0, 5.1, 4.9, 5.0]
    mean, deviation = statistics.mean(values), statistics.stdev(values)
    assert all(value > mean - 3.5 * deviation for value in values)
    assert names(nodes(*values)) == ["gn6", "gn7", "gn8", "gn9"]


def test_nodes_that_agree_are_not_slow_however_small_the_spread() -> None:
    assert names(nodes(10.0, 10.0, 10.0, 9.2)) == []


def test_nodes_that_scatter_are_not_slow_for_being_the_last() -> None:
    assert names(nodes(10.0, 8.0, 6.0, 4.0)) == []


def test_fast_node_is_no_fault() -> None:
    assert names(nodes(10.0, 10.1, 9.9, 20.0)) == []


def test_node_without_a_value_is_passed_over() -> None:
    assert names([*nodes(10.0, 10.1, 5.0), {"node": "gn9"}]) == ["gn3"]


@pytest.mark.parametrize("n", [3, 4, 8, 24])
def test_false_alarms_are_rare(n: int) -> None:
    """Sound nodes that scatter by 5 %: one in twenty preflights at most names one of them."""
    draw = random.Random(n)
    trials = 400
    alarms = sum(
        bool(names(nodes(*(draw.gauss(1, 0.05) for _ in range(n))))) for _ in range(trials)
    )
    assert alarms / trials < 0.08  # 5 % and three standard errors


def speeds(*values: float) -> NodeSpeeds:
    found = tuple(nodes(*values))
    return NodeSpeeds(
        "preflight-lumi", "lumi", found, tuple(slow_nodes(found, {"matmul_tflops": 0.9})), {}
    )


def test_verdict_names_the_slow_and_the_next_step_leaves_them_out() -> None:
    found = speeds(10.0, 10.1, 9.9, 7.0)
    assert found.verdict == "Slow are gn4: matmul_tflops 7, median 9.95."
    assert found.next_step == "kb.submit(job, site=\"lumi\", exclude=['gn4'])"
    assert list(found.table["slow"]) == ["", "", "", "matmul_tflops"]
    assert repr(found).splitlines()[-1] == f"  {found.next_step}"


def test_verdict_of_sound_nodes_has_no_next_step() -> None:
    found = speeds(10.0, 10.1, 9.9)
    assert (found.verdict, found.next_step) == ("None of the 3 nodes is slow.", "")


def test_verdict_of_two_says_what_is_needed() -> None:
    assert speeds(10.0, 5.0).verdict == (
        "To say which node is slow at least 3 must be measured: "
        "of two that differ either may be the slow one."
    )


def test_excluded_nodes_stand_in_the_script() -> None:
    from kblib.cluster.render import Script, render
    from kblib.sites import cluster_of, load_site

    script = Script("films", settings.runs_folder() / "log.txt", ["true"], exclude=["gn3"])
    text = render(script, cluster_of(load_site("emulator")), Resources(exclude=["gn1", "gn3"]))
    assert "#SBATCH --exclude=gn1,gn3\n" in text


@pytest.mark.parametrize("given", ["gn2", ["gn2; rm"], [""]])
def test_nodes_to_exclude_are_a_list_of_names(given: Any) -> None:
    with pytest.raises(SiteError, match=r"A list of names of nodes was expected"):
        Resources(exclude=given)


def test_one_machine_has_no_nodes_to_compare() -> None:
    with pytest.raises(SiteError, match="Site 'local' has the scheduler 'none'"):
        preflight(site="local")


@pytest.mark.slurm
def test_emulated_nodes_are_measured_each(
    emulator: Emulator, tmp_home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_EMULATOR", str(emulator.folder))
    probe = Probe(seconds=0.1, reduce_mib=1, disk_mib=1)
    asked = {"site": "emulator", "nodes": 3, "probe": probe, **SMALL}
    run = send_preflight(**asked)
    assert send_preflight(**asked).name == run.name, "one that is under way is attached to"
    found = preflight(timeout_s=START_S, **asked) if not run.state.over else node_speeds(run)
    table = found.table
    assert list(table["node"]) == ["gn1", "gn2", "gn3"]
    assert (table[["matmul_tflops", "all_reduce_gb_s", "write_mb_s", "read_mb_s"]] > 0).all().all()
    assert found.provenance["backend"] == "gloo"
    assert Run.open(run.name).state.phase.value == "done"
    assert sorted(path.name for path in RunFolder(run.folder).result.iterdir()) == ["nodes.json"]


def test_run_that_is_no_preflight_has_no_speeds(tmp_home: Any) -> None:
    RunFolder.create(settings.runs_folder() / "films", {"module": "other", "site": "local"})
    with pytest.raises(RunError, match="Run 'films' has no measured nodes"):
        node_speeds(Run.open("films"))


def test_damaged_run_of_an_earlier_preflight_stands_in_nobodys_way(
    tmp_home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    module = sys.modules[send_preflight.__module__]
    monkeypatch.setattr(module, "begin_run", lambda run, *, new: begun.append(run.name))
    first = send_preflight(site="emulator", nodes=3)
    assert send_preflight(site="emulator", nodes=3).name == first.name
    RunFolder(first.folder).config_file.write_text("{")
    again = send_preflight(site="emulator", nodes=3)
    assert begun == [first.name, again.name] == ["preflight-emulator-3", "preflight-emulator-3-r2"]


def test_refused_preflight_leaves_nothing(tmp_home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_EMULATOR", str(tmp_home / "none"))
    with pytest.raises(SiteError, match="No emulated cluster is up"):
        send_preflight(site="emulator", nodes=3)
    assert list(settings.runs_folder().iterdir()) == []
