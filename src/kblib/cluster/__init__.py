"""From a job to a run: submit, find again, wait, stop, resume; here or on a cluster."""

from kblib.cluster.preflight import preflight
from kblib.cluster.rehearsal import emulator_is_up
from kblib.cluster.run import Run
from kblib.cluster.show_script import job_script
from kblib.cluster.submit import submit

__all__ = ["Run", "emulator_is_up", "job_script", "preflight", "submit"]
