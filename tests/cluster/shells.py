"""The emulator's site with its Python elsewhere, and a shell there that only answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kblib.cluster.access import Completed
from kblib.sites import Cluster, cluster_of, load_site

EMULATOR = cluster_of(load_site("emulator"))


class Says:
    """A shell that gives one answer, and remembers what it was asked."""

    def __init__(self, answer: str, *, code: int = 0, complaint: str = "") -> None:
        self.completed = Completed([], code, answer, complaint)
        self.asked = ""

    def run(
        self, command: Sequence[str], *, text: str | None = None, timeout_s: float = 0
    ) -> Completed:
        self.asked = text or ""
        return self.completed

    put = get = None  # type: ignore[assignment]


def elsewhere(**facts: str) -> Cluster:
    """Return the site with a Python that is not on this machine."""
    return replace(EMULATOR, python="/env/bin/python", **facts)  # type: ignore[arg-type]
