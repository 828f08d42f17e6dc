"""Preflight: a short job that measures each node before a long one is sent there."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Unpack

import pandas as pd

import kblib
from kblib import files, settings, sites
from kblib.cluster import mirror, remote
from kblib.cluster.resources import Asked, Resources
from kblib.cluster.run import Run
from kblib.cluster.slow_nodes import LEAST_NODES, Slow, slow_nodes
from kblib.cluster.submit import begin_run
from kblib.errors import IntegrityError, RunError
from kblib.jobs.probe import MODULE, Probe
from kblib.jobs.specs import require_training_part
from kblib.runs import RunFolder, list_runs

_ALIKE = {"matmul_tflops": 0.9, "all_reduce_gb_s": 0.8, "write_mb_s": 0.5, "read_mb_s": 0.5}
"""Processors of one kind agree to some per cent; a disk that all share gives each what is left."""
COLUMNS = tuple(_ALIKE)
_WALLTIME_HOURS = 0.1
"""Two minutes of work at most; on a busy disk Python takes as long to start."""


@dataclass(frozen=True)
class NodeSpeeds:
    """What a preflight found.

    Parameters
    ----------
    run
        The name of its run.
    site
        Where it was.
    nodes
        A mapping a node: its name and what was measured, each the value of its slowest rank.
    slow
        Nodes that are slow, and in what; always empty with fewer than three nodes.
    provenance
        Device, sizes, versions, day.
    """

    run: str
    site: str
    nodes: tuple[Mapping[str, Any], ...]
    slow: tuple[Slow, ...]
    provenance: Mapping[str, Any]

    @property
    def table(self) -> pd.DataFrame:
        """One row a node.

        Columns: ``matmul_tflops`` (TFLOP/s of a rank while all multiply), ``all_reduce_gb_s`` (GB/s
        on the bus, median over pairs with other nodes), ``write_mb_s`` and ``read_mb_s`` (MB/s, all
        nodes at once), ``slow`` (what it is slow in).
        """
        rows = []
        for node in self.nodes:
            found = [one.what for one in self.slow if one.node == node["node"]]
            numbers = {name: node.get(name) for name in COLUMNS}
            rows.append({"node": node["node"], **numbers, "slow": ", ".join(found)})
        return pd.DataFrame(rows, columns=["node", *COLUMNS, "slow"])

    @property
    def slow_names(self) -> list[str]:
        """The names of the nodes that are slow in something."""
        return list(dict.fromkeys(one.node for one in self.slow))

    @property
    def verdict(self) -> str:
        """What the numbers say, in a sentence or two."""
        if len(self.nodes) < LEAST_NODES:
            return (
                f"To say which node is slow at least {LEAST_NODES} must be measured: "
                "of two that differ either may be the slow one."
            )
        if not self.slow:
            return f"None of the {len(self.nodes)} nodes is slow."
        told = (f"{s.node}: {s.what} {s.value:.3g}, median {s.median:.3g}" for s in self.slow)
        return f"Slow are {'; '.join(told)}."

    @property
    def next_step(self) -> str:
        """The line that leaves the slow nodes out; empty if none is slow."""
        if not self.slow:
            return ""
        return f'kb.submit(job, site="{self.site}", exclude={self.slow_names!r})'

    def __repr__(self) -> str:
        lines = [self.table.to_string(index=False, float_format="{:.3g}".format), self.verdict]
        return "\n".join([*lines, *([f"  {self.next_step}"] if self.next_step else [])])


def preflight(
    *,
    site: str,
    probe: Probe | None = None,
    timeout_s: float | None = None,
    **resources: Unpack[Asked],
) -> NodeSpeeds:
    """Measure nodes with a short job, and wait for its result.

    Matrix products, the bandwidth of all_reduce between nodes, and the disk of the runs. One that
    still waits or runs for the same nodes is attached to, so the cell can be run again.

    Parameters
    ----------
    site
        A site with a scheduler.
    probe
        How much is measured; by default what takes less than a minute.
    timeout_s
        How long to wait; by default until it is over, the time in the queue included.
    **resources
        The fields of `Resources`, such as ``nodes``: with three or more of them it can be said
        which one is slow.

    Raises
    ------
    SiteError
        If the site is unknown, does not have what is asked for, or refuses the job.
    RunError
        If it fails, or is not over in time; then it goes on, and the call can be repeated.
    """
    run = send_preflight(site=site, probe=probe, **resources)
    run.wait(timeout_s)
    return node_speeds(run)


def send_preflight(*, site: str, probe: Probe | None = None, **resources: Unpack[Asked]) -> Run:
    """Queue a preflight and return its run at once; `preflight` waits for the result."""
    cluster = sites.cluster_of(sites.load_site(site))
    require_training_part()
    settings.writable_home()
    resources.setdefault("walltime_hours", min(_WALLTIME_HOURS, cluster.walltime_hours))
    filled = Resources.of(resources).at(cluster)
    config = {
        "job": (probe or Probe()).to_dict(),
        "module": MODULE,
        "site": site,
        "ranks": filled.ranks,
        "resources": asdict(filled),
        "no_dask": "A preflight measures the nodes with nothing beside the ranks.",
        "versions": {"kbnotebooks": kblib.__version__, "python": platform.python_version()},
    }
    under_way = _under_way(config)
    return under_way or _sent(f"preflight-{site}-{filled.nodes}", config)


def node_speeds(run: Run) -> NodeSpeeds:
    """Return what the run of a preflight has found.

    Raises
    ------
    RunError
        If it is no preflight, or has no result.
    """
    folder = RunFolder(run.folder)
    if mirror.is_mirror(folder):
        remote.fetch_result(folder)
    if run.config["module"] != MODULE or not folder.measured_file.exists():
        raise RunError(
            f"Run '{run.name}' has no measured nodes.",
            f"It is {run.state.phase.value}; a preflight that is done was expected.",
            f'kb.preflight(site="{run.config["site"]}", nodes=3)',
        )
    found = files.read_json(folder.measured_file)
    nodes = tuple(found.pop("nodes"))
    provenance = {"run": run.name, "site": run.config["site"], **found}
    slow = tuple(slow_nodes(nodes, _ALIKE))
    return NodeSpeeds(run.name, run.config["site"], nodes, slow, provenance)


def _under_way(config: Mapping[str, Any]) -> Run | None:
    """Return the run of an equal preflight that is not over, if there is one."""
    # As JSON keeps it: a tuple is a list there.
    asked = {**config, "resources": Resources(**config["resources"])}
    for folder in list_runs():
        if not folder.name.startswith("preflight-") or folder.is_of_another_user:
            continue
        run = Run(folder)
        with suppress(IntegrityError):  # one that is damaged is no other one's concern
            known = {**run.config, "resources": Resources(**run.config["resources"])}
            if all(known.get(name) == asked[name] for name in asked) and not run.state.over:
                return run
    return None


def _sent(name: str, config: Mapping[str, Any]) -> Run:
    """Make a run folder of a new number and queue its job; one that is refused leaves nothing."""
    number = 1
    while True:
        path = settings.runs_folder() / (name if number == 1 else f"{name}-r{number}")
        try:
            run = Run(RunFolder.create(path, {**config, "submitted": time.time()}))
            break
        except FileExistsError:
            number += 1
    begin_run(run, new=True)
    return run
