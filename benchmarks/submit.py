"""Seconds from a submit to the first step of training, beside ``sbatch`` and ``srun`` by hand."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from kblib.hpc.emulator import Emulator  # type: ignore[import-not-found]

from benchmarks.intervals import Estimate, median_estimate
from benchmarks.outcome import BenchmarkError, Outcome, measured
from benchmarks.pairs import Pair, take_turns
from benchmarks.tables import Cell
from kblib.cluster import submit
from kblib.cluster.access import EMULATOR_VARIABLE
from kblib.corpora import Corpus, load_sample
from kblib.errors import KblibError
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape
from kblib.runs import RunFolder
from kblib.settings import HOME_VARIABLE

BAR_S = 5.0
NODES = 2
_PATIENCE_S = 600.0
_LOOK_S = 0.01
_ASK_EVERY_S = 5.0
_SHAPE = ModelShape(n_layer=2, n_head=2, n_embd=64, vocab_size=500, seq_len=64)
_STEPS = 1_000_000
"""Never reached: each turn ends after its first step."""
_TEXTS = 2000


@dataclass(frozen=True)
class Rehearsal:
    """An emulated cluster and a job whose tokens are packed already."""

    emulator: Emulator
    job: Pretrain
    home: Path

    def ours(self) -> float:
        """Submit a new run; return the seconds to its first step, and end it."""
        began = time.perf_counter()
        run = submit(
            self.job,
            site="emulator",
            nodes=NODES,
            ranks_per_node=1,
            gpus_per_node=0,
            cores_per_node=1,
            memory_gib=4,
            walltime_hours=0.5,
            fresh=True,
        )
        seconds = _first_step(RunFolder(run.folder), lambda: run.state.over) - began
        run.cancel()
        self._until_idle()
        return seconds

    def by_hand(self) -> float:
        """Send the same training module by a script of one's own; return the same seconds."""
        run = self._folder()
        script = run.path / "by-hand.sh"
        script.write_text(script_by_hand(run), encoding="utf-8")
        began = time.perf_counter()
        done = self.emulator.run("sbatch", "--parsable", str(script))
        if done.returncode:
            raise BenchmarkError(f"sbatch refused the script by hand: {done.stderr.strip()}")
        seconds = _first_step(run, self._is_idle) - began
        self.emulator.run("scancel", done.stdout.strip())
        self._until_idle()
        return seconds

    def _folder(self) -> RunFolder:
        """Return a run folder with what the training module reads; it is not timed."""
        path = Path(tempfile.mkdtemp(prefix="by-hand-", dir=self.home)) / "run"
        config = {
            "job": self.job.with_saved_corpus().to_dict(),
            "module": "kblib.jobs.pretrain",
            "site": "emulator",
            "ranks": NODES,
        }
        run = RunFolder.create(path, config)
        run.tidy()  # makes the folder in which ranks meet
        run.begin_attempt(0, {})
        return run

    def _until_idle(self) -> None:
        """Wait until no job is left, so that the next turn begins on free nodes."""
        end = time.monotonic() + _PATIENCE_S
        while not self._is_idle():
            if time.monotonic() > end:
                raise BenchmarkError("A job did not end after it was asked to.")
            time.sleep(0.2)

    def _is_idle(self) -> bool:
        return not self.emulator.run("squeue", "--noheader").stdout.strip()


def script_by_hand(run: RunFolder) -> str:
    """Return the batch script that somebody would write for this training module."""
    return f"""#!/usr/bin/env bash
#SBATCH --job-name=by-hand
#SBATCH --partition=gpu
#SBATCH --nodes={NODES}
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=4G
#SBATCH --time=00:30:00
#SBATCH --output={run.log_file}

export OMP_NUM_THREADS=$SLURM_CPUS_PER_TASK GLOO_SOCKET_IFNAME=lo
srun {sys.executable} -m kblib.jobs.start kblib.jobs.pretrain {run.path} 1
"""


