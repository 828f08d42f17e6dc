"""GPUs as planning sees them; their peaks stand in `kblib.sites.cards`."""

from __future__ import annotations

from dataclasses import dataclass

from kblib.errors import PlanError


@dataclass(frozen=True)
class Card:
    """One GPU, as a scheduler counts it.

    Parameters
    ----------
    name
        As in ``published.toml``.
    called
        How names in site files begin.
    memory_gib, watts
        Of its own; the most it may draw.
    source
        Of these numbers.
    """

    name: str
    called: str
    memory_gib: float
    watts: float
    source: str


CARDS = (
    Card("A100-40GB", "A100-40GB", 40, 400, "NVIDIA A100 SXM4 data sheet"),
    Card("A100-80GB", "A100-80GB", 80, 400, "NVIDIA A100 SXM4 data sheet"),
    Card("A100-64GB", "A100-64GB", 64, 440, "docs.hpc.cineca.it: made for Leonardo"),
    Card("H100-80GB", "H100", 80, 700, "NVIDIA H100 SXM5 data sheet"),
    Card("MI250X-GCD", "MI250X", 64, 280, "AMD MI250X data sheet: half of a module"),
    Card("TPU-v4", "TPU-v4", 32, 192, "Jouppi et al. (2023), arXiv 2304.01433"),
)

_EMULATED = "emulated"
"""In the name of GPUs that are none, on a cluster to rehearse with."""


def card_of(called: str) -> Card:
    """Return the card that a site file calls so.

    Raises
    ------
    PlanError
        If none is known by that name.

    Examples
    --------
    >>> card_of("MI250X die (GCD)").name
    'MI250X-GCD'
    """
    if _EMULATED in called:
        raise PlanError(
            f"'{called}' computes on this machine's processor.",
            "What others published of real ones says nothing of it.",
            "Measure it: kb.probe_rate(job, site=...). A plan then goes by that rate.",
        )
    for card in CARDS:
        if called == card.name or called.startswith(card.called):
            return card
    raise PlanError(
        f"Nothing is known of a GPU called '{called}'.",
        f"Known are: {', '.join(card.name for card in CARDS)}.",
        "Measure it: kb.probe_rate(job, site=...). A plan then goes by that rate.",
    )
