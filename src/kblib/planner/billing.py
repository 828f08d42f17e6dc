"""What a site bills: core-hours, node-hours or GPU-hours, as its own file says."""

from __future__ import annotations

from dataclasses import dataclass

from kblib import sites
from kblib.errors import SiteError
from kblib.sites.facts import overlay

_UNITS = {"core-h": "cores_per_node", "gpu-h": "gpus_per_node", "node-h": ""}
_TOLD = {"core-h": "{} core-hours", "gpu-h": "{} GPU-hours", "node-h": "{} node-hours"}
_FEW = 10
SAID = {unit: told.removeprefix("{} ") for unit, told in _TOLD.items()}


@dataclass(frozen=True)
class Billing:
    """How hours of a site convert.

    Parameters
    ----------
    site
        Its name.
    unit
        What it bills: ``core-h``, ``gpu-h`` or ``node-h``.
    units_per_node
        Units for one node and hour.
    gpus_per_node
        As jobs count them; at LUMI dies, two to a GPU that is billed.
    cores_per_node
        Core-hours for a node-hour; where no cores are billed an assumption.
    source
        Of these facts, with their date.
    """

    site: str
    unit: str
    units_per_node: float
    gpus_per_node: int
    cores_per_node: int
    source: str

    @property
    def bills_cores(self) -> bool:
        """Whether core-hours mean anything here."""
        return self.unit == "core-h"

    def billed(self, node_hours: float) -> float:
        """Return node-hours in the site's own unit."""
        return node_hours * self.units_per_node

    def told(self, node_hours: float) -> str:
        """Return node-hours in the site's own unit, with its name."""
        return _TOLD[self.unit].format(hours_told(self.billed(node_hours)))


def hours_told(hours: float) -> str:
    """Return hours of nodes or GPUs as they are written: few of them not as none."""
    return f"{hours:,.0f}" if hours >= _FEW else f"{hours:.2g}"


def billing_of(name: str) -> Billing:
    """Return how a site bills; a site that does not say so bills node-hours.

    Raises
    ------
    SiteError
        If the site is unknown, has no nodes, or its file says something impossible.
    """
    site = sites.load_site(name)
    cluster = sites.cluster_of(site)
    said = site.facts.get("billing", {})
    unit = said.get("unit", "node-h")
    if unit not in _UNITS:
        raise SiteError(
            f"The file of site '{name}' says unit = {unit!r} under [billing].",
            f"One of {', '.join(_UNITS)} was expected.",
            f"Put it right in {overlay(site)}",
        )
    usual = {"core-h": cluster.node.cores, "gpu-h": cluster.node.gpus, "node-h": 1}[unit]
    units = said.get(_UNITS[unit], usual) if _UNITS[unit] else 1
    cores = units if unit == "core-h" else said.get("assumed_cores_per_node", cluster.node.cores)
    source = f"{said.get('source', 'nothing said of billing')} ({said.get('date', 'no date')})"
    return Billing(name, unit, units, cluster.node.gpus, cores, source)
