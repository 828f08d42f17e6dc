"""What is known of a run from its lines: the curve, the numbers of now, and both in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from kblib.runs import Phase, RunState
from kbnotebooks import _html, _svg, figures
from kbnotebooks._words import heard, later, number, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FACTS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    (later("training loss (nats)"), "loss", lambda value: number(value, ".2f")),
    (later("loss on held-out text (nats)"), "eval_loss", lambda value: number(value, ".2f")),
    (later("held-out blanks filled right"), "eval_top1", _html.percent),
    (later("score on held-out texts"), "eval_score", lambda value: number(value, ".3f")),
    (later("gradient norm"), "grad_norm", lambda value: number(value, ".2f")),
    (later("tokens seen"), "tokens", number),
    (later("tokens a second"), "tokens_per_s", number),
    (later("share of what the cards can do"), "mfu", _html.percent),
    (later("workers"), "workers", number),
    (later("shards a second"), "shards_per_s", lambda value: number(value, ",.3g")),
    (later("shards that failed"), "failed", number),
    (later("time left"), "seconds_left", _html.duration),
)
_LOOKS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("loss", later("training"), {"color": _html.QUIET, "linewidth": 1}),
    ("eval_loss", later("held-out"), {"color": _html.ACCENT, "marker": "o", "markersize": 4}),
)
_QUEUE_AT_END = re.compile(r"\bJob \d+ (?:waits|starts)\b")
_MONITORED = "eval_loss_"
_DASHES = ("6 3", "2 3", "8 3 2 3")
"""One a monitored corpus, in turn; their names stand at the ends of the lines as well."""
_FIRST_WIDTH = 4
"""A run of days is drawn on a quarter of the width at first, not as a line too thin to see."""


class RunRecord:
    """The lines of a run; where two attempts did the same step, the later one counts."""

    def __init__(self) -> None:
        self.lines: dict[int, dict[str, Any]] = {}
        self.resumed: list[int] = []
        self.passed_over: list[str] = []
        self.spikes: list[str] = []

    def take(self, line: Mapping[str, Any]) -> None:
        """Add a line of the metrics journal."""
        if "event" in line:
            if line["event"] == "resumed":
                self.resumed.append(int(line["step"]))
            if line["event"] == "spike":
                self._undo(line)
            else:
                self.passed_over = list(line.get("passed_over", []))
        elif "step" in line:
            step = int(line["step"])
            self.lines[step] = {**self.lines.get(step, {}), **line}

    def _undo(self, spike: Mapping[str, Any]) -> None:
        """Let go of what was learnt since the checkpoint that a spike was answered with."""
        self.spikes.append(str(spike["said"]))
        back = spike["back_to"] or spike["step"]
        self.lines = {step: line for step, line in self.lines.items() if step <= back}

    @property
    def monitored(self) -> list[str]:
        """The corpora that are looked at besides, by name."""
        keys = {key for line in self.lines.values() for key in line if key.startswith(_MONITORED)}
        return sorted(key.removeprefix(_MONITORED) for key in keys)

    @property
    def table(self) -> pd.DataFrame:
        """One row a step."""
        return pd.DataFrame([self.lines[step] for step in sorted(self.lines)])

    def series(self, key: str) -> list[tuple[float, float]]:
        """Return step and value of every line that has the key."""
        steps = sorted(self.lines)
        return [(float(s), float(v)) for s in steps if (v := self.lines[s].get(key)) is not None]

    def kept(self) -> tuple[int, float] | None:
        """Return step and score of the weights that a finetuning keeps; None without a score.

        Of each seed the best look, by its loss where scores are equal; of the seeds the best score.
        """
        best: dict[Any, tuple[float, float, int]] = {}
        for step in sorted(self.lines):
            line = self.lines[step]
            if (score := line.get("eval_score")) is not None:
                look = (float(score), -float(line["eval_loss"]), step)
                seed = line.get("seed")
                if seed not in best or look[:2] > best[seed][:2]:
                    best[seed] = look
        chosen = max(best.values(), key=lambda look: look[0], default=None)
        return None if chosen is None else (chosen[2], chosen[0])

    def head(self, name: str, state: RunState, *, batch: bool = False) -> str:
        """Return name, phase and progress as HTML; a batch counts shards, a training steps."""
        state = replace(state, step=max([state.step, *self.lines]))  # fresher than the heartbeat
        step, steps = state.step, state.steps
        label = _html.text(say("Shards done") if batch else say("Steps done"))
        bar = f'<progress aria-label="{label}" value="{step}" max="{steps}"></progress>'
        where = _html.text(phase_in_words(state, batch=batch))
        notes = [
            f"<p>{_html.text(say('Passed over: {why}', why=reason))}</p>"
            for reason in self.passed_over
        ]
        notes += [f"<p>{_html.text(heard(spike))}</p>" for spike in self.spikes]
        return (
            f'<p>{_html.text(say("Run"))} <code class="kb-run-name">{_html.text(name)}</code><br>'
            f'<span class="kb-run-state" data-phase="{state.phase}" data-step="{step}">'
            f"{where}</span></p>{bar if steps else ''}{''.join(notes)}"
        )

    def numbers(self, *, over: bool) -> str:
        """Return the newest numbers as an HTML table; empty before the first."""
        newest = [
            (name, series[-1][1], write)
            for name, key, write in _FACTS
            if (series := self.series(key))
        ]
        rows = [
            (say(name), write(v)) for name, v, write in newest if not (over and name == "time left")
        ]
        if kept := self.kept():
            step, score = kept[0], number(kept[1], ".3f")
            rows.append(
                (say("best score: these weights are kept"),
                 say("{score} at step {step:,}", score=score, step=step))
            )  # fmt: skip
        rows += [
            (
                say("loss on '{name}' (nats)", name=name),
                number(self.series(f"{_MONITORED}{name}")[-1][1], ".2f"),
            )
            for name in self.monitored
        ]
        columns = (_html.Column(say("measure")), _html.Column(say("value"), numeric=True))
        caption = say("At the end") if over else say("Now")
        return _html.table(caption, columns, rows) if rows else ""

    def curve(self, steps: int | None) -> str:
        """Return the loss curve as an HTML figure; empty before the first step."""
        if not self.series("loss"):
            return ""
        lines = [_svg.Line(say("training"), self.series("loss"))]
        if held_out := self.series("eval_loss"):
            lines.append(_svg.Line(say("held-out"), held_out, strong=True))
        lines += [
            _svg.Line(name, self.series(f"{_MONITORED}{name}"), dash=_DASHES[n % len(_DASHES)])
            for n, name in enumerate(self.monitored)
        ]
        last = max(self.lines)
        width = max(last, min(steps or last, _FIRST_WIDTH * last))
        drawn = _svg.line_chart(
            lines, x=say("step"), y=say("loss (nats)"), x_max=width, marks=self.resumed
        )
        return figures.Picture(drawn, self.in_words(), size=(_svg.WIDTH, _svg.HEIGHT)).html

    def in_words(self) -> str:
        """Say what the curve shows, for those who do not see it."""
        (first, high), *_, (last, low) = [*self.series("loss")[:1], *self.series("loss")[-1:]]
        said = [
            say(
                "Loss against step. The training loss went from {high:.2f} at step {first:.0f} "
                "to {low:.2f} at step {last:.0f}.",
                high=high,
                first=first,
                low=low,
                last=last,
            )
        ]
        if held_out := self.series("eval_loss"):
            step, loss = held_out[-1]
            said.append(
                say("On held-out text it is {loss:.2f} at step {step:.0f}.", loss=loss, step=step)
            )
        for name in self.monitored:
            series = self.series(f"{_MONITORED}{name}")
            before, (step, loss) = series[0][1], series[-1]
            said.append(
                say(
                    "On '{name}' it went from {before:.2f} to {loss:.2f} at step {step:.0f}.",
                    name=name,
                    before=before,
                    loss=loss,
                    step=step,
                )
            )
        if self.resumed:
            steps = ", ".join(map(str, self.resumed))
            said.append(say("The run was resumed at step {steps}.", steps=steps))
        return " ".join(said)

    def figure(self, title: str) -> Figure:
        """Draw the curve with matplotlib, for a file."""
        fig, axes = figures.canvas()
        for key, label, look in _LOOKS:
            if series := self.series(key):
                axes.plot([a for a, _ in series], [b for _, b in series], label=say(label), **look)
        for n, name in enumerate(self.monitored):
            steps, losses = zip(*self.series(f"{_MONITORED}{name}"), strict=True)
            dash = (0, [float(one) / 1.5 for one in _DASHES[n % len(_DASHES)].split()])
            axes.plot(steps, losses, label=name, color=_html.INK, linestyle=dash, linewidth=1.6)
        for at in self.resumed:
            axes.axvline(at, color=_html.QUIET, linewidth=0.8, linestyle="--")
        axes.set(xlabel=say("step"), ylabel=say("loss (nats)"))
        axes.set_title(title, fontsize=9, loc="left")
        if axes.lines:
            axes.legend(frameon=False, fontsize=9)
        return fig


def phase_in_words(state: RunState, *, batch: bool = False) -> str:
    """Say in a sentence where a run is."""
    far = _how_far(state, batch=batch)
    why = f" {why_in_words(state.why)}" if state.why else ""
    if state.phase is Phase.QUEUED:
        return say("Waiting to start.") + why
    if state.phase is Phase.RUNNING:
        return _running_in_words(state, far, batch=batch) + why
    if state.phase is Phase.DONE:
        return say("Done: {far}.", far=far) + why
    if state.phase is Phase.STOPPED:
        return f"{say('Stopped at {far}.', far=far)}{why} {say('Go on with run.resume().')}"
    return say("Failed at {far}.", far=far) + why


def why_in_words(why: str) -> str:
    """Return the reason in the reader's language; what the queue says may follow another reason."""
    queue = _QUEUE_AT_END.search(why)
    begin = queue.start() if queue else len(why)
    return " ".join(heard(part) for part in (why[:begin].rstrip(), why[begin:]) if part)


def _how_far(state: RunState, *, batch: bool) -> str:
    if batch:
        return say("{step:,} of {steps:,} shards", step=state.step, steps=state.steps or 0)
    if state.steps:
        return say("step {step:,} of {steps:,}", step=state.step, steps=state.steps)
    return say("step {step:,}", step=state.step)


def _running_in_words(state: RunState, far: str, *, batch: bool) -> str:
    if batch:
        return say("Working: {far}.", far=far)
    if not state.step:
        return say("Starting: text and model are made ready.")
    if state.step == state.steps:
        return say("Ending: {far}; the model is scored and saved.", far=far)
    return say("Training: {far}.", far=far)
