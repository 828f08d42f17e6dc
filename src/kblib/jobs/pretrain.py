"""Carry out a pretraining.

``python -m kblib.jobs.pretrain RUN_FOLDER ATTEMPT``, one process a rank.
"""

from __future__ import annotations

import copy
import logging
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from kblib import files
from kblib.errors import JobError
from kblib.jobs.exit_codes import DONE, STOPPED
from kblib.jobs.measure import seconds_a_step
from kblib.jobs.prepare import Prepared, prepare
from kblib.jobs.rank import Ranks, StopFlag, end_with_parent, guarded, joined
from kblib.jobs.rates import keep_rate
from kblib.jobs.result import save_result
from kblib.jobs.specs import Pretrain
from kblib.models.build import build_model
from kblib.models.initialise import start_from_frequencies, start_from_neighbours
from kblib.runs import RunFolder, journal
from kblib.training.batches import BlockBatches
from kblib.training.checkpoint import find_checkpoint, save_checkpoint
from kblib.training.config import TrainingConfig
from kblib.training.engine import TorchEngine
from kblib.training.loop import train
from kblib.training.objective import objective_for

log = logging.getLogger("kblib.pretrain")

_EVALUATION_BLOCKS = 256
_OVERHEAD = 0.85
"""Share of the minutes asked for that goes into steps.

The rest is set-up, evaluation and saving.
"""


