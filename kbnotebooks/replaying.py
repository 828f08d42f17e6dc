"""A recorded run, shown as if it went on now: for those who have no cluster at hand."""

from __future__ import annotations

from kblib.cluster.replay import SPEED, replayed
from kbnotebooks.runs import RunView


def replay(name: str, *, speed: float = SPEED) -> RunView:
    """Show a recorded run as it went on, only faster; the view says that it is a recording.

    ``replay(name).run`` can be asked, waited for, cancelled and resumed like a run: playing stops
    where the run was stopped then, and goes on with `resume`. Nothing is computed, and there is no
    model at the end. Played again, it begins anew.

    Parameters
    ----------
    name
        The recording: ``"two-nodes"``.
    speed
        How many times faster than it was.

    Raises
    ------
    RunError
        If there is no such recording, or it is played by another notebook.
    """
    run = replayed(name, speed=speed)
    RunView.forget(run.folder)  # what an earlier view had read is no longer there
    return RunView(run)
