"""``python -m kblib plan``: what a published model would cost on a site, without a corpus."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from kblib import sites
from kblib.corpora import Corpus
from kblib.jobs.specs import Pretrain
from kblib.planner.award import Allocation, allocation
from kblib.planner.check import report
from kblib.planner.duration import plan
from kblib.planner.flops import check_positive
from kblib.planner.known_shapes import known_shape
from kblib.planner.limits import DataLimits
from kblib.planner.plan_result import Plan

TOKENS_A_STEP = 4_000_000
"""Of LLaMA's batches (Touvron et al. 2023); what a plan of a published model reads at a time."""
_LONGEST_BLOCK = 2048
_NARROW, _WIDE = 30, 110
"""Letters a line for sources at least, and a terminal that does not say how wide it is."""


def answer(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield what the command prints.

    Raises
    ------
    PlanError
        If the model does not fit, or a number is impossible.
    """
    if arguments.check:
        yield report()
        return
    _check(arguments)
    found, award = _planned(arguments), _award(arguments)
    if arguments.application:
        yield found.application(award)
        return
    yield f"{found}\n"
    yield from _rows(found.table)
    if found.side.fit is not None:
        yield f"\n{found.memory}:\n{_shown(found.side.fit.table)}"
    if award is not None:
        calendar = found.calendar(award)
        yield f"\n{award}\n{calendar}\n{_shown(calendar.table.round(1))}"


def _check(arguments: argparse.Namespace) -> None:
    """Refuse numbers by the names that they have on the command line."""
    for name in ("tokens", "nodes", "micro_batch", "texts", "core_hours"):
        value = getattr(arguments, name)
        if value is not None:
            check_positive("plan", f"--{name.replace('_', '-')}", value)


def _planned(arguments: argparse.Namespace) -> Plan:
    found = plan(
        _job(arguments),
        site=arguments.site,
        nodes=arguments.nodes,
        tflops_per_gpu=arguments.tflops,
        goodput=arguments.goodput,
    )
    texts = arguments.texts
    limits = None if texts is None else DataLimits(found.parameters, texts, found.tokens)
    return replace(found, limits=limits)


def _job(arguments: argparse.Namespace) -> Pretrain:
    """Return the job that is planned: its corpus stands for texts that nobody has named."""
    shape = known_shape(arguments.model)
    seq_len = min(shape.seq_len, _LONGEST_BLOCK)
    cluster = sites.cluster_of(sites.load_site(arguments.site))
    at_once = arguments.micro_batch * max(1, arguments.nodes * cluster.node.gpus)
    pieces = max(1, round(TOKENS_A_STEP / (at_once * seq_len)))
    return Pretrain(
        Corpus.from_texts(["texts"], name="texts"),
        shape,
        tokens=arguments.tokens,
        seq_len=seq_len,
        batch_size=at_once * pieces,
        grad_accum_steps=pieces,
        engine="deepspeed",
        zero_stage=arguments.zero,
        activation_checkpointing=arguments.recompute,
    )


def _award(arguments: argparse.Namespace) -> Allocation | None:
    if arguments.core_hours is None:
        return None
    return allocation(arguments.site, core_hours=arguments.core_hours, months=arguments.months)


def _rows(table: pd.DataFrame) -> Iterator[str]:
    """Yield the rows of a plan as wide as the terminal; long sources go on below themselves."""
    names, values = (max(map(len, table[name])) for name in ("what", "value"))
    indent = " " * (names + values + 4)
    room = max(_NARROW, shutil.get_terminal_size((_WIDE, 24)).columns - len(indent))
    for what, value, source in table.itertuples(index=False, name=None):
        first, *others = textwrap.wrap(source, room) or [""]
        yield f"{what:<{names}}  {value:>{values}}  {first}".rstrip()
        yield from (indent + line for line in others)


def _shown(table: pd.DataFrame) -> str:
    return str(table.to_string(index=False, justify="left"))
