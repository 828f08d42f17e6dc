"""One command, run and waited for; a command that gives no answer is said so in plain words."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping, Sequence

from kblib.errors import SiteError

TIMEOUT_S = 60.0
"""How long a command of the scheduler may take; a busy controller answers within ten seconds."""
Completed = subprocess.CompletedProcess[str]


def completed(
    command: Sequence[str],
    environment: Mapping[str, str],
    text: str | None,
    timeout_s: float,
    *,
    said: str = "",
) -> Completed:
    """Run a command and return what it said.

    Parameters
    ----------
    environment
        All that it knows of the environment.
    text
        What it reads; nothing if None.
    said
        What it is called if it gives no answer; by default the whole command.

    Raises
    ------
    SiteError
        If it does not end in time.
    """
    try:
        return subprocess.run(
            list(command),
            input=text,
            stdin=None if text is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            env=dict(environment),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise no_answer(said or shlex.join(command), timeout_s) from None


def no_answer(command: str, timeout_s: float) -> SiteError:
    """Return the error for a command that did not end in time."""
    return SiteError(
        f"{command} gave no answer within {timeout_s:.0f} s.",
        "The scheduler, or the way to it, is busy or down.",
        "Try again in a minute; what runs goes on.",
    )
