"""One process of `benchmarks.curves`: a rank in a group of one, two or four.

``python -m benchmarks.curve_ranks FOLDER WORLD RANK``: the cases are in ``cases.json``, what the
first rank saw goes to ``seen-WORLD.json``. A process stays in one group, since DeepSpeed numbers
parameters as they come and compares the numbers between ranks. Its stage 3 also replaces torch's
linear layer in the whole process: ranks that had been in a group with it got the gradients of
stage 2 in another order than their peers, and the losses of BERT and GPT-NeoX left the curve by
0.08 and 0.03 nats. The engine puts the layer back, and refuses gradients in different orders.
B blocks, T tokens, K masked positions.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, PreTrainedModel

from kblib.models.build import build_model
from kblib.models.continued import same_layout
from kblib.models.in_parts import build_in_parts
from kblib.models.shape import ModelShape
from kblib.runs import RunFolder
from kblib.training import deepspeed_engine
from kblib.training.batches import RandomBatches
from kblib.training.checkpoint import save_checkpoint
from kblib.training.config import TrainingConfig
from kblib.training.deepspeed_engine import DeepSpeedEngine, deepspeed_config, share_out
from kblib.training.engine import Batch
from kblib.training.objective import objective_for
from kblib.training.schedule import learning_rate

Case = dict[str, Any]
"""Architecture, ZeRO stage, ranks, and the ranks it is resumed with."""
WORLDS = (1, 2, 4)
SHARES_WEIGHTS = 3
"""The stage at which a job's ranks build the model in parts, and so do these."""
STEPS, HALF = 8, 4
PIECES = 2
SHAPE = ModelShape(2, 2, 32, vocab_size=200, seq_len=16)
CONFIG = TrainingConfig(
    steps=STEPS,
    seq_len=SHAPE.seq_len,
    batch_size=8,
    grad_accum_steps=PIECES,
    learning_rate=1e-2,
    warmup_steps=2,
    clip_norm=0.5,  # below the norms of these first steps: they are clipped
    eval_every=STEPS,
    save_every=STEPS,
    schedule="cosine",
    final_learning_rate=0.1,
)
CPU = torch.device("cpu")
_NOT_ASKED = -100
_LOOK_S = 0.2


def shape_of(architecture: str) -> ModelShape:
    """Return the shape of all cases in a layout."""
    return replace(SHAPE, architecture=architecture, n_inner=None)  # type: ignore[arg-type]


def first_weights(architecture: str, seed: int = 1) -> PreTrainedModel:
    """Return the model that every case of a layout begins with."""
    return build_model(shape_of(architecture), dropout=0.0, seed=seed)


def first_weights_in_parts(architecture: str, seed: int = 1) -> PreTrainedModel:
    """Return the same model, of which no rank has all at any time."""
    hand_out = share_out(torch.float32, CPU)
    model = build_in_parts(partial(first_weights, architecture, seed), hand_out)
    hand_out(model.parameters())
    return model


def whole_batch(architecture: str, step: int) -> Batch:
    """Return the blocks of a step, for all ranks together: two that take turns can be learnt."""
    whole = replace(CONFIG, grad_accum_steps=1)
    (batch,) = RandomBatches(shape_of(architecture), whole).step(step % 2)
    return batch


def share_of(batch: Batch, rank: int, world: int) -> list[Batch]:
    """Return the micro-batches of a rank."""
    size = CONFIG.batch_size // world // PIECES
    starts = [(rank * PIECES + piece) * size for piece in range(PIECES)]
    return [{name: value[at : at + size] for name, value in batch.items()} for at in starts]


def by_hand(architecture: str) -> list[float]:
    """Return the losses of the same training by torch and transformers' own loss alone."""
    model = first_weights(architecture).train()
    parameters = list(model.parameters())
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": CONFIG.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1.0, betas=(0.9, CONFIG.beta2), eps=1e-6)
    losses = []
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(CONFIG, step)
        loss = model(**_with_labels(whole_batch(architecture, step))).loss
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, CONFIG.clip_norm)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    return losses


