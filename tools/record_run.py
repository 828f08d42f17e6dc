"""Record the run that a lesson plays where there is no cluster: ``python tools/record_run.py``.

As root, with Slurm installed. It starts an emulated cluster, sends the lesson's own job to two of
its nodes, and lets happen to it what the lesson tells of: it waits for nodes, is stopped and
resumed, and loses a node. What changed in the run folder meanwhile goes into
``src/kblib/cluster/recorded/two-nodes.jsonl``.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kblib.hpc.emulator import Emulator  # type: ignore[import-not-found]

from kblib import settings
from kblib.cluster import submit
from kblib.cluster.access import EMULATOR_VARIABLE
from kblib.cluster.slurm_answers import expanded
from kblib.corpora import load_sample, newsreel_filters
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape
from kblib.runs import Phase, RunFolder
from kblib.runs.recording import Recorder, Recording

NAME = "two-nodes"
ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "src" / "kblib" / "cluster" / "recorded" / f"{NAME}.jsonl"
_LOOK_S, _PATIENCE_S = 0.2, 600.0
_WAITS_S, _PAUSE_S = 8.0, 5.0
"""How long the run waits for nodes, and lies stopped: long enough to be seen in a replay."""
_STOP_AT, _LOSE_A_NODE_AT = 60, 120


def job() -> Pretrain:
    """Return the job of lesson 10; a test compares the two."""
    films = load_sample("newsreels").filter(*newsreel_filters(), years=(1936, 1940))
    shape = ModelShape(n_layer=2, n_head=2, n_embd=64)
    return Pretrain(
        films, shape, steps=200, batch_size=96, seq_len=32, learning_rate=3e-3, eval_every=40,
        save_every=20, name=NAME,
    )  # fmt: skip


class Session:
    """One run on an emulated cluster, looked at all the time."""

    def __init__(self, cluster: Emulator) -> None:
        self.cluster = cluster
        waits = ("--nodes=3", "--exclusive", "--output=/dev/null", "--wrap=sleep 600")
        busy = cluster.run("sbatch", "--parsable", *waits)
        self.other_job = busy.stdout.strip()
        self.run = submit(job(), site="emulator", nodes=2, ranks_per_node=1, gpus_per_node=1,
                          cores_per_node=1, walltime_hours=0.5)  # fmt: skip
        self.recorder = Recorder(RunFolder(self.run.folder), _hidden(cluster))

    def carry_out(self) -> Recording:
        """Let everything happen, and return what was seen."""
        self._until(lambda: "waits" in self.run.state.why)
        self._note_what_the_queue_says()
        self._for(_WAITS_S)
        self.cluster.run("scancel", self.other_job)
        self._reach(_STOP_AT)
        self.run.cancel()
        self._until(lambda: self.run.state.over)
        self._for(_PAUSE_S)
        self.run.resume()
        self._reach(_LOSE_A_NODE_AT)
        nodes = expanded(str(self.run.attempts()["nodes"].iloc[-1]))
        self.cluster.kill_node(nodes[-1])
        self._until(lambda: self.run.state.over)
        self.recorder.look()
        if self.run.state.phase is not Phase.DONE:
            raise SystemExit(f"{self.run!r}\n{self.run.log(60)}")
        return self.recorder.recording(name=NAME, site="emulator", seconds=self._seconds())

    def _note_what_the_queue_says(self) -> None:
        """Write the scheduler's answer into the folder: a replay has no scheduler to ask."""
        folder = RunFolder(self.run.folder)
        folder.write_state(self.run.state)

    def _reach(self, step: int) -> None:
        self._until(lambda: self.run.state.step >= step)

    def _for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self._until(lambda: time.monotonic() > end)

    def _until(self, what: Callable[[], bool]) -> None:
        end = time.monotonic() + _PATIENCE_S
        while not what():
            if time.monotonic() > end:
                raise SystemExit(f"it did not come about: {self.run!r}\n{self.run.log(60)}")
            self.recorder.look()
            time.sleep(_LOOK_S)

    def _seconds(self) -> float:
        return round(self.recorder.frames[-1].at_s, 1)


def _hidden(cluster: Emulator) -> dict[str, str]:
    """Return what is of this machine alone, the longest first."""
    return {
        str(settings.home()): "HOME",
        sys.executable: "python",
        str(Path(sys.prefix)): "VENV",
        str(ROOT): "CLONE",
        str(cluster.folder): "EMULATOR",
        os.uname().nodename: "login",
    }


def main() -> int:
    """Record and write the file."""
    with tempfile.TemporaryDirectory(prefix="rec-") as folder:
        os.environ["KBNOTEBOOKS_HOME"] = f"{folder}/home"
        os.environ[EMULATOR_VARIABLE] = f"{folder}/emu"
        cluster = Emulator(Path(folder) / "emu")
        cluster.start()
        try:
            recording = Session(cluster).carry_out()
        finally:
            cluster.stop()
    TARGET.parent.mkdir(exist_ok=True)
    recording.save(TARGET)
    size_kb = TARGET.stat().st_size / 1000
    print(f"{TARGET.relative_to(ROOT)}: {recording.seconds:.0f} s of a run, {size_kb:.0f} kB.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
