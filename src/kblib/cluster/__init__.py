"""From a job to a run: submit, find again, wait, stop, resume."""

from kblib.cluster.run import Run
from kblib.cluster.submit import submit

__all__ = ["Run", "submit"]