def measure(*, quick: bool = False) -> Outcome:
    """Let the two ways take turns on an emulated cluster of two nodes."""
    with _rehearsal() as rehearsal:
        rehearsal.ours(), rehearsal.by_hand()  # the first of each packs tokens and reads the disk
        pairs = take_turns(rehearsal.ours, rehearsal.by_hand, 6 if quick else 11)
        version = rehearsal.emulator.run("sinfo", "--version").stdout.strip()
    result = measured(
        "submit",
        "Submit to first step",
        ["sent by", "median, s", "slowest, s", "later than by hand, s", "95 % interval", "wanted"],
        rows(pairs),
        _note(len(pairs), version),
        ["torch", "distributed"],
    )
    return Outcome(result, missed(later_by(pairs)))


def later_by(pairs: list[Pair]) -> Estimate:
    """Return by how many seconds ours comes later: the median of the pairs."""
    return median_estimate([pair.ours - pair.other for pair in pairs])


def rows(pairs: list[Pair]) -> list[list[Cell]]:
    """Return the rows of the table: ours with the difference, then by hand."""
    later = later_by(pairs)
    ours, other = [pair.ours for pair in pairs], [pair.other for pair in pairs]
    interval = f"{later.low:.2f} to {later.high:.2f}"
    wanted = f"at most {BAR_S:g}"
    return [
        ["kb.submit", *_middle_and_top(ours), f"{later.value:.2f}", interval, wanted],
        ["sbatch and srun by hand", *_middle_and_top(other), "", "", ""],
    ]


def missed(later: Estimate) -> tuple[str, ...]:
    """Return a sentence if the upper end of the interval does not reach the bar."""
    if later.high <= BAR_S:
        return ()
    told = f"the first step comes {later.high:.1f} s later than by hand"
    return (f"Missed: at the upper end of the interval {told}; at most {BAR_S:g} s was wanted.",)


def _middle_and_top(seconds: list[float]) -> list[Cell]:
    return [round(median(seconds), 2), round(max(seconds), 2)]


def _note(n_pairs: int, version: str) -> str:
    return (
        f"An emulated cluster ({version}) on this machine, {NODES} nodes with one rank of one "
        f"thread each, gloo; a GPT of {_SHAPE.n_layer} x {_SHAPE.n_embd} on {_TEXTS:,} texts of "
        f"the newsreels whose tokens are packed already. {n_pairs} pairs took turns, first one, "
        "then the other ahead. From the call, or from sbatch, until the first step stands in the "
        "journal of the run; both start the same training module with srun. kb.submit also looks "
        "at corpus and Python, copies the code, makes keys, queues the job behind, and starts a "
        "driver in the job. Almost all of both is the start of Python and torch, on a cluster "
        "also the queue."
    )


def _first_step(run: RunFolder, is_over: Callable[[], bool]) -> float:
    """Wait for the first step in the journal; return when it was seen.

    Raises
    ------
    BenchmarkError
        If the run is over without one.
    """
    tail = run.tail()
    ask = time.monotonic() + _ASK_EVERY_S
    while not any("loss" in record for record in tail.new()):
        if time.monotonic() > ask:
            if is_over():
                raise BenchmarkError(f"A run ended without a step. Its log: {run.log(5)}")
            ask = time.monotonic() + _ASK_EVERY_S
        time.sleep(_LOOK_S)
    return time.perf_counter()


@contextmanager
def _rehearsal() -> Iterator[Rehearsal]:
    """Give an emulated cluster and a home of their own; both are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="emu-"))
    before = {name: os.environ.get(name) for name in (HOME_VARIABLE, EMULATOR_VARIABLE)}
    emulator = Emulator(folder / "cluster")
    home = folder / "home"
    home.mkdir()
    job = Pretrain(
        _corpus(), replace(_SHAPE, architecture="gpt_neox"), steps=_STEPS, seq_len=64, batch_size=2,
        eval_every=_STEPS, save_every=_STEPS, valid=0.05, test=0.05, name="rehearsal",
    )  # fmt: skip
    os.environ.update({HOME_VARIABLE: str(home), EMULATOR_VARIABLE: str(emulator.folder)})
    try:
        try:
            emulator.start()
        except KblibError as error:
            raise BenchmarkError(f"There is no emulated cluster to submit to. {error}") from None
        yield Rehearsal(emulator, job, home)
    finally:
        emulator.stop()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        shutil.rmtree(folder, ignore_errors=True)


def _corpus() -> Corpus:
    return load_sample("newsreels").sample(_TEXTS, seed=1)
