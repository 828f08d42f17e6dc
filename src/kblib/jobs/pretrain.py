"""Carry out a pretraining; `kblib.jobs.start` runs this in one process a rank."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from kblib import files
from kblib.jobs.exit_codes import DONE, STOPPED
from kblib.jobs.first_model import engine_for, first_model, shares_weights
from kblib.jobs.measure import seconds_a_step
from kblib.jobs.prepare import Prepared, prepare
from kblib.jobs.quantities import USUAL_WARM_UP, steps_in
from kblib.jobs.rank import Ranks, StopFlag, guarded, joined
from kblib.jobs.rates import keep_rate, median_rate, rate_spread
from kblib.jobs.result import save_result
from kblib.jobs.specs import Pretrain, check_ranks
from kblib.jobs.undoing import spike_guard
from kblib.jobs.watching import Watch
from kblib.models.causal import CausalLM
from kblib.models.continued import same_layout
from kblib.runs import RunFolder, journal
from kblib.training.batches import BlockBatches
from kblib.training.checkpoint import find_checkpoint
from kblib.training.config import TrainingConfig
from kblib.training.engine import Engine
from kblib.training.loop import train
from kblib.training.objective import objective_for
from kblib.training.saving import Saver
from kblib.training.spikes import SpikeGuard

log = logging.getLogger("kblib.pretrain")

_EVALUATION_BLOCKS = 256
_SAMPLE_TOKENS = 40


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
        self._reached = 0

    def carry_out(self, stop: StopFlag) -> int:
        """Prepare, train from the newest checkpoint, save the result; return the exit code."""
        check_ranks(self.job, self.ranks.world_size)
        data = self._prepared()
        model = first_model(self.job, data, self.ranks.device)
        objective = objective_for(model, self.job.shape)
        config = training_config(self.job, steps=self._steps(objective, data))
        engine = self._engine(objective, config)
        watch = Watch(self.run, self.attempt, self.job, on_gpus=self.ranks.device.type == "cuda")
        first = self._take_up(engine, config, watch)
        batches = self._batches(data, config)
        if first == 0 and self.job.monitored:  # what is forgotten shows against how it began
            self._record({"step": 0, **self._evaluate(data, model)})
        with Saver(self.run, engine, keep=config.keep_checkpoints) as saver:
            guard = self._guard(engine, first, saver)
            done = train(
                engine,
                batches,
                config,
                first_step=first,
                record=partial(self._record_step, watch, batches, guard),
                evaluate=partial(self._evaluate, data, model),
                save=saver.begin,
                stop=partial(_asked, stop, saver),
                guard=guard,
            )
        if done < config.steps:
            return STOPPED
        trained = self._trained(engine, model)
        if trained is not None:
            self._keep_rate()
            save_result(self.run, self.job, trained, data, config, self.ranks.world_size)
        return DONE

    def _prepared(self) -> Prepared:
        if self.ranks.rank == 0:
            prepare(self.job)
        self.ranks.wait_for_all()
        return prepare(self.job)

    def _engine(self, objective: nn.Module, config: TrainingConfig) -> Engine:
        return engine_for(self.job, objective, config, self.ranks.device)

    def _trained(self, engine: Engine, model: PreTrainedModel) -> PreTrainedModel | None:
        """Return the model whole, on rank 0 alone, and in the optimiser's precision."""
        first = self.ranks.rank == 0
        if self.job.engine == "torch":
            return model if first else None
        whole = same_layout(model) if first else None
        engine.give_weights_to(None if whole is None else objective_for(whole, self.job.shape))
        return whole

    def _batches(self, data: Prepared, config: TrainingConfig) -> BlockBatches:
        return BlockBatches(
            data.shares(self.job),
            data.tokenizer,
            self.job.shape,
            config,
            rank=self.ranks.rank,
            world_size=self.ranks.world_size,
        )

    def _steps(self, objective: nn.Module, data: Prepared) -> int:
        """Return the steps of this run; the first attempt settles them for all."""
        settled = self.run.settled_file
        # Rank 0 looks for all: a late one would find what was settled a moment ago, and not vote.
        if not self.ranks.same_for_all(int(settled.exists())):
            steps = self.ranks.same_for_all(self._work_out_steps(objective, data))
            if self.ranks.rank == 0:
                files.write_json(settled, {"steps": steps, "threads": torch.get_num_threads()})
        self.ranks.wait_for_all()
        return int(files.read_json(settled)["steps"])

    def _work_out_steps(self, objective: nn.Module, data: Prepared) -> int:
        job = self.job
        a_step = job.batch_size * job.seq_len
        if job.steps is not None:
            return job.steps
        if job.tokens is not None:
            return max(1, math.ceil(job.tokens / a_step))
        if job.epochs is not None:
            n_blocks = data.train.n_blocks(job.seq_len)
            own = job.sources[0].share * job.batch_size  # of the job's own corpus it reads a step
            return max(1, math.ceil(job.epochs * n_blocks / own))
        return steps_in(job.minutes or 0, self._seconds_a_step(objective, data))

    def _seconds_a_step(self, objective: nn.Module, data: Prepared) -> float:
        config = training_config(self.job, steps=1)
        trial = self._engine(self._another(objective, data), config)
        batches = self._batches(data, config)
        # Every rank must take part in every step of the others: no budget that each would judge.
        budget_s = 3.0 if self.ranks.world_size == 1 else 0.0
        return seconds_a_step(lambda step: trial.step(batches.step(step), 0.0), budget_s=budget_s)

    def _another(self, objective: nn.Module, data: Prepared) -> nn.Module:
        """Return an equal objective, to be tried and thrown away."""
        if not shares_weights(self.job):
            return copy.deepcopy(objective)
        return objective_for(first_model(self.job, data, self.ranks.device), self.job.shape)

    def _guard(self, engine: Engine, first: int, saver: Saver) -> SpikeGuard | None:
        if self.job.spike_nats is None:
            return None
        return spike_guard(
            self.run,
            self.ranks,
            engine,
            self._record,
            saver.finish,
            nats=self.job.spike_nats,
            first_step=first,
        )

    def _take_up(self, engine: Engine, config: TrainingConfig, watch: Watch) -> int:
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
                **watch.about(),
            }
        )
        return step

    def _evaluate(self, data: Prepared, model: PreTrainedModel) -> dict[str, float]:
        """Score the validation part, and those of the monitored corpora."""
        held_out = data.held_out("valid", self.job, most_blocks=_EVALUATION_BLOCKS)
        scores = _named(held_out.score(model))
        for name, other in data.monitors(self.job, most_blocks=_EVALUATION_BLOCKS).items():
            scores[f"eval_loss_{name}"] = other.score(model)["loss"]
        if self.job.sample_prompt is not None:
            self._write_sample(CausalLM(model, data.tokenizer, name=self.job.label))
        return scores

    def _write_sample(self, writer: CausalLM) -> None:
        """Let every rank write the same text, and rank 0 keep it."""
        prompt = self.job.sample_prompt or ""
        whole = writer.generate(prompt, seed=self.job.seed, max_tokens=_SAMPLE_TOKENS).text
        if self.ranks.rank == 0:
            text = whole.removeprefix(prompt)
            line = {"step": self._reached, "prompt": prompt, "text": text, "attempt": self.attempt}
            journal.append(self.run.samples_file, line)

    def _record_step(
        self,
        watch: Watch,
        batches: BlockBatches,
        guard: SpikeGuard | None,
        record: Mapping[str, Any],
    ) -> None:
        self._reached = int(record["step"])
        if self.ranks.rank == 0:
            if "loss" in record:
                read = guard.read(self._reached) if guard else [(0, self._reached)]
                record = watch.completed(record, batches, read)
                watch.stop_if_spent()
            self._record(record)

    def _record(self, record: Mapping[str, Any]) -> None:
        if self.ranks.rank == 0:
            journal.append(self.run.metrics_file, {**record, "attempt": self.attempt})

    def _keep_rate(self) -> None:
        records = self.run.metrics()
        middle = median_rate(records)
        if middle is not None:
            source, spread = f"measured by run '{self.run.name}'", rate_spread(records)
            site, ranks = self.config["site"], self.ranks.world_size
            keep_rate(self.job, site, ranks, middle, source, spread)


