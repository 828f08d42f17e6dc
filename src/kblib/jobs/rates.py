"""Training rates that were really measured, kept in one journal.

The only source of speed for a plan.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from kblib import settings
from kblib.jobs.specs import Pretrain
from kblib.runs import Tail, journal


@dataclass(frozen=True)
class Rate:
    """Tokens a second that were really seen.

    Where, for which shape and batch, on how many ranks, and how.
    """

    site: str
    shape: dict[str, Any]
    seq_len: int
    batch_size: int
    ranks: int
    tokens_per_s: float
    source: str
    time: float

    def fits(self, job: Pretrain, site: str, ranks: int) -> bool:
        """Say whether this rate was measured for the same work."""
        here = (self.site, self.shape, self.seq_len, self.batch_size, self.ranks)
        return here == (site, job.shape.to_dict(), job.seq_len, job.batch_size, ranks)


def known_rate(job: Pretrain, site: str, ranks: int) -> Rate | None:
    """Return the newest rate that was measured for the same work, if any."""
    rates = (Rate(**record) for record in Tail(settings.home() / "rates.jsonl").new())
    fitting = [rate for rate in rates if rate.fits(job, site, ranks)]
    return fitting[-1] if fitting else None


def keep_rate(job: Pretrain, site: str, ranks: int, tokens_per_s: float, source: str) -> Rate:
    """Write a measured rate down for later plans."""
    rate = Rate(
        site=site,
        shape=job.shape.to_dict(),
        seq_len=job.seq_len,
        batch_size=job.batch_size,
        ranks=ranks,
        tokens_per_s=tokens_per_s,
        source=source,
        time=time.time(),
    )
    settings.home().mkdir(parents=True, exist_ok=True)
    journal.append(settings.home() / "rates.jsonl", asdict(rate))
    return rate