class Pretraining:
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
        self.config = run.config()
        self.job = Pretrain.from_dict(self.config["job"])

    def carry_out(self, stop: StopFlag) -> int:
        """Prepare, train from the newest checkpoint, save the result; return the exit code."""
        _check_ranks(self.job, self.ranks.world_size)
        data = self._prepared()
        model = self._model(data)
        objective = objective_for(model, self.job.shape).to(self.ranks.device)
        config = training_config(self.job, steps=self._steps(objective, data))
        engine = TorchEngine(objective, config, self.ranks.device)
        first = self._take_up(engine, config)
        held_out = data.held_out("valid", self.job, most_blocks=_EVALUATION_BLOCKS)
        done = train(
            engine,
            self._batches(data, config),
            config,
            first_step=first,
            record=self._record,
            evaluate=lambda: _named(held_out.score(model)),
            save=partial(self._save, engine, config),
            stop=stop,
        )
        if done < config.steps:
            return STOPPED
        if self.ranks.rank == 0:
            self._keep_rate()
            save_result(self.run, self.job, model, data, config, self.ranks.world_size)
        return DONE

    def _prepared(self) -> Prepared:
        if self.ranks.rank == 0:
            prepare(self.job)
        self.ranks.wait_for_all()
        return prepare(self.job)

    def _model(self, data: Prepared) -> PreTrainedModel:
        model = build_model(self.job.shape, dropout=self.job.dropout, seed=self.job.seed)
        if self.job.shape.objective == "masked":
            special = data.tokenizer.special_ids
            start_from_neighbours(model, data.train, special_ids=special, seed=self.job.seed)
            start_from_frequencies(model, data.train, special_ids=special)
        return model

    def _batches(self, data: Prepared, config: TrainingConfig) -> BlockBatches:
        return BlockBatches(
            data.train,
            data.tokenizer,
            self.job.shape,
            config,
            rank=self.ranks.rank,
            world_size=self.ranks.world_size,
        )

    def _steps(self, objective: nn.Module, data: Prepared) -> int:
        """Return the steps of this run; settled once, in `steps.json`, by the first attempt."""
        settled = self.run.path / "steps.json"
        if self.ranks.rank == 0 and not settled.exists():
            files.write_json(settled, {"steps": self._work_out_steps(objective, data)})
        self.ranks.wait_for_all()
        return int(files.read_json(settled)["steps"])

    def _work_out_steps(self, objective: nn.Module, data: Prepared) -> int:
        job = self.job
        a_step = job.batch_size * job.seq_len
        if job.steps is not None:
            return job.steps
        if job.tokens is not None:
            return max(1, round(job.tokens / a_step))
        if job.epochs is not None:
            return max(1, round(job.epochs * data.train.n_blocks(job.seq_len) / job.batch_size))
        config = training_config(job, steps=1)
        trial = TorchEngine(copy.deepcopy(objective), config, self.ranks.device)
        batches = BlockBatches(data.train, data.tokenizer, job.shape, config)
        seconds = seconds_a_step(lambda step: trial.step(batches.step(step), 0.0), budget_s=3.0)
        return max(1, int((job.minutes or 0) * 60 * _OVERHEAD / seconds))

    def _take_up(self, engine: TorchEngine, config: TrainingConfig) -> int:
        """Load the newest whole checkpoint, say what was passed over; return its step."""
        found = find_checkpoint(self.run) if self.ranks.rank == 0 else None
        step = self.ranks.same_for_all(found.step if found else 0)
        if step:
            engine.load(self.run.checkpoint(step))
        passed_over = list(found.passed_over) if found else []
        for reason in passed_over:
            log.warning("a checkpoint was passed over: %s", reason)
        self._record(
            {
                "event": "resumed" if step else "started",
                "step": step,
                "steps": config.steps,
                "passed_over": passed_over,
                "time": time.time(),
            }
        )
        return step

    def _save(self, engine: TorchEngine, config: TrainingConfig, step: int) -> None:
        if self.ranks.rank == 0:
            save_checkpoint(self.run, engine, step, keep=config.keep_checkpoints)
        self.ranks.wait_for_all()

    def _record(self, record: Mapping[str, Any]) -> None:
        if self.ranks.rank == 0:
            journal.append(self.run.metrics_file, {**record, "attempt": self.attempt})

    def _keep_rate(self) -> None:
        rates = [
            record["tokens_per_s"] for record in self.run.metrics() if "tokens_per_s" in record
        ]
        if rates:
            middle = sorted(rates)[len(rates) // 2]
            source = f"measured by run '{self.run.name}'"
            keep_rate(self.job, self.config["site"], self.ranks.world_size, middle, source)


def _named(scores: Mapping[str, float]) -> dict[str, float]:
    return {f"eval_{name}": value for name, value in scores.items()}


def training_config(job: Pretrain, *, steps: int) -> TrainingConfig:
    """Return the numbers of the loop for a job of so many steps."""
    return TrainingConfig(
        steps=steps,
        seq_len=job.seq_len,
        batch_size=job.batch_size,
        grad_accum_steps=job.grad_accum_steps,
        learning_rate=job.learning_rate,
        # A run too short for its warm-up spends a tenth of its steps on it.
        warmup_steps=max(1, min(job.warmup_steps, steps // 10)),
        weight_decay=job.weight_decay,
        mask_rate=job.mask_rate,
        seed=job.seed,
        eval_every=job.eval_every,
        save_every=job.save_every,
    )


def _check_ranks(job: Pretrain, world_size: int) -> None:
    pieces = world_size * job.grad_accum_steps
    if job.batch_size % pieces:
        fitting = max(pieces, job.batch_size // pieces * pieces)
        raise JobError(
            f"A batch of {job.batch_size} blocks does not divide into {world_size} ranks "
            f"times {job.grad_accum_steps} pieces.",
            "Every rank needs an equal share.",
            f"kb.Pretrain(..., batch_size={fitting})",
        )


def main(arguments: list[str]) -> int:
    """Carry out what the command line names."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    run = RunFolder(Path(arguments[0]))
    end_with_parent()
    stop = StopFlag()

    def work() -> int:
        with joined() as ranks:
            if ranks.rank == 0:
                journal.mend(run.metrics_file)
            return Pretraining(run, int(arguments[1]), ranks).carry_out(stop)

    return guarded(work, run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