def _asked(stop: StopFlag, saver: Saver) -> bool:
    """Say whether this rank was asked to stop, unless a checkpoint of it could not be written."""
    saver.look()
    return stop()


def _named(scores: Mapping[str, float]) -> dict[str, float]:
    return {f"eval_{name}": value for name, value in scores.items()}


def _warm_up(steps: int) -> int:
    """Return the usual steps of warm-up: a tenth, 100 at most."""
    return max(1, min(USUAL_WARM_UP, steps // 10))


def training_config(job: Pretrain, *, steps: int) -> TrainingConfig:
    """Return the numbers of the loop for a job of so many steps."""
    return TrainingConfig(
        steps=steps,
        seq_len=job.seq_len,
        batch_size=job.batch_size,
        grad_accum_steps=job.grad_accum_steps,
        learning_rate=job.learning_rate,
        warmup_steps=_warm_up(steps) if job.warmup_steps is None else job.warmup_steps,
        weight_decay=job.weight_decay,
        mask_rate=job.mask_rate,
        random_rate=job.random_rate,
        keep_rate=job.keep_rate,
        seed=job.seed,
        eval_every=job.eval_every,
        save_every=job.save_every,
        isolate_documents=job.isolate_documents,
        schedule=job.schedule,
        final_learning_rate=job.final_learning_rate,
        beta2=job.beta2,
        whole_words=job.whole_words,
        keep_checkpoints=job.keep,
    )


def main(arguments: list[str]) -> int:
    """Carry out what the command line names."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    run, attempt = RunFolder(Path(arguments[0])), int(arguments[1])
    stop = StopFlag(run.stop_file(attempt))

    def work() -> int:
        with joined(run, attempt) as ranks:
            if ranks.rank == 0:
                journal.mend(run.metrics_file)
            return Pretraining(run, attempt, ranks).carry_out(stop)

    return guarded(work, run, attempt)
