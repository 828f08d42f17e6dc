"""The rate of a training on another machine, kept here as well: plans are made here."""

from __future__ import annotations

import logging

from kblib.errors import KblibError
from kblib.jobs.rates import keep_rate, median_rate, rate_spread
from kblib.jobs.specs import Pretrain
from kblib.runs import RunFolder

log = logging.getLogger("kblib.cluster")


def keep_rate_here(run: RunFolder) -> None:
    """Write the rate of a run that is done into the journal of this machine, if it was a training.

    Its own machine has written it into a journal that plans do not see.
    """
    config = run.config()
    records = run.metrics()
    middle = median_rate(records)
    if middle is None or config.get("job", {}).get("kind") != "pretrain":
        return
    source = f"measured by run '{run.name}'"
    try:
        job = Pretrain.from_dict(config["job"])
        keep_rate(job, config["site"], int(config["ranks"]), middle, source, rate_spread(records))
    except (KblibError, OSError) as error:  # a corpus that is gone, a full disk: no rate is lost
        log.warning("the rate of run %s is not kept here: %s", run.name, error)
