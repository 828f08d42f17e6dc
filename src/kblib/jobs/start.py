"""How a rank begins: ``python -m kblib.jobs.start MODULE RUN_FOLDER ATTEMPT``.

Before anything heavy is imported it is made sure that the rank ends with its driver: an orphan must
not write beside its successor.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from importlib import import_module

from kblib.jobs.exit_codes import INFRASTRUCTURE

DRIVER_VARIABLE = "KBNOTEBOOKS_DRIVER"
_LOOK_S = 0.25


def end_with_driver() -> None:
    """End this process when the process that `KBNOTEBOOKS_DRIVER` names is no longer its parent."""
    driver = int(os.environ[DRIVER_VARIABLE])

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(_LOOK_S)
        os._exit(INFRASTRUCTURE)

    threading.Thread(target=watch, daemon=True).start()


def main(arguments: list[str]) -> None:
    """Watch the driver, carry out the module's own `main`, and end with its exit code."""
    end_with_driver()
    module, *rest = arguments
    code = int(import_module(module).main(rest))
    logging.shutdown()
    # At once: after a failure, torch's leave-taking may wait for peers that wait for this rank.
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
