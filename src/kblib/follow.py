"""Following a run from a terminal: a line every few seconds until it is over."""

from __future__ import annotations

import time
from collections.abc import Callable

from kblib.cluster import Run
from kblib.errors import RunError
from kblib.runs import Phase

_LINE_EVERY_S = 10.0
_POLL_S = 0.5


def follow(run: Run, say: Callable[[str], None]) -> None:
    """Tell how a run gets on until it is over.

    Raises
    ------
    RunError
        If it fails, or is stopped before its end.
    """
    tail, told = run.tail(), 0.0
    while not run.state.over:
        records = [record for record in tail.new() if "loss" in record]
        if records and time.monotonic() - told > _LINE_EVERY_S:
            told = time.monotonic()
            last = records[-1]
            steps = run.state.steps  # not told before the driver's next heartbeat
            of = f" of {steps:,}" if steps else ""
            say(
                f"        step {last['step']:,}{of}: "
                f"loss {last['loss']:.2f}, {last['tokens_per_s']:,.0f} tokens a second, "
                f"{last['seconds_left']:,.0f} s left"
            )
        time.sleep(_POLL_S)
    run.wait()
    state = run.state
    if state.phase is Phase.STOPPED:
        of = f" of {state.steps}" if state.steps else ""
        raise RunError(
            f"Run '{run.name}' was stopped at step {state.step}{of}.",
            "A result is there only at the end.",
            f"Go on with: python -m kblib resume {run.name}",
        )
