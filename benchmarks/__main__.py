"""Measure what the README claims: ``python -m benchmarks [NAME ...]``, by default everything.

Each benchmark stands alone; its result is written when it ends, so one can be repeated without the
others. A bar that is missed is said in the table itself, and the command ends with 1.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from importlib import import_module
from types import FrameType

from benchmarks import tables
from benchmarks.outcome import BenchmarkError, Outcome, aligned
from kblib.errors import KblibError

NAMES = (
    "imports",
    "loop",
    "masked",
    "batch",
    "entailment",
    "finetune",
    "ladder",
    "counting",
    "ngrams",
    "semantic_change",
    "engines",
    "curves",
    "replay",
    "coverage",
    "submit",
    "pool",
    "pool_killed",
)


def main(arguments: list[str]) -> int:
    """Run the benchmarks that are named; return 0 if all ran and reached their bars."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument(
        "--quick", action="store_true", help="a few steps, to see that it works; writes nothing"
    )
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in NAMES]:
        parser.error(f"no benchmark '{unknown[0]}'; there are {', '.join(NAMES)}")
    _say_how_busy()
    fine = [run(name, quick=options.quick) for name in options.names or NAMES]
    if not options.quick:
        _update_readme()
    return 0 if all(fine) else 1


def run(name: str, *, quick: bool) -> bool:
    """Measure, print and write one benchmark; return whether it ran and reached its bars."""
    began = time.perf_counter()
    try:
        outcome: Outcome = import_module(f"benchmarks.{name}").measure(quick=quick)
    except (BenchmarkError, KblibError) as error:
        print(f"\n{name} could not be measured. {error}", flush=True)
        return False
    result = outcome.said()
    print(f"\n{result.title}\n\n{aligned(result.columns, result.rows)}\n\n{result.note}")
    print(f"[{name} took {time.perf_counter() - began:.0f} s]", flush=True)
    if quick:
        return True
    print(f"Written: {tables.save(name, result).relative_to(tables.ROOT)}", flush=True)
    return not outcome.missed


def _update_readme() -> None:
    try:
        tables.update()
    except ValueError as error:
        print(f"README.md was left as it is: {error} `make bench` measures all of them.")
    else:
        print("README.md shows the results that are on disk, with what was missed.")


def _say_how_busy() -> None:
    """Print how many processes wanted a core in the last minute; speeds need a quiet machine."""
    if hasattr(os, "getloadavg"):
        print(f"Load in the last minute: {os.getloadavg()[0]:.1f} (this needs a quiet machine).")


def end_tidily() -> None:
    """Let a request to end come as an exception: clusters and ranks are ended on the way out.

    What is ignored stays so: under nohup a run goes on when its terminal is closed.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # asked once more, it goes on tidying up
    sys.exit(128 + number)


if __name__ == "__main__":
    end_tidily()
    sys.exit(main(sys.argv[1:]))
