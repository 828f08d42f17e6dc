"""How a rank begins: ``python -m kblib.jobs.start MODULE RUN_FOLDER ATTEMPT``.

Before anything heavy is imported it is made sure that the rank ends with its driver: an orphan must
not write beside its successor. Ranks that Slurm has started end with their job, which ends with the
driver. On SIGUSR2 a rank writes into the log where each of its threads is.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module

from kblib.jobs.exit_codes import INFRASTRUCTURE

DRIVER_VARIABLE = "KBNOTEBOOKS_DRIVER"
_LOOK_S = 0.25
_NUMBERS = {"RANK": "SLURM_PROCID", "LOCAL_RANK": "SLURM_LOCALID", "WORLD_SIZE": "SLURM_NTASKS"}


def end_with_driver(leaving: Callable[[], object] = bool) -> None:
    """End this process when the process that `KBNOTEBOOKS_DRIVER` names is no longer its parent.

    Parameters
    ----------
    leaving
        Called before; by default nothing is done.
    """
    driver = int(os.environ[DRIVER_VARIABLE])

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(_LOOK_S)
        leaving()
        os._exit(INFRASTRUCTURE)

    threading.Thread(target=watch, daemon=True).start()


def number_by_slurm() -> None:
    """Take the numbers that Slurm gives the tasks of a step for those of the ranks."""
    for ours, slurms in _NUMBERS.items():
        os.environ[ours] = os.environ[slurms]


def main(arguments: list[str]) -> None:
    """Watch the driver, carry out the module's own `main`, and end with its exit code."""
    faulthandler.register(signal.SIGUSR2, all_threads=True)
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # torch's profiler would fill the log with lines
    if DRIVER_VARIABLE in os.environ:
        end_with_driver()
    else:
        number_by_slurm()
    module, *rest = arguments
    code = int(import_module(module).main(rest))
    logging.shutdown()
    # At once: after a failure, torch's leave-taking may wait for peers that wait for this rank.
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
