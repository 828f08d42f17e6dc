"""What continued training forgets, and what replay of the old texts keeps.

A small causal model is trained on the speech of the newsreels, then goes on with their intertitles:
once with these alone, once with a share of speech among them. Its loss on held-out speech is read
before and after. Everything is done anew for each seed, the split and the tokenizer too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import mean

from benchmarks.outcome import Outcome, measured
from benchmarks.tables import Cell
from kblib.cluster import Run, submit
from kblib.corpora import Corpus, load_sample, newsreel_filters
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape

SHARE = 0.25
"""Of the blocks of the run with replay, taken from the old texts."""
MARGIN = 0.15
"""Nats by which the loss on the old texts may rise: set after a trial with seed 1."""
SEEDS = (2, 3, 4)
_STEPS = (1200, 300)
_QUICK_STEPS = (20, 10)
_COLUMNS = (
    "intertitles after speech",
    "speech before",
    "speech after",
    "rise",
    "smallest rise",
    "largest rise",
    "intertitles after",
)


@dataclass(frozen=True)
class Measured:
    """Losses in nats a sub-word of one seed: held-out speech before, then both domains after."""

    before: float
    alone: tuple[float, float]
    replayed: tuple[float, float]


def measure(*, quick: bool = False) -> Outcome:
    """Train three models for each seed, and hold the rises against the margin."""
    steps = _QUICK_STEPS if quick else _STEPS
    seeds = SEEDS[:1] if quick else SEEDS
    found = [one_seed(seed, steps) for seed in seeds]
    result = measured(
        "replay",
        "What continued training forgets",
        [*_COLUMNS],
        [
            row("without replay", found, [one.alone for one in found]),
            row(f"with {SHARE:.0%} of speech", found, [one.replayed for one in found]),
        ],
        _note(steps, len(seeds)),
        ["torch", "transformers"],
    )
    return Outcome(result, missed(found))


def one_seed(seed: int, steps: tuple[int, int]) -> Measured:
    """Train on speech, go on with intertitles twice, and read the losses off the runs."""
    speech, titles = domains()
    old = submit(old_job(speech, seed, steps[0]), fresh=True).wait()
    before = _last(old, "eval_loss")
    new = new_job(titles, speech, str(old.folder / "result" / "model"), seed, steps[1])
    replayed = replace(new, replay=speech, replay_share=SHARE)
    after = []
    for job in (new, replayed):
        run = submit(job, fresh=True).wait()
        after.append((_last(run, "eval_loss_speech"), _last(run, "eval_loss")))
    return Measured(before, *after)


def domains() -> tuple[Corpus, Corpus]:
    """Return the old texts and the new ones: speech and intertitles of the cleaned newsreels."""
    films = load_sample("newsreels").filter(*newsreel_filters())
    return films.filter(medium="speech"), films.filter(medium="intertitle")


def old_job(speech: Corpus, seed: int, steps: int) -> Pretrain:
    """Return the training on the old texts."""
    shape = ModelShape(2, 2, 64, "gpt_neox", vocab_size=2048, seq_len=64, tied=True)
    return Pretrain(
        speech,
        shape,
        steps=steps,
        batch_size=16,
        learning_rate=5e-3,
        seed=seed,
        eval_every=max(1, steps // 4),
        save_every=steps,
        name="speech",
    )


def new_job(titles: Corpus, speech: Corpus, model: str, seed: int, steps: int) -> Pretrain:
    """Return the training that goes on with the new texts, and looks at the old ones."""
    return Pretrain(
        titles,
        continue_from=model,
        monitor={"speech": speech},
        steps=steps,
        batch_size=16,
        learning_rate=3e-3,
        seed=seed,
        eval_every=max(1, steps // 6),
        save_every=steps,
        name="intertitles",
    )


def row(name: str, found: Sequence[Measured], after: Sequence[tuple[float, float]]) -> list[Cell]:
    """Return the cells of a way to go on: means over the seeds, and the extreme rises."""
    rises = [old - one.before for one, (old, _) in zip(found, after, strict=True)]
    cells = [mean(one.before for one in found), mean(old for old, _ in after), mean(rises)]
    cells += [min(rises), max(rises), mean(new for _, new in after)]
    return [name, *(round(cell, 3) for cell in cells)]


def missed(found: Sequence[Measured]) -> tuple[str, ...]:
    """Return a sentence for each bar that was not reached by every seed."""
    said = []
    if max(one.replayed[0] - one.before for one in found) > MARGIN:
        said.append(f"With replay the loss on speech rose by more than {MARGIN} nats.")
    if min(one.alone[0] - one.before for one in found) <= MARGIN:
        said.append(f"Without replay it rose by no more than {MARGIN} nats: nothing is shown.")
    return tuple(said)


def _note(steps: tuple[int, int], seeds: int) -> str:
    return (
        f"Losses in nats a sub-word on held-out films, means of {seeds} seeds (split, tokenizer "
        f"and weights anew). A GPT-NeoX of 2 layers, 64 wide, read speech for {steps[0]:,} steps "
        f"of 1,024 tokens, then intertitles for {steps[1]:,} more. The margin is {MARGIN} nats of "
        "rise on speech, set after a trial with another seed: with replay every seed must stay "
        "within it, without replay none. The same number of steps means less of the new texts "
        "with replay, which the last column shows. So small a model shows the effect, not its "
        "size in a large one."
    )


def _last(run: Run, column: str) -> float:
    return float(run.metrics()[column].dropna().iloc[-1])
