"""Seconds to an answer over the newsreels and over a hundred million invented words.

The index is built in one process and asked in another, which may take some hundred megabytes of
memory of its own beyond its imports and no more (``RLIMIT_DATA``): what it reads of the index are
mapped pages, which the system takes back when it needs them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.outcome import BenchmarkError, Outcome, measured
from benchmarks.tables import Cell
from benchmarks.zipf import zipf_corpus
from kblib import settings

DOCUMENTS, QUICK_DOCUMENTS = 1_000_000, 5_000
BAR_EMBEDDED_S = 0.3  # again, with 100 sorted lines
BAR_LARGE_S = 1.0  # at first and again, for up to 10,000 hits
HITS = (10, 1_000, 10_000)
WHAT = ("count", "trend", "lines")
OWN_MEMORY_MB = 1000
MODULE = "benchmarks.counting_asked"
ROOT = Path(__file__).resolve().parent.parent


def measure(*, quick: bool = False) -> Outcome:
    """Index the invented corpus and ask both corpora for counts, trends and sorted lines."""
    documents = QUICK_DOCUMENTS if quick else DOCUMENTS
    corpus = zipf_corpus(documents, settings.writable_home() / "benchmarks")
    hits = [n // 100 for n in HITS] if quick else list(HITS)
    built = _child("build", str(corpus.folder))
    asked = _child("ask", str(corpus.folder), json.dumps(hits), str(OWN_MEMORY_MB))
    rows: list[list[Cell]] = [
        [
            f"{one['corpus']}: {one['query']}",
            one["hits"],
            *(round(one[what]["again"], 3) for what in WHAT),
            round(max(one[what]["first"] for what in WHAT), 3),
            round(max(one[what]["first_core"] for what in WHAT), 3),
        ]
        for one in asked["answers"]
    ]
    columns = [
        "asked",
        "hits",
        *(f"{what}, s" for what in WHAT),
        "slowest first time, s",
        "of it core-s",
    ]
    packages = ["numpy", "polars"]
    result = measured("counting", "Counting", columns, rows, _note(built, asked), packages)
    return Outcome(result, missed(asked["answers"], max(hits)))


def missed(answers: list[dict[str, Any]], most_hits: int) -> tuple[str, ...]:
    """Return a sentence for each answer that took longer than was wanted."""
    said = []
    for one in answers:
        embedded = one["corpus"] == "newsreels"
        if not embedded and one["hits"] > most_hits:
            continue
        bar = BAR_EMBEDDED_S if embedded else BAR_LARGE_S
        for what in WHAT:
            seconds = one[what]["again"]
            if not embedded:
                seconds = max(seconds, one[what]["first"])
            if seconds >= bar:
                said.append(
                    f"Missed: {what} of {one['query']} ({one['corpus']}) took {seconds:.2f} s; "
                    f"less than {bar:g} s was wanted."
                )
    return tuple(said)


def _note(built: dict[str, Any], asked: dict[str, Any]) -> str:
    limit = (
        f"under a limit of {OWN_MEMORY_MB} MB of its own memory beyond its imports"
        if asked["limited"]
        else "without a limit, which this system does not set"
    )
    return (
        f"The invented corpus: {built['words']:,} words, {built['distinct_words']:,} distinct, in "
        f"{built['documents']:,} documents, Zipf's law with a tail, seed {built['seed']}. Its "
        f"index takes {built['size_mb']:,.0f} MB on disk and was built in {built['seconds']:.0f} s "
        f"({built['cpu_seconds']:.0f} core-s) with a peak of {built['peak_mb']:,.0f} MB resident, "
        "mapped pages included. The questions were asked by a process of their own, "
        f"{limit}; its peak was {asked['peak_mb']:,.0f} MB resident, of which the greater part are "
        "pages of the index that the system takes back when it needs them. Trends are per year, "
        "smoothed over three, with bands of 1,000 resamples of films; lines are the first 100, "
        "sorted by the words to the left. Seconds are the median of seven; the slowest first time "
        "is of a process that had asked nothing like it; far above its core-seconds, the "
        "machine had other work."
    )


def _child(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", MODULE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise BenchmarkError(f"{' '.join(command[2:4])} failed: {done.stderr[-400:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
