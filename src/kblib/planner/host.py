"""What a node's own memory must hold beside its GPUs: while ranks start, train, and save."""

from __future__ import annotations

from dataclasses import dataclass

from kblib.errors import PlanError
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape
from kblib.planner.memory import GIB, Memory

_WIDTH = 4
"""Bytes of a weight when it is read or drawn, and when the trained model is saved: float32."""
_STATE = 12
"""Bytes a parameter of Adam's two moments and of the weights it steps with, all in float32."""


@dataclass(frozen=True)
class HostMemory:
    """GiB of tensors in the memory of a node; what Python and its libraries take comes on top.

    Parameters
    ----------
    starting
        While each rank of the node has its first weights in hand: from ZeRO stage 3 on what lies
        outside the layers, and one layer; before, the whole model.
    kept
        What the GPUs leave to the node for the whole training (offload).
    copied
        While a checkpoint is written from a copy of weights and optimiser's state.
    saving
        While the first rank holds the whole model to save it; the other nodes do not.
    there
        What a node has.
    """

    starting: float
    kept: float
    copied: float
    saving: float
    there: float

    @property
    def needed(self) -> float:
        """The most at any time."""
        return self.kept + max(self._passing.values())

    @property
    def when(self) -> str:
        """What is going on when it is the most."""
        return max(self._passing, key=lambda when: self._passing[when])

    @property
    def _passing(self) -> dict[str, float]:
        return {
            "while the ranks start": self.starting,
            "while a checkpoint is written": self.copied,
            "while the model is saved": self.saving,
        }


def host_memory(job: Pretrain, ranks: int, gpus: int, there: float) -> HostMemory:
    """Count what a node must hold.

    Parameters
    ----------
    ranks
        Of the node: one a GPU.
    gpus
        That share, on all nodes.
    there
        GiB that a node has.
    """
    parameters = job.shape.parameters()
    # All ranks of torch's engine hold the same, and one writes.
    share = ranks / gpus if job.engine == "deepspeed" else 1.0
    return HostMemory(
        starting=ranks * first_weights_bytes(job.shape, job.zero_stage) / GIB,
        kept=ranks * offloaded_bytes(job, gpus) / GIB,
        copied=share * parameters * _STATE / GIB,
        saving=parameters * _WIDTH / GIB,
        there=there,
    )


def first_weights_bytes(shape: ModelShape, zero: int) -> float:
    """Return the bytes that a rank holds at most until its GPU has the first weights.

    From stage 3 on that is the embeddings with one layer, or later with the head, which
    transformers makes before it ties it to them. A model that goes on from another one is read
    parameter by parameter: for it this is a bound.
    """
    if zero < 3:
        return float(_WIDTH * shape.parameters())
    parts = shape.parameters_by_part()
    layer = (parts["attention"] + parts["feed_forward"] + parts["norms"]) / shape.n_layer
    head = parts["head"] + (shape.vocab_size * shape.n_embd if shape.head_is_tied else 0)
    return float(_WIDTH * (parts["embeddings"] + max(layer, head)))


def offloaded_bytes(job: Pretrain, gpus: int) -> float:
    """Return the bytes of what a rank leaves to its node: states, gradients, from stage 3 weights.

    Gradients are kept in the number type of the computation, as on the GPU.
    """
    if job.offload is None:
        return 0.0
    width = 4 if job.dtype == "fp32" else 2
    a_parameter = _STATE + width * {1: 0, 2: 1, 3: 2}[job.zero_stage]
    return a_parameter * job.shape.parameters() / gpus


def check_host(job: Pretrain, host: HostMemory, call: str, memory: Memory) -> None:
    """Refuse a job that the memory of a node does not hold.

    Raises
    ------
    PlanError
        With the numbers, and with what needs less.
    """
    if host.needed <= host.there:
        return
    shared = job.zero_stage == 3
    raise PlanError(
        f"{job.shape} needs {host.needed:.1f} GiB of each node's own memory {host.when}, "
        f"{host.kept:.1f} of them for what is offloaded; {host.there:.1f} GiB are there.",
        "Its GPUs need "
        f"{memory.needed_gib:.1f} GiB each, which they have; the node must hold the rest.",
        "More nodes share more." if shared else f"kb.plan(job, {call}, zero_stage=3)",
    )
