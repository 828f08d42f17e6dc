"""Carry out a finetuning; `kblib.jobs.start` runs this in one process a rank.

Seeds are trained one after another. The steps of a run count through all of them, so that its curve
is one curve; what a seed came to is in ``result/seed-00001`` and stays there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from kblib import files
from kblib.files import MANIFEST
from kblib.finetuning.here import save_seed, seed_name
from kblib.finetuning.keeping import KeepingEngine
from kblib.finetuning.model import FinetunedModel
from kblib.finetuning.prepared import Prepared, prepare
from kblib.finetuning.seeds import best_of, with_seeds
from kblib.finetuning.training import Trained, train_seed
from kblib.jobs.exit_codes import DONE, STOPPED
from kblib.jobs.finetune_job import Finetune
from kblib.jobs.finetune_scores import scores_of
from kblib.jobs.rank import Ranks, StopFlag, guarded, joined
from kblib.jobs.spending import Spending
from kblib.runs import RunFolder, journal
from kblib.training.checkpoint import find_checkpoint, save_checkpoint

log = logging.getLogger("kblib.finetune")

_KEPT = 2  # of the newest checkpoints


class Finetuning:
    """One rank's part of one attempt.

    Parameters
    ----------
    run
        The run folder.
    attempt
        Which attempt this is; it marks the lines of the journal.
    ranks
        This rank and its peers.
    """

    def __init__(self, run: RunFolder, attempt: int, ranks: Ranks) -> None:
        self.run = run
        self.attempt = attempt
        self.ranks = ranks
        self.job = Finetune.from_dict(run.config()["job"])
        self.spending = Spending(run, attempt)

    def carry_out(self, stop: Callable[[], bool]) -> int:
        """Train every seed from where it was left; save each, then the chosen one."""
        data = prepare(self.job.material, self.job, self.job.model)
        steps = data.config(0).steps
        self._settle(steps * len(self.job.seeds))
        made = []
        for number, seed in enumerate(self.job.seeds):
            target = self.run.result / seed_name(seed)
            if not self.ranks.same_for_all(int((target / MANIFEST).is_file())):
                trained = self._train(data, seed, number * steps, stop)
                if trained is None:
                    return STOPPED
                if self.ranks.rank == 0:
                    save_seed(target, trained, data, scores_of)
                self.ranks.wait_for_all()
            if self.ranks.rank == 0:
                made.append(target)
        if self.ranks.rank == 0:
            models = [FinetunedModel.open(folder, device="cpu") for folder in made]
            with_seeds(best_of(models), models, self.run.model)
        self.ranks.wait_for_all()
        return DONE

    def _settle(self, steps: int) -> None:
        """Write down the threads of the first attempt, for other ones give other last bits."""
        if self.ranks.rank == 0 and not self.run.settled_file.exists():
            files.write_json(
                self.run.settled_file, {"steps": steps, "threads": torch.get_num_threads()}
            )
        self.ranks.wait_for_all()
        self.steps = steps

    def _train(
        self, data: Prepared, seed: int, offset: int, stop: Callable[[], bool]
    ) -> Trained | None:
        kept = RunCheckpoints(self.run, self.ranks, offset)
        found = kept.find()
        self._record(
            {
                "event": "resumed" if found else "started",
                "step": offset + (found[0] if found else 0),
                "steps": self.steps,
                "seed": seed,
                "notes": list(data.notes),
                "time": time.time(),
            }
        )
        return train_seed(
            data,
            seed,
            device=self.ranks.device,
            record=partial(self._record_step, offset, seed),
            stop=stop,
            checkpoints=kept,
            rank=self.ranks.rank,
            world_size=self.ranks.world_size,
        )

    def _record_step(self, offset: int, seed: int, line: Mapping[str, Any]) -> None:
        if self.ranks.rank:
            return
        record = {**line, "step": int(line["step"]) + offset, "seed": seed}
        if "loss" in line:
            record["gpu_hours"] = round(self.spending.gpu_hours, 6)
            a_step = line["tokens"] / line["step"] / line["tokens_per_s"]
            record["seconds_left"] = round((self.steps - record["step"]) * a_step, 1)
            self.spending.stop_if_spent()
        self._record(record)

    def _record(self, record: Mapping[str, Any]) -> None:
        if self.ranks.rank == 0:
            journal.append(self.run.metrics_file, {**record, "attempt": self.attempt})


class RunCheckpoints:
    """Checkpoints of one seed in a run, whose steps count through all seeds.

    Parameters
    ----------
    offset
        Steps of the seeds before.
    """

    def __init__(self, run: RunFolder, ranks: Ranks, offset: int) -> None:
        self.run = run
        self.ranks = ranks
        self.offset = offset

    def find(self) -> tuple[int, Path] | None:
        """Return the newest whole checkpoint of this seed: its step in it, and its folder."""
        found = find_checkpoint(self.run) if self.ranks.rank == 0 else None
        for reason in found.passed_over if found else ():
            log.warning("a checkpoint was passed over: %s", reason)
        step = self.ranks.same_for_all(found.step if found else 0)
        if step <= self.offset:
            return None
        return step - self.offset, self.run.checkpoint(step)

    def save(self, engine: KeepingEngine, step: int) -> None:
        """Save a step of this seed."""
        save_checkpoint(self.run, engine, step + self.offset, keep=_KEPT)
        self.ranks.wait_for_all()


def main(arguments: list[str]) -> int:
    """Carry out what the command line names."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    run, attempt = RunFolder(Path(arguments[0])), int(arguments[1])
    stop = StopFlag(run.stop_file(attempt))

    def work() -> int:
        with joined(run, attempt) as ranks:
            if ranks.rank == 0:
                journal.mend(run.metrics_file)
            return Finetuning(run, attempt, ranks).carry_out(stop)

    return guarded(work, run, attempt)
