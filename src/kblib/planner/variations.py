"""The same plan with another number: what a slider asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kblib import sites
from kblib.jobs.specs import Pretrain
from kblib.planner.cards import CARDS
from kblib.planner.cluster_side import Estimate
from kblib.planner.duration import plan
from kblib.planner.fitting import Fit, fit, micro_batch_size
from kblib.planner.plan_result import Plan
from kblib.planner.published import Size, rate_tables
from kblib.planner.throughput import model_tflops


@dataclass(frozen=True)
class Variation:
    """What may be varied of a cluster's plan.

    Parameters
    ----------
    nodes, tokens
        Of the job; of the training.
    zero_stage
        What the GPUs share out.
    tflops
        Model TFLOP/s of one GPU in a short run, attention counted.
    goodput
        Share of it that the whole run keeps.
    """

    nodes: int
    tokens: float
    zero_stage: int
    tflops: float
    goodput: float


def variation_of(found: Plan) -> Variation:
    """Return the numbers of a plan that may be varied, as they are."""
    side = found.side
    a_token = found.job.shape.flops_per_token(found.job.seq_len)
    tflops = found.rate.tokens_per_s * a_token / max(1, side.gpus) / 1e12
    return Variation(
        side.nodes,
        float(found.tokens),
        found.job.zero_stage,
        tflops,
        side.goodput.share,
    )


def varied_job(found: Plan, wanted: Variation) -> Pretrain:
    """Return the job of a variation: the batch changes as little as the nodes allow."""
    job = found.job
    per_node = found.side.billing.gpus_per_node
    at_once = micro_batch_size(job, found.side.gpus) * wanted.nodes * per_node
    pieces = max(1, round(job.batch_size / at_once))
    engine = "deepspeed" if wanted.zero_stage else job.engine
    return replace(
        job,
        steps=None,
        epochs=None,
        minutes=None,
        tokens=wanted.tokens,
        batch_size=at_once * pieces,
        grad_accum_steps=pieces,
        engine=engine,
        zero_stage=wanted.zero_stage,
        warmup_steps=None,
    )


def varied(found: Plan, wanted: Variation) -> Plan:
    """Return the plan of a variation.

    Raises
    ------
    PlanError
        If it does not fit.
    """
    base = variation_of(found)
    as_estimated = isinstance(found.rate, Estimate) and wanted.tflops == base.tflops
    other = plan(
        varied_job(found, wanted),
        site=found.site,
        nodes=wanted.nodes,
        tflops_per_gpu=None if as_estimated else wanted.tflops,
        goodput=wanted.goodput,
    )
    if wanted.goodput != base.goodput:
        return other
    return replace(other, cluster=replace(other.side, goodput=found.side.goodput))


def varied_fit(found: Plan, wanted: Variation) -> Fit:
    """Return what each GPU of a variation must hold, whether it fits or not."""
    node = sites.cluster_of(sites.load_site(found.site)).node
    return fit(varied_job(found, wanted), wanted.nodes * node.gpus, node.gpu_memory_gib)


def most_nodes(found: Plan) -> int:
    """Return the widest job of the plan's site."""
    return sites.cluster_of(sites.load_site(found.site)).most_nodes


def card_rates(found: Plan) -> dict[str, float]:
    """Return the TFLOP/s that each published card would reach with the plan's model."""
    job = found.job
    size = Size(job.shape.n_layer, job.shape.n_embd, job.shape.parameters())
    micro = micro_batch_size(job, found.side.gpus) * job.seq_len
    published = {table.card for table in rate_tables()}
    again = job.activation_checkpointing
    return {
        card.name: model_tflops(card.name, size, micro, recompute=again)
        for card in CARDS
        if card.name in published
    }
