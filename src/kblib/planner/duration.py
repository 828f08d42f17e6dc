"""How long a job takes.

Parameters, steps, tokens, and hours at a rate that was measured, never guessed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from kblib import sites
from kblib.errors import PlanError
from kblib.jobs.quantities import steps_in
from kblib.jobs.rates import Rate, known_rate
from kblib.jobs.specs import Pretrain
from kblib.planner.measure import measure_here

# Sub-words and marks a word of the cleaned newsreels, 8,192 pieces; the run counts exactly.
_TOKENS_A_WORD = 1.8


@dataclass(frozen=True)
class Plan:
    """What a job costs on a site.

    Parameters
    ----------
    job, site
        What was planned, and where.
    parameters
        Of the model, exactly.
    steps, tokens
        Optimiser steps, and tokens read by them (repetitions count).
    hours
        Of training at `rate`; set-up, evaluation and saving come on top.
    rate
        Where the speed comes from.
    """

    job: Pretrain
    site: str
    parameters: int
    steps: int
    tokens: int
    hours: float
    rate: Rate

    @property
    def flops(self) -> float:
        """Floating-point operations of the training.

        6 a parameter and token, and attention (Kaplan et al. 2020). At most: the vocabulary of a
        masked model counts for every token, although only masked ones are looked up in it.
        """
        return self.job.shape.flops_per_token(self.job.seq_len) * self.tokens

    @property
    def table(self) -> pd.DataFrame:
        """The plan as a table of names, values and units."""
        estimated = "; estimated from words, the run counts" if self._about else ""
        a_step = f"of {self.job.batch_size} x {self.job.seq_len} tokens"
        rows = [
            ("model", str(self.job.shape), ""),
            ("parameters", f"{self.parameters:,}", ""),
            ("steps", f"{self._about}{self.steps:,}", f"{a_step}{estimated}"),
            ("tokens", f"{self._about}{self.tokens:,}", "read, repetitions counted"),
            ("operations", f"{self._at_most}{self.flops:.2e}", "floating-point operations"),
            ("rate", f"{self.rate.tokens_per_s:,.0f}", f"tokens a second, {self.rate.source}"),
            ("time", _duration(self.hours), f"of training on site '{self.site}'"),
        ]
        return pd.DataFrame(rows, columns=["what", "value", "unit or source"])

    @property
    def _about(self) -> str:
        """What stands before steps and tokens that were estimated."""
        return "about " if self.job.epochs is not None else ""

    @property
    def _at_most(self) -> str:
        """What stands before operations of a model whose head runs on a part of the tokens."""
        return "at most " if self.job.shape.objective == "masked" else ""

    def __str__(self) -> str:
        return (
            f"{self.job.shape}: {self.parameters:,} parameters, {self._about}{self.steps:,} steps, "
            f"{self._about}{self.tokens:,} tokens: about {_duration(self.hours)} "
            f"at {self.rate.tokens_per_s:,.0f} tokens a second ({self.rate.source})."
        )


def plan(job: Pretrain, *, site: str = "local", ranks: int | None = None) -> Plan:
    """Work out what a job costs on a site.

    The rate is the newest one measured for the same shape and batch; where there is none and the
    site is this machine, a few seconds of training measure it now.

    Parameters
    ----------
    job, site
        What is asked, and where.
    ranks
        Processes that train together; by default those that `submit` takes: one a GPU, or one.

    Raises
    ------
    PlanError
        If no rate is known and none can be measured.
    SiteError
        If the site is unknown.
    """
    sites.load_site(site)
    ranks = max(1, sites.this_machine().gpus) if ranks is None else ranks
    rate = known_rate(job, site, ranks)
    if rate is None:
        if site != "local" or ranks != 1:
            raise PlanError(
                f"No rate is known for {job.shape} on {ranks} ranks of site '{site}'.",
                "Hours are computed from a measured rate only.",
                "Train on it for a few minutes; every run that ends keeps its rate. "
                'On one rank here: kb.plan(job, site="local", ranks=1)',
            )
        rate = measure_here(job)
    steps = planned_steps(job, rate.tokens_per_s)
    tokens = steps * job.batch_size * job.seq_len
    return Plan(
        job=job,
        site=site,
        parameters=job.shape.parameters(),
        steps=steps,
        tokens=tokens,
        hours=tokens / rate.tokens_per_s / 3600,
        rate=rate,
    )


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
    train_words = job.corpus.n_words * (1 - job.valid - job.test)
    return max(1, math.ceil((job.epochs or 0) * train_words * _TOKENS_A_WORD / a_step))


def _duration(hours: float) -> str:
    if hours < 1 / 60:
        return f"{hours * 3600:.0f} s"
    if hours < 2:
        return f"{hours * 60:.1f} min"
    return f"{hours:,.1f} h"
