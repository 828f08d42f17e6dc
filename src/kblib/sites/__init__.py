"""Where jobs can run: site files, and what this very machine has."""

from kblib.sites.facts import Cluster, cluster_of
from kblib.sites.files import Site, known_sites, load_site
from kblib.sites.machine import Machine, MemoryGroup, memory_groups, this_machine

__all__ = [
    "Cluster",
    "Machine",
    "MemoryGroup",
    "Site",
    "cluster_of",
    "known_sites",
    "load_site",
    "memory_groups",
    "this_machine",
]
