"""A process whose memory is looked at: ``python -m benchmarks.finetune_peak METHOD FOLDER``.

It reads the parts from files, since a whole corpus would take more than any training here, and
imports PyTorch only for what needs it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from kblib.evaluation.baselines import OF_KIND, baselines
from kblib.labels import read_labels
from kblib.labels.parts import Parts
from kblib.tasks.listed import TASKS


def main(name: str, folder: Path) -> None:
    """Do what a method does: a few steps, or all that a baseline takes."""
    found = {
        part: read_labels(folder / f"{part}.jsonl", labels=TASKS["sentences"].labels)
        for part in ("train", "test", "valid")
    }
    parts = Parts(**found, by="film")
    if name in OF_KIND["texts"]:
        baselines(parts, only=[name])
        return
    from benchmarks.finetune_cells import few_steps

    few_steps(parts, name, lambda _line: None)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
