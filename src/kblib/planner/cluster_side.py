"""The side of a plan that a cluster adds: nodes, memory, what is billed, energy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from kblib.jobs.specs import Pretrain
from kblib.planner.billing import Billing
from kblib.planner.cards import Card
from kblib.planner.energy import Energy
from kblib.planner.fitting import Fit, micro_batch_size
from kblib.planner.goodput import Goodput
from kblib.planner.host import HostMemory
from kblib.planner.published import Size, table_of
from kblib.planner.throughput import tokens_per_s


@dataclass(frozen=True)
class Estimate:
    """A rate that nobody has measured there: tokens a second of all GPUs, and after whom."""

    tokens_per_s: float
    source: str
    reference: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class ClusterSide:
    """What a plan says of a cluster.

    Parameters
    ----------
    nodes
        Of the job.
    billing
        How hours convert.
    card
        The GPUs; None where nothing is known of them.
    fit
        What each must hold; None on nodes without GPUs.
    goodput
        What a whole run keeps of the rate.
    host
        What the memory of a node must hold; None on nodes without GPUs.
    """

    nodes: int
    billing: Billing
    card: Card | None
    fit: Fit | None
    goodput: Goodput
    host: HostMemory | None = None

    @cached_property
    def gpus(self) -> int:
        """All GPUs of the job, as jobs count them."""
        return self.nodes * self.billing.gpus_per_node

    def energy(self, hours: float) -> Energy | None:
        """Return electricity and carbon of so many hours; None where the card is unknown."""
        return None if self.card is None else Energy(hours * self.gpus, self.card.watts)


def estimate(job: Pretrain, card: Card, gpus: int, tflops_per_gpu: float | None) -> Estimate:
    """Return the rate of a job on a card after published short runs, or at a rate that is given.

    Parameters
    ----------
    tflops_per_gpu
        Model TFLOP/s of one GPU, attention counted; by default after the card's published table.
    """
    size = Size(job.shape.n_layer, job.shape.n_embd, job.shape.parameters())
    if tflops_per_gpu is not None:
        rate = tflops_per_gpu * 1e12 / size.flops_per_token(job.seq_len)
        return Estimate(rate * gpus, f"at {tflops_per_gpu:g} TFLOP/s a GPU, as given")
    rate = tokens_per_s(
        card.name,
        size,
        seq_len=job.seq_len,
        micro_tokens=micro_batch_size(job, gpus) * job.seq_len,
        recompute=job.activation_checkpointing,
    )
    table = table_of(card.name)
    source = f"estimated after published runs ({table.name})"
    return Estimate(rate * gpus, source, f"{table.source} ({table.date})")
