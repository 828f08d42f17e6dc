"""How long a job takes.

Parameters, steps, tokens, and hours at a rate that was measured. On a cluster that nobody has
measured the rate is that of published short runs on the same card, and the plan says so.
"""

from __future__ import annotations

import math

from kblib import sites
from kblib.errors import PlanError
from kblib.jobs.finetune_job import Finetune
from kblib.jobs.quantities import steps_in
from kblib.jobs.rates import Rate, known_rate
from kblib.jobs.specs import Pretrain, check_ranks
from kblib.planner.billing import billing_of
from kblib.planner.cards import Card, card_of
from kblib.planner.cluster_side import ClusterSide, Estimate, estimate
from kblib.planner.fitting import Fit, at_stage, check_fits, fit
from kblib.planner.flops import check_positive, check_speed
from kblib.planner.goodput import Goodput, goodput
from kblib.planner.host import HostMemory, check_host, host_memory
from kblib.planner.limits import DataLimits
from kblib.planner.measure import measure_here
from kblib.planner.plan_result import Plan
from kblib.sites import Cluster

# Sub-words and marks a word of the cleaned newsreels, 8,192 pieces; the run counts exactly.
_TOKENS_A_WORD = 1.8


def plan(
    job: Pretrain,
    *,
    site: str = "local",
    nodes: int | None = None,
    ranks: int | None = None,
    zero_stage: int | None = None,
    tflops_per_gpu: float | None = None,
    goodput: float | None = None,
) -> Plan:
    """Work out what a job costs on a site.

    The rate is the newest one measured for the same shape and batch. Where there is none and the
    site is this machine, a few seconds of training measure it now; on a cluster it is estimated
    after published runs on the same card.

    Parameters
    ----------
    job, site
        What is asked, and where.
    nodes
        On a cluster: of the job; by default 1.
    ranks
        Processes that train together; by default those that `submit` takes: one a GPU, or one.
    zero_stage
        What the GPUs share out, in place of what the job says.
    tflops_per_gpu
        On a cluster: model TFLOP/s of one GPU in a short run, in place of what is known.
    goodput
        On a cluster: share of the short run's rate that a whole run keeps; by default the middle
        one of published runs.

    Raises
    ------
    JobError
        If the batch does not divide among the GPUs.
    PlanError
        If no rate is known and none can be measured, one that is given is impossible, or the job
        does not fit into the GPUs.
    SiteError
        If the site is unknown.
    """
    _check_job(job)
    check_speed("plan", tflops_per_gpu, goodput)
    place = sites.load_site(site)
    if zero_stage is not None:
        job = at_stage(job, zero_stage)
    if place.scheduler != "none" and ranks is None:
        return _on_cluster(job, sites.cluster_of(place), nodes, tflops_per_gpu, goodput)
    _refuse_cluster_words(site, ranks, nodes, tflops_per_gpu, goodput)
    ranks = max(1, sites.this_machine().gpus) if ranks is None else ranks
    rate = _measured(job, site, ranks)
    return _plan(job, site, rate, Goodput(1.0, 1.0, 1.0, 0))


def _refuse_cluster_words(
    site: str, ranks: int | None, nodes: int | None, tflops: float | None, share: float | None
) -> None:
    instead = f'kb.plan(job, site="{site}", ranks={ranks or 1})'
    if nodes is not None:
        raise PlanError(
            f"nodes={nodes} was asked of site '{site}'.",
            "This machine has no nodes to choose, and ranks are not given beside nodes.",
            instead,
        )
    for name, value in (("tflops_per_gpu", tflops), ("goodput", share)):
        if value is not None:
            raise PlanError(
                f"{name}={value:g} was given for site '{site}'.",
                "Where ranks train together, a measured rate is gone by.",
                instead,
            )


def _measured(job: Pretrain, site: str, ranks: int) -> Rate:
    rate = known_rate(job, site, ranks)
    if rate is not None:
        return rate
    if site != "local" or ranks != 1:
        raise PlanError(
            f"No rate is known for {job.shape} on {ranks} ranks of site '{site}'.",
            "Hours are computed from a measured rate only.",
            "Train on it for a few minutes; every run that ends keeps its rate. "
            'On one rank here: kb.plan(job, site="local", ranks=1)',
        )
    return measure_here(job)


