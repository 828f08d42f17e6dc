"""The result of a batch: the tables of all its shards, as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from kblib.errors import told
from kblib.runs import RunFolder
from kblib.runs.shards import ShardFiles

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class BatchResult:
    """Tables of shards in the order of the shards, on disk until they are asked for.

    Attributes
    ----------
    parts
        The Parquet files, one a shard.
    provenance
        Function, arguments, corpus, run and version.
    """

    parts: tuple[Path, ...]
    provenance: Mapping[str, Any]

    @classmethod
    def of(cls, run: RunFolder) -> BatchResult:
        """Return what a run has so far."""
        shards, config = ShardFiles(run), run.config()
        job = config["job"]
        about = {
            "run": run.name,
            "function": job["function"],
            "arguments": job["arguments"],
            "corpus": job.get("corpus"),
            "shards": config["pool"]["shards"],
            "shards_done": 0,
            "versions": config["versions"],
        }
        parts = tuple(shards.file(number) for number in shards.done())
        return cls(parts, {**about, "shards_done": len(parts)})

    def scan(self) -> pl.LazyFrame:
        """Return all rows as a Polars frame that reads nothing until it is collected."""
        return pl.scan_parquet(list(self.parts)) if self.parts else pl.LazyFrame()

    @property
    def table(self) -> pd.DataFrame:
        """All rows as a pandas table; everything is loaded."""
        return self.scan().collect(engine="streaming").to_pandas()

    def __len__(self) -> int:
        return int(self.scan().select(pl.len()).collect().item()) if self.parts else 0

    def __repr__(self) -> str:
        done, shards = self.provenance["shards_done"], self.provenance["shards"]
        return told(f"Result of run '{self.provenance['run']}': {done:,} of {shards:,} shards")
