"""A probe: five minutes of the very job on the very site, so that plans go by its rate."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from kblib.cluster.resources import Asked
from kblib.cluster.run import Run
from kblib.cluster.submit import submit
from kblib.errors import JobError
from kblib.jobs.specs import Pretrain

MINUTES = 5.0
_NEVER = 10**9
"""Steps between evaluations and checkpoints that a probe does not reach."""


def probe_rate(
    job: Pretrain,
    *,
    site: str = "local",
    minutes: float = MINUTES,
    ranks: int | None = None,
    **resources: Unpack[Asked],
) -> Run:
    """Train a job for a few minutes where it is to run, and keep the rate for plans.

    The run ends by itself and writes the tokens a second of its steps into the journal of rates:
    the middle one, and those around nine in ten. `plan` of the same job, site and nodes goes by
    them from then on, with the goodput of runs that had a short run of their own, and says between
    which hours it expects the whole.

    Parameters
    ----------
    job, site
        What is to be planned, and where.
    minutes
        Of the probe.
    ranks
        On this machine: processes that train together.
    **resources
        On a cluster: those of the whole job, such as ``nodes=24``; a rate holds for these only.

    Returns
    -------
    Run
        Of the probe; ``run.wait()`` until it is over.

    Raises
    ------
    JobError
        If the minutes are not above 0.
    """
    given: object = minutes  # whatever a caller hands over
    if isinstance(given, bool) or not isinstance(given, int | float) or not given > 0:
        raise JobError(
            f"probe_rate got minutes={minutes!r}.",
            "A number above 0 was expected.",
            f'kb.probe_rate(job, site="{site}", minutes={MINUTES:g})',
        )
    return submit(probe_of(job, minutes), site=site, ranks=ranks, **resources)


def probe_of(job: Pretrain, minutes: float) -> Pretrain:
    """Return the job of a probe: the same work, for minutes, without evaluations on the way."""
    return replace(
        job,
        steps=None,
        tokens=None,
        epochs=None,
        minutes=minutes,
        warmup_steps=None,
        eval_every=_NEVER,
        save_every=_NEVER,
        name=f"{job.label}-probe",
    )
