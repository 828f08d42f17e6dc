"""Training rates that were really measured, kept in one journal.

The only source of speed for a plan.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from kblib import settings, sites
from kblib.jobs.specs import Pretrain
from kblib.runs import Tail, journal


@dataclass(frozen=True)
class Rate:
    """Tokens a second that were really seen.

    Where, for which shape and batch, on how many ranks of how many threads, and how. `low` and
    `high` lie around nine in ten of the steps; `setting` is what else decides the speed, empty
    where nothing of it was chosen.
    """

    site: str
    shape: dict[str, Any]
    seq_len: int
    batch_size: int
    ranks: int
    tokens_per_s: float
    source: str
    time: float
    host: str = ""
    threads: int = 0
    low: float | None = None
    high: float | None = None
    setting: str = ""

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Rate:
        """Read a line of the journal; fields of later versions are passed over."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in record.items() if name in known})

    def fits(self, job: Pretrain, site: str, ranks: int) -> bool:
        """Say whether this rate was measured for the same work, and here if the site is "local"."""
        if site == "local" and (self.host, self.threads) != (socket.gethostname(), threads(ranks)):
            return False
        here = (self.site, self.shape, self.seq_len, self.batch_size, self.ranks, self.setting)
        asked = (site, job.shape.to_dict(), job.seq_len, job.batch_size, ranks, setting_of(job))
        return here == asked


def known_rate(job: Pretrain, site: str, ranks: int) -> Rate | None:
    """Return the newest rate that was measured for the same work, if any."""
    records = Tail(settings.home() / "rates.jsonl").new()
    rates = (Rate.from_record(record) for record in records)
    fitting = [rate for rate in rates if rate.fits(job, site, ranks)]
    return fitting[-1] if fitting else None


def setting_of(job: Pretrain) -> str:
    """Return what decides a job's speed beside shape, block and batch; empty where it is usual."""
    said = {
        f"ZeRO-{job.zero_stage}": job.engine == "deepspeed",
        f"{job.grad_accum_steps} pieces": job.grad_accum_steps > 1,
        f"{job.dtype}": job.dtype is not None,
        "layers computed again": job.activation_checkpointing,
        "documents kept apart": job.isolate_documents,
        f"offload to {job.offload}": job.offload is not None,
    }
    return ", ".join(words for words, chosen in said.items() if chosen)


def keep_rate(
    job: Pretrain,
    site: str,
    ranks: int,
    tokens_per_s: float,
    source: str,
    spread: tuple[float, float] | None = None,
) -> Rate:
    """Write a measured rate down for later plans, with the spread of its steps if known."""
    low, high = spread or (None, None)
    rate = Rate(
        site=site,
        shape=job.shape.to_dict(),
        seq_len=job.seq_len,
        batch_size=job.batch_size,
        ranks=ranks,
        tokens_per_s=tokens_per_s,
        source=source,
        time=time.time(),
        host=socket.gethostname(),
        threads=threads(ranks),
        low=low,
        high=high,
        setting=setting_of(job),
    )
    journal.append(settings.writable_home() / "rates.jsonl", asdict(rate))
    return rate


def threads(ranks: int) -> int:
    """Return the threads that each of so many ranks takes on this machine."""
    named = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return int(named) if named.isdigit() else max(1, sites.this_machine().cores // ranks)


def median_rate(records: Iterable[Mapping[str, Any]]) -> float | None:
    """Return the middle one of the tokens a second that a run has written down, if any."""
    rates = sorted(record["tokens_per_s"] for record in records if "tokens_per_s" in record)
    return rates[len(rates) // 2] if rates else None


def rate_spread(records: Iterable[Mapping[str, Any]]) -> tuple[float, float] | None:
    """Return the tokens a second around nine in ten of the steps of a run, if it told any."""
    rates = sorted(record["tokens_per_s"] for record in records if "tokens_per_s" in record)
    if not rates:
        return None
    aside = len(rates) // 20
    return rates[aside], rates[-1 - aside]