def _on_cluster(
    job: Pretrain, cluster: Cluster, nodes: int | None, tflops: float | None, share: float | None
) -> Plan:
    check_speed("plan", tflops, share, cluster.node.gpu)
    nodes = 1 if nodes is None else nodes
    _check_nodes(cluster, nodes)
    gpus = nodes * cluster.node.gpus
    check_ranks(job, max(1, gpus))
    fitted = _fit(job, cluster, nodes)
    measured = known_rate(job, cluster.name, max(1, gpus)) if tflops is None else None
    card = _card(cluster, needed=measured is None and tflops is None)
    rate = measured or _estimated(job, card, cluster, gpus, tflops)
    kept = _goodput(share, card, own=measured is not None or tflops is not None)
    host = _host(job, cluster, nodes, fitted)
    side = ClusterSide(nodes, billing_of(cluster.name), card, fitted, kept, host)
    return _plan(job, cluster.name, rate, kept, side)


def _plan(
    job: Pretrain,
    site: str,
    rate: Rate | Estimate,
    kept: Goodput,
    side: ClusterSide | None = None,
) -> Plan:
    steps = planned_steps(job, rate.tokens_per_s)
    tokens = steps * job.batch_size * job.seq_len
    return Plan(
        job=job,
        site=site,
        parameters=job.shape.parameters(),
        steps=steps,
        tokens=tokens,
        hours=tokens / rate.tokens_per_s / kept.share / 3600,
        rate=rate,
        limits=DataLimits(
            job.shape.parameters(),
            max(1.0, tokens_of(job)),
            tokens * job.sources[0].share,
            continued=job.continue_from is not None,
        ),
        cluster=side,
    )


def _check_job(job: object) -> None:
    if isinstance(job, Finetune):
        raise PlanError(
            "A finetuning cannot be planned.",
            "What it takes hangs on how long the labelled texts are, and its first steps tell.",
            "kb.submit(job, budget_gpu_hours=1): its view shows the time that is left, and it ends "
            "when so much is spent",
        )
    if not isinstance(job, Pretrain):
        raise PlanError(
            f"plan got a {type(job).__name__}.",
            "A training was expected: what is learnt from which texts, and for how long.",
            "kb.plan(kb.Pretrain(corpus, kb.ModelShape(4, 4, 256), minutes=2))",
        )


def _check_nodes(cluster: Cluster, nodes: int) -> None:
    check_positive("plan", "nodes", nodes)
    if nodes > cluster.most_nodes or nodes != int(nodes):
        near = min(math.ceil(nodes), cluster.most_nodes)
        raise PlanError(
            f"nodes={nodes:g} was asked of site '{cluster.name}'.",
            f"One job may have 1 to {cluster.most_nodes}, whole ones.",
            f'kb.plan(job, site="{cluster.name}", nodes={near})',
        )


def _fit(job: Pretrain, cluster: Cluster, nodes: int) -> Fit | None:
    if not cluster.node.gpus:
        return None
    found = fit(job, nodes * cluster.node.gpus, cluster.node.gpu_memory_gib)
    check_fits(job, found, cluster.name, nodes)
    return found


def _host(job: Pretrain, cluster: Cluster, nodes: int, fitted: Fit | None) -> HostMemory | None:
    if fitted is None:
        return None
    there = cluster.node.memory_gib
    found = host_memory(job, cluster.node.gpus, nodes * cluster.node.gpus, there)
    check_host(job, found, f'site="{cluster.name}", nodes={nodes}', fitted.memory)
    return found


def _card(cluster: Cluster, *, needed: bool) -> Card | None:
    try:
        return card_of(cluster.node.gpu)
    except PlanError:
        if needed:
            raise
        return None


def _estimated(
    job: Pretrain, card: Card | None, cluster: Cluster, gpus: int, tflops: float | None
) -> Estimate:
    if card is None:
        card = Card(cluster.node.gpu, cluster.node.gpu, cluster.node.gpu_memory_gib, 0, "")
    return estimate(job, card, max(1, gpus), tflops)


def _goodput(share: float | None, card: Card | None, *, own: bool) -> Goodput:
    if share is not None:
        return Goodput(share, share, share, 0)
    return goodput(own=own, card="" if card is None else card.name)


def planned_steps(job: Pretrain, tokens_per_s: float) -> int:
    """Return the optimiser steps of a job; epochs are estimated from the words of the corpus.

    Of minutes, the share that goes into steps counts, as in the run itself.
    """
    a_step = job.batch_size * job.seq_len
    if job.steps is not None:
        return job.steps
    if job.minutes is not None:
        return steps_in(job.minutes, a_step / tokens_per_s)
    if job.tokens is not None:
        return max(1, math.ceil(job.tokens / a_step))
    own = job.sources[0].share * a_step  # of the job's own corpus it reads a step
    return max(1, math.ceil((job.epochs or 0) * tokens_of(job) / own))


def tokens_of(job: Pretrain) -> float:
    """Return the tokens of the training part of a job's own corpus, estimated from its words."""
    return job.corpus.n_words * (1 - job.valid - job.test) * _TOKENS_A_WORD
