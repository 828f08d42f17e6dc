"""What `benchmarks.counting` runs in processes of its own: building an index, and asking it."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.zipf import SEED
from kblib.corpora import Corpus, load_sample
from kblib.ngrams.concordance import concordance
from kblib.ngrams.frequencies import query_frequencies
from kblib.ngrams.index import Index, index_corpus
from kblib.ngrams.trends import ngram_trend

ROUNDS = 7
LINES = 100
NEWSREEL_QUERIES = ("järnväg", "järnväg*", "i den", "och")
Answer = dict[str, Any]


def build(folder: str) -> dict[str, Any]:
    """Build the index of a saved corpus again, and say what it took."""
    corpus = Corpus.open(folder)
    began, cpu_began = time.perf_counter(), time.process_time()
    text = index_corpus(corpus, fresh=True).text
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu_began,
        "peak_mb": peak_mb(),
        "size_mb": text.size_bytes / 1e6,
        "seed": SEED,
        **{name: text.about[name] for name in ("words", "distinct_words", "documents")},
    }


def ask(folder: str, hits: str, own_memory_mb: str) -> dict[str, Any]:
    """Ask a saved corpus, then the newsreels, and say how long each answer took."""
    limited = limit_own_memory(int(own_memory_mb))
    corpus = Corpus.open(folder)
    index = index_corpus(corpus)
    queries = [*(_word_of(index, n) for n in json.loads(hits)), _pair(index, max(json.loads(hits)))]
    queries += [f"*{queries[0][-4:]}", _word_of(index, index.n_words)]
    answers = [_asked("invented", corpus, query) for query in queries]
    films = load_sample("newsreels")
    answers += [_asked("newsreels", films, query) for query in NEWSREEL_QUERIES]
    return {"answers": answers, "peak_mb": peak_mb(), "limited": limited}


def _asked(name: str, corpus: Corpus, query: str) -> Answer:
    def count() -> int:
        return int(query_frequencies(corpus, query).rows["count"][0])

    def trend() -> int:
        return int(ngram_trend(corpus, query, per="year", smooth=3).rows["raw_hits"].sum())

    def lines() -> int:
        found = concordance(corpus, query, sort="left")
        found.rows(0, LINES)
        return found.n

    seconds = {"count": _timed(count), "trend": _timed(trend), "lines": _timed(lines)}
    return {"corpus": name, "query": query, "hits": count(), **seconds}


def _timed(call: Callable[[], int]) -> dict[str, float]:
    """Return the seconds of a first call, of calls after it, and the core-seconds of those."""
    seconds, core_seconds = [], []
    for _ in range(1 + ROUNDS):
        gc.collect()  # what the last call left behind is not this one's memory
        began, cores_began = time.perf_counter(), time.process_time()
        call()
        seconds.append(time.perf_counter() - began)
        core_seconds.append(time.process_time() - cores_began)
    return {
        "first": seconds[0],
        "again": median(seconds[1:]),
        "first_core": core_seconds[0],
        "again_core": median(core_seconds[1:]),
    }


def _word_of(index: Index, n: int) -> str:
    """Return the word whose hits are nearest to `n`."""
    counts = np.diff(index.text.starts)
    return str(index.text.words[int(np.argmin(np.abs(counts - n)))])


def _pair(index: Index, n: int) -> str:
    """Return two frequent words that often stand side by side, though at most `n` times."""
    counts = np.diff(index.text.starts)
    most = int(np.argmax(counts))
    expected = counts * (counts[most] / index.n_words)
    other = int(np.argmin(np.abs(expected - n / 2)))
    return f"{index.text.words[most]} {index.text.words[other]}"


def peak_mb() -> float:
    """Return the most memory this process has had resident, mapped pages included.

    Linux hands ``ru_maxrss`` on from the parent, so its own file is read where it is.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        import resource  # not on every system

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) * 1024 / 1e6


def limit_own_memory(megabytes: int) -> bool:
    """Let this process take so much memory of its own beyond what it has; return if it is so."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    except (ImportError, OSError):
        return False
    most = pages * resource.getpagesize() + megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    return True


if __name__ == "__main__":
    calls: dict[str, Callable[..., dict[str, Any]]] = {"build": build, "ask": ask}
    json.dump(calls[sys.argv[1]](*sys.argv[2:]), sys.stdout)
