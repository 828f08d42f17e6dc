"""Loss spikes: seen at once, undone by going back, and not met again.

A spike is a loss far above those just before it, or a gradient that explodes. What was learnt since
the last checkpoint is thrown away, and the batches that led to the spike are skipped (Chowdhery et
al. 2022, PaLM, section 5.1, whose authors found that it is these batches together with that state
of the weights, not the texts as such). Which batches were skipped is written into the run folder:
the order of a run is a function of the seed, the step and this list.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

from kblib.errors import TrainingError

WINDOW = 32
"""Steps that say what is usual; before so many are done nothing counts as a spike."""
_TIMES_SPREAD = 6.0
"""A noisy loss may leave its median by so many standard deviations (of the middle half)."""
_SPREAD_OF_NORMAL = 1.4826  # standard deviation of a normal distribution over its median deviation
_TIMES_NORM = 1000.0
"""A gradient norm so many times the usual one has exploded, whatever the loss says yet."""
MOST_IN_A_ROW = 3
"""Times that one checkpoint is gone back to, before the run fails: it is not the batches then."""


@dataclass(frozen=True)
class Skip:
    """Batches left out: from training step `step` on, `batches` of them."""

    step: int
    batches: int


@dataclass(frozen=True)
class Spike:
    """What was seen at a step (0 is the first), what was usual before, and in a sentence why."""

    step: int
    loss: float
    grad_norm: float
    usual: float
    why: str


class SpikeGuard:
    """Tells spikes, and which batch a step reads after some were skipped.

    Parameters
    ----------
    nats
        How far above the usual one a loss is a spike; a noisy loss may go further.
    newest
        Returns the step of the newest whole checkpoint, the same on every rank; None without one.
    take_back
        Takes a spike and what is to be skipped, writes both down, and takes up the checkpoint. None
        is to be skipped where there is no checkpoint. Every rank calls it.
    skips
        What was skipped so far.
    """

    def __init__(
        self,
        nats: float,
        newest: Callable[[], int | None],
        take_back: Callable[[Spike, Skip | None], None],
        skips: Iterable[Skip] = (),
    ) -> None:
        self.nats = nats
        self.skips = list(skips)
        self._newest = newest
        self._take_back = take_back
        self._seen: dict[int, tuple[float, float]] = {}

    def remember(self, step: int, loss: float, grad_norm: float) -> None:
        """Take note of a step, of this attempt or of an earlier one."""
        self._seen[step] = (loss, grad_norm)
        self._seen.pop(step - 2 * WINDOW, None)

    def data_step(self, step: int) -> int:
        """Return the step of the data's order that training step `step` reads."""
        return step + sum(skip.batches for skip in self.skips if skip.step <= step)

    def read(self, steps: int) -> list[tuple[int, int]]:
        """Return the stretches of the data's order that the first `steps` training steps read."""
        edges = sorted({0, steps, *(skip.step for skip in self.skips if skip.step < steps)})
        return [(self.data_step(a), self.data_step(a) + b - a) for a, b in pairwise(edges)]

    def look(self, step: int, loss: float, grad_norm: float) -> Spike | None:
        """Say whether a step is a spike, by the `WINDOW` steps before it."""
        before = [self._seen[n] for n in range(step - WINDOW, step) if n in self._seen]
        if len(before) < WINDOW:
            return None
        losses, norms = zip(*before, strict=True)
        usual, usual_norm = statistics.median(losses), statistics.median(norms)
        deviation = statistics.median(abs(one - usual) for one in losses) * _SPREAD_OF_NORMAL
        if loss > usual + max(self.nats, _TIMES_SPREAD * deviation):
            why = f"The loss was {loss:.3g}; over the {WINDOW} steps before it was {usual:.3g}."
        elif grad_norm > _TIMES_NORM * usual_norm > 0:
            why = f"The gradient norm was {grad_norm:.3g}; before it was {usual_norm:.3g}."
        else:
            return None
        return Spike(step, loss, grad_norm, usual, why)

    def undo(self, spike: Spike) -> int:
        """Go back to the newest checkpoint and skip what led to a spike; return the next step.

        Where there is no checkpoint yet, training goes on behind the spike.

        Raises
        ------
        TrainingError
            If one checkpoint was gone back to so often that the batches cannot be the cause.
        """
        back = self._newest()
        if back is None:
            self._take_back(spike, None)
            self.remember(spike.step, spike.loss, spike.grad_norm)
            return spike.step + 1
        times = sum(skip.step == back for skip in self.skips)
        if times >= MOST_IN_A_ROW:
            raise _not_the_batches(spike, back, times)
        skip = Skip(back, spike.step + 1 - back)
        self._take_back(spike, skip)
        self.skips.append(skip)
        self._seen = {n: seen for n, seen in self._seen.items() if n < back}
        return back


def _not_the_batches(spike: Spike, back: int, times: int) -> TrainingError:
    return TrainingError(
        f"At step {spike.step + 1} there was a loss spike again. {spike.why}",
        f"The run went back to the checkpoint of step {back} {times} times and skipped other "
        "batches each time: these are not the cause. What was saved is untouched.",
        "Branch off with a lower rate: run.branch(learning_rate=...)",
    )
