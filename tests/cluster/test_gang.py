"""How the jobs of a gang are queued, and taken back when one of them is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from kblib import settings
from kblib.cluster import gang, submit
from kblib.cluster.slurm_answers import SlurmJob
from kblib.errors import SiteError
from kblib.jobs.specs import Pretrain
from kblib.runs import RunFolder


class Queue:
    """Stands for a scheduler that queues two jobs, and gives no answer for the second."""

    shell = None

    def __init__(self) -> None:
        self.jobs: list[str] = []

    def submit(self, _: str) -> str:
        self.jobs.append(str(7 + len(self.jobs)))
        if len(self.jobs) == 2:
            raise SiteError("sbatch gave no answer within 60 s.")
        return self.jobs[-1]

    def queue(self, name: str) -> list[SlurmJob]:
        states = ("RUNNING", "PENDING")
        return [
            SlurmJob(*one) for one in zip(self.jobs, (name, name), states, ("", ""), strict=False)
        ]

    def cancel(self, *numbers: str) -> None:
        self.jobs = [number for number in self.jobs if number not in numbers]


def test_jobs_that_were_queued_without_an_answer_are_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = Queue()
    run = RunFolder.create(tmp_path / "run", {"site": "emulator", "resources": {}})
    monkeypatch.setattr(gang, "slurm_of", lambda _: queue)
    monkeypatch.setattr(gang, "stage", lambda *_: [])
    monkeypatch.setattr(gang, "script_of", lambda _: "#!/bin/sh\n")
    with pytest.raises(SiteError, match="gave no answer"):
        gang.begin(run)
    assert queue.jobs == []
    assert not run.script_file.exists()


def test_jobs_are_sent_to_slurm_only(tmp_home: Path, job: Pretrain) -> None:
    with pytest.raises(SiteError) as caught:
        submit(job, site="example-pbs", ranks_per_node=1, account="project-1")
    assert str(caught.value) == (
        "Site 'example-pbs' has the scheduler 'pbs'. "
        "Jobs are sent to Slurm only; for others the script is shown, to be sent by hand.\n"
        '  kb.job_script(job, site="example-pbs")'
    )
    assert list(settings.runs_folder().iterdir()) == []
