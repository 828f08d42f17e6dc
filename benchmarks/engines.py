"""The loop with DeepSpeed beside DeepSpeed by hand, Trainer, and torch's own ranks.

Each comparison is kept when it is done (`benchmarks.kept_parts`): a run that was stopped goes on
with the next one, on the same day.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks import engine_loops, loops, trainer
from benchmarks.engine_loops import BARE, DDP, OURS, STAGE, TRAINER, Side
from benchmarks.kept_parts import forget, kept
from benchmarks.loop import CONFIG, SHAPE, TOLERANCE_NATS
from benchmarks.outcome import BenchmarkError, Outcome, machine, measured
from benchmarks.pairs import Pair, ratio_of, take_turns
from benchmarks.tables import Cell
from kblib.training import batches, deepspeed_engine, engine, gradient_order, loop
from kblib.training.config import TrainingConfig

_COMPARED_STEPS = 2


@dataclass(frozen=True)
class Comparison:
    """Ours beside another loop on so many ranks each.

    Parameters
    ----------
    other
        Which loop.
    world
        Ranks of both, one thread each.
    pairs, steps
        How many pairs, and how many steps of each are timed after one to warm up.
    bar
        How many times as fast ours must be at least, or None where that is only of interest.
    """

    other: str
    world: int
    pairs: int
    steps: int
    bar: float | None = None

    @property
    def name(self) -> str:
        """As the table calls it."""
        said = {BARE: f"DeepSpeed by hand, ZeRO {STAGE}", TRAINER: "transformers' Trainer"}
        return said.get(self.other, self.other)


COMPARISONS = (
    Comparison(BARE, 1, pairs=25, steps=4, bar=0.97),
    Comparison(BARE, 2, pairs=61, steps=4, bar=0.97),  # all cores are taken: more chance in a pair
    Comparison(TRAINER, 1, pairs=9, steps=2, bar=1.0),
    Comparison(DDP, 1, pairs=11, steps=4),
    Comparison(DDP, 2, pairs=11, steps=4),
)
_CODE = (batches, deepspeed_engine, engine, engine_loops, gradient_order, loop, loops, trainer)
"""What decides the rates: parts that were measured with other code are not gone on from."""
_PACKAGES = ("torch", "transformers", "deepspeed", "accelerate")
Found = Mapping[Comparison, list[Pair]]


def measure(*, quick: bool = False) -> Outcome:
    """Let ours take turns with each of the others, after the first losses were compared."""
    config = replace(CONFIG, batch_size=2) if quick else CONFIG
    wanted = [replace(one, pairs=6, steps=1) if quick else one for one in COMPARISONS]
    measure_one = _compare if quick else _compare_once
    found: dict[Comparison, list[Pair]] = {}
    for one in wanted:
        found[one] = measure_one(one, config)
        said = ratio_of(found[one])
        print(f"{one.name}, ranks {one.world}: {said.value:.3f} times as fast", flush=True)
    if not quick:
        forget("engines")
    result = measured(
        "engines",
        "Training loop with DeepSpeed",
        [
            "beside",
            "ranks",
            "its tokens/s",
            "ours, tokens/s",
            "ours / it",
            "95 % interval",
            "wanted",
        ],
        [_row(one, pairs, config) for one, pairs in found.items()],
        _note(config, found),
        _PACKAGES,
    )
    return Outcome(result, missed(found))


def _compare_once(wanted: Comparison, config: TrainingConfig) -> list[Pair]:
    """Compare two loops, unless that was done today already."""
    about = {
        "comparison": asdict(wanted),
        "config": asdict(config),
        "where": machine(_PACKAGES),
        "day": date.today().isoformat(),
    }

    def work() -> list[list[float]]:
        return [[pair.ours, pair.other] for pair in _compare(wanted, config)]

    name = f"{wanted.other.replace(' ', '-')}-{wanted.world}"
    seconds = kept(name, about, work, benchmark="engines", code=_CODE)
    return [Pair(ours, other) for ours, other in seconds]


def _compare(wanted: Comparison, config: TrainingConfig) -> list[Pair]:
    """Start both sides, see that they do the same work, and let them take turns.

    Raises
    ------
    BenchmarkError
        If their first losses differ.
    """
    kinds = (OURS, wanted.other)
    with tempfile.TemporaryDirectory() as folder:
        sides = [Side(kind, wanted.world, config, Path(folder) / kind) for kind in kinds]
        try:
            check_same_work(wanted, [side.run(_COMPARED_STEPS).losses for side in sides])
            ours, other = (partial(side.turn, wanted.steps) for side in sides)
            return take_turns(ours, other, wanted.pairs)
        finally:
            for side in sides:
                side.close()


def check_same_work(wanted: Comparison, losses: Sequence[Sequence[float]]) -> None:
    """Compare the first losses of two loops.

    Raises
    ------
    BenchmarkError
        If one differs by more than `TOLERANCE_NATS`.
    """
    for step, (one, other) in enumerate(zip(*losses, strict=True), start=1):
        if abs(one - other) > TOLERANCE_NATS:
            raise BenchmarkError(
                f"The loops do not do the same work. Losses of step {step}: ours {one:.5f}, "
                f"{wanted.name} on {wanted.world} {other:.5f}."
            )


def _row(one: Comparison, pairs: list[Pair], config: TrainingConfig) -> list[Cell]:
    tokens = one.steps * config.batch_size * config.seq_len
    theirs = median(tokens / pair.other for pair in pairs)
    ours = median(tokens / pair.ours for pair in pairs)
    ratio = ratio_of(pairs)
    interval = f"{ratio.low:.3f} to {ratio.high:.3f}"
    wanted = "" if one.bar is None else f"at least {one.bar:g}"
    rates: list[Cell] = [round(theirs), round(ours), f"{ratio.value:.3f}"]
    return [one.name, one.world, *rates, interval, wanted]


def missed(found: Found) -> tuple[str, ...]:
    """Return a sentence for each bar that the lower end of an interval does not reach."""
    low = {one: ratio_of(pairs).low for one, pairs in found.items()}
    return tuple(
        f"Missed: at the lower end of the interval the loop with DeepSpeed on {one.world} ranks "
        f"has {low[one]:.3f} times the tokens/s of {one.name}; at least {one.bar:g} was wanted."
        for one in found
        if one.bar is not None and low[one] < one.bar
    )


def _note(config: TrainingConfig, found: Found) -> str:
    gains = []
    for which, side in (("ours", "ours"), ("bare torch.distributed", "other")):
        seconds = {
            one.world: median(getattr(pair, side) / one.steps for pair in pairs)
            for one, pairs in found.items()
            if one.other == DDP
        }
        gains.append(f"{which} {seconds[1] / seconds[2]:.2f} times")
    return (
        f"BERT {SHAPE.n_layer} x {SHAPE.n_embd}, vocabulary {SHAPE.vocab_size:,}, "
        f"{config.batch_size} x {config.seq_len} tokens a step over all ranks, float32, one thread "
        "a rank, gloo. Each side has processes of its own; turns alternate, each after a step to "
        "warm up, and the first losses agree. Ours reads, masks and keeps its journal as in a run; "
        "the others get their tensors ready and only keep the loss. Trainer's head runs over all "
        f"positions, as its users' does. With two ranks instead of one the same batch is done "
        f"faster: {', '.join(gains)}."
    )
