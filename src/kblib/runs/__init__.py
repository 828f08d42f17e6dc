"""Runs on disk: a run is a folder, and this is the only place that knows its names."""

from kblib.runs.finding import list_runs, open_run_folder
from kblib.runs.folder import RunFolder
from kblib.runs.journal import Tail
from kblib.runs.state import Phase, RunState

__all__ = ["Phase", "RunFolder", "RunState", "Tail", "list_runs", "open_run_folder"]