def _with_labels(batch: Batch) -> Batch:
    ids_BT = batch["input_ids"]
    if "targets" not in batch:
        return {"input_ids": ids_BT, "labels": ids_BT}
    labels_BT = torch.full_like(ids_BT, _NOT_ASKED)
    return {
        "input_ids": ids_BT,
        "labels": labels_BT.scatter(1, batch["positions"], batch["targets"]),
    }


class RankOfACase:
    """What one rank does in one case."""

    def __init__(self, folder: Path, case: Case, rank: int, world: int) -> None:
        self.case, self.rank, self.world = case, rank, world
        self.run = RunFolder(folder / name_of(case))

    def engine(self, seed: int = 1) -> DeepSpeedEngine:
        """Return an engine around a model with first weights."""
        stage = self.case["zero_stage"]
        begin = first_weights_in_parts if stage == SHARES_WEIGHTS else first_weights
        self.model = begin(self.case["architecture"], seed)
        objective = objective_for(self.model, shape_of(self.case["architecture"]))
        return DeepSpeedEngine(objective, CONFIG, CPU, zero_stage=stage, dtype=torch.float32)

    def train(self, engine: DeepSpeedEngine, first: int, last: int) -> list[float]:
        """Take steps; return their losses."""
        losses = []
        for step in range(first, last):
            batch = whole_batch(self.case["architecture"], step)
            mine = share_of(batch, self.rank, self.world)
            losses.append(engine.step(mine, learning_rate(CONFIG, step)).loss)
        return losses

    def begin(self) -> dict[str, Any]:
        """Train from the first step to the last, with a checkpoint half-way, and export."""
        engine = self.engine()
        losses = self.train(engine, 0, HALF)
        save_checkpoint(self.run, engine, HALF, keep=2)
        losses += self.train(engine, HALF, STEPS)
        whole = same_layout(self.model)
        engine.give_weights_to(objective_for(whole, shape_of(self.case["architecture"])))
        told = self.exported(whole.eval()) if self.rank == 0 else {}
        return {"losses": losses, **told}

    def go_on(self) -> dict[str, Any]:
        """Take up the checkpoint of another number of ranks, and train to the last step."""
        engine = self.engine(seed=99)
        while not self.run.checkpoint(HALF).is_dir():  # it appears when it is whole
            time.sleep(_LOOK_S)
        engine.any_rank(False)
        engine.load(self.run.checkpoint(HALF))
        return {"resumed": self.train(engine, HALF, STEPS)}

    @torch.no_grad()
    def exported(self, whole: PreTrainedModel) -> dict[str, Any]:
        """Save the model, open it with nothing but transformers, and compare what they answer."""
        folder = self.run.path / "exported"
        whole.save_pretrained(folder)
        masked = shape_of(self.case["architecture"]).objective == "masked"
        model_class: Any = AutoModelForMaskedLM if masked else AutoModelForCausalLM
        opened, told = model_class.from_pretrained(folder, output_loading_info=True)
        ids_BT: Tensor = whole_batch(self.case["architecture"], 0)["input_ids"]
        same = torch.equal(opened.eval()(ids_BT).logits, whole(ids_BT).logits)
        return {"missing": sorted(told["missing_keys"]), "same_logits": same}


def name_of(case: Case) -> str:
    """Return a case as a word."""
    return "{architecture}-zero{zero_stage}-on{ranks}-then{resumed_with}".format(**case)


def without_persistent_weights(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return the usual settings, but share out small weights too: these here are all small."""
    told = deepspeed_config(*args, **kwargs)
    told["zero_optimization"]["stage3_param_persistence_threshold"] = 0
    return told


def main(folder: Path, world: int, rank: int) -> None:
    """Begin the cases of this group, then go on with those of another that end in it."""
    torch.set_num_threads(1)
    deepspeed_engine.deepspeed_config = without_persistent_weights
    meeting = f"file://{folder}/meeting-{world}"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=world)
    cases: Sequence[Case] = json.loads((folder / "cases.json").read_text())
    seen: dict[str, dict[str, Any]] = {}
    for part, ranks in (("begin", "ranks"), ("go_on", "resumed_with")):
        for case in cases:
            if case[ranks] == world:
                told = getattr(RankOfACase(folder, case, rank, world), part)()
                seen.setdefault(name_of(case), {}).update(told)
    if rank == 0:
        (folder / f"seen-{world}.json").write_text(json.dumps(seen))
    dist.barrier()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
