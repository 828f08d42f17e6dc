"""Right answers of the lesson on the cluster: from the site file, and from the recorded run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kbnotebooks._answers import Exercise
from kbnotebooks._words import later

if TYPE_CHECKING:
    from kblib.cluster.resources import Resources

SITE, NODES, RECORDED = "meluxina", 24, "two-nodes"


def _asked() -> Resources:
    from kblib.cluster.resources import Resources
    from kblib.sites import cluster_of, load_site

    return Resources(nodes=NODES, account="ours").at(cluster_of(load_site(SITE)))


def _most_gpu_hours() -> float:
    asked = _asked()
    return asked.nodes * (asked.gpus_per_node or 0) * (asked.walltime_hours or 0.0)


def _steps_done_again() -> int:
    """Return how many steps the recorded run lost with its node, between checkpoint and end."""
    from kblib.cluster.replay import recording
    from kblib.jobs.exit_codes import INFRASTRUCTURE

    ends = [one for one in recording(RECORDED).last_attempts() if "ended" in one]
    return sum(
        int(one["step"]) - int(one["saved"]) for one in ends if one["exit_code"] == INFRASTRUCTURE
    )


CLUSTER = {
    "cluster-1": Exercise(
        lambda: _asked().ranks,
        later("nodes times ntasks-per-node; both stand in the script."),
        later("{right} processes train together, one a GPU; each step waits for the slowest."),
    ),
    "cluster-2": Exercise(
        _most_gpu_hours,
        later("nodes times gpus-per-node times the hours of 'time'."),
        later("{right} GPU-hours at most: a GPU that is held costs, whether it computes or waits."),
    ),
    "cluster-3": Exercise(
        _steps_done_again,
        later("run.attempts() has columns 'step' and 'saved'; look where a node was lost."),
        later("{right} steps were done twice. Saving often costs time, saving rarely costs steps."),
    ),
}
