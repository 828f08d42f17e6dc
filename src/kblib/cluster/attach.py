"""How a notebook gets hold of the Dask that stands beside the ranks of a run."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from kblib.cluster import gang
from kblib.cluster.access import is_elsewhere
from kblib.cluster.tls import require_dask, security
from kblib.errors import RunError
from kblib.runs import Phase, RunFolder, RunState

if TYPE_CHECKING:
    from distributed import Client

_BY = "From submit on: kb.submit(job, site=..., fresh=True)"


def reason_for_none(wanted: bool) -> str:
    """Return why a run is submitted without Dask, in a sentence; empty if it has one."""
    if not wanted:
        return "It was submitted with dask=False."
    missing = [name for name in ("cryptography", "dask", "distributed") if find_spec(name) is None]
    if missing:
        return f"Where it was submitted, {', '.join(missing)} cannot be imported."
    return ""


def client_of(run: RunFolder, state: RunState, timeout_s: float) -> Client:
    """Return a client of the Dask beside a run.

    Raises
    ------
    RunError
        If there is none, and why; or if it does not answer in time.
    MissingPartError
        If Dask is not installed here.
    """
    require_dask()
    _check_there_is_one(run, state)
    address = run.scheduler_address()
    if address is None:
        raise RunError(
            f"The Dask of run '{run.name}' is not up.",
            "It is started after the first step of the ranks, and again when it was lost.",
            "Try again in a minute; what became of it: run.events()",
        )
    from distributed import Client

    keys = security(run)
    try:
        return Client(address, security=keys, timeout=timeout_s, set_as_default=False)
    except OSError as error:
        raise RunError(
            f"The Dask of run '{run.name}' at {address} does not answer: {error}.",
            "It was lost a moment ago, or this machine does not reach the nodes.",
            "Try again in a minute; the ranks go on without it, and run.telemetry() needs none.",
        ) from None


def _check_there_is_one(run: RunFolder, state: RunState) -> None:
    config = run.config()
    no_dask = str(config.get("no_dask", ""))
    if "resources" not in config:
        happened = f"Run '{run.name}' has no Dask: it is carried out on one machine."
        raise RunError(happened, "Dask stands beside the ranks of a cluster.")
    if no_dask:
        raise RunError(f"Run '{run.name}' has no Dask.", no_dask, _BY)
    _check_it_is_here(run)
    if state.phase is not Phase.RUNNING:
        raise RunError(
            f"Run '{run.name}' has no Dask now: it is {state.phase.value}.",
            "Dask stands beside ranks that train.",
            f"What the run does: kb.Run.open('{run.name}').state",
        )


def _check_it_is_here(run: RunFolder) -> None:
    cluster = gang.cluster_of_run(run)
    if is_elsewhere(cluster):
        raise RunError(
            f"The Dask of run '{run.name}' is reached on site '{cluster.name}' only.",
            "The keys of a run do not leave the cluster, and its nodes seldom let others in.",
            f"On a login node there: kb.Run.open('{run.name}').client(). "
            "What the nodes do is seen from here: run.telemetry()",
        )
