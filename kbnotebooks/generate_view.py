"""The view of a model that writes: one beginning, several continuations side by side.

What it writes is invented, also where it sounds true. Several seeds beside each other show it best:
each continuation is as much the model's as the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as w
import pandas as pd

from kbnotebooks import _html, figures
from kbnotebooks._errors import ViewError
from kbnotebooks._view import View, entries_of
from kbnotebooks._words import later, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kblib.models.causal import CausalLM
    from kblib.models.generated import Continuations, Generated
    from kblib.models.sampling import Sampling

DEFAULT_MODEL = "kb-mini-causal"
MOST_SEEDS = 6
"""More texts than these cannot be read side by side."""
MOST_BARS = 30
"""More words than these cannot be read in one picture; the table has all."""
_ENDINGS = {
    "end": later("The model ended the text here."),
    "stop": later("A stop word came here."),
    "length": later("Cut at the length asked for."),
}
_NAMES = ("prompt", "seeds", "max_tokens", "temperature", "top_k", "top_p")


class GenerateView(View):
    """Let a causal model go on with a text, with several seeds side by side.

    Parameters
    ----------
    prompt
        The beginning; empty for a text from nothing.
    model
        The name of a model, a model folder, or an opened `CausalLM`.
    seeds
        One continuation each; equal seeds write equal texts.
    max_tokens, temperature, top_k, top_p
        As in `CausalLM.generate`; they can be changed in the view.

    Attributes
    ----------
    selection
        Prompt, seeds and numbers of the draw, as a dictionary; may be set, also in part.
    table
        One row a written word: seed, word, probability, n_pieces (pandas).
    continuations
        What was written (`Continuations`).
    """

    def __init__(
        self,
        prompt: str = "",
        *,
        model: str | Path | CausalLM | None = None,
        seeds: Sequence[int] = (1, 2, 3),
        max_tokens: int = 40,
        temperature: float = 0.8,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> None:
        super().__init__()
        self._wanted = model
        self._model: CausalLM | None = None
        self.continuations: Continuations | None = None
        wide = w.Layout(width="42rem", max_width="80%")
        self._prompt = w.Text(prompt, description=say("Beginning"), continuous_update=False,
                              placeholder=say("empty: a text from nothing"),
                              layout=wide)  # fmt: skip
        self._button = w.Button(description=say("Write"), tooltip=say("Let the model go on"))
        self._button.layout.width = "6rem"
        self._seeds = w.Text(", ".join(map(str, seeds)), description=say("Seeds"),
                             continuous_update=False)  # fmt: skip
        self._length = w.BoundedIntText(max_tokens, min=1, max=4096, description=say("Pieces"))
        self._temperature = w.FloatSlider(temperature, min=0, max=2, step=0.1,
                                          description=say("Temperature"),
                                          continuous_update=False)  # fmt: skip
        self._top_k = w.BoundedIntText(top_k or 0, min=0, max=10**6, description=say("Top k"),
                                       tooltip=say("0: all pieces"))  # fmt: skip
        self._top_p = w.FloatSlider(1.0 if top_p is None else top_p, min=0.05, max=1, step=0.05,
                                    description=say("Top p"), continuous_update=False)  # fmt: skip
        self._texts = w.HTML()
        numbers = w.HBox([self._seeds, self._length, self._top_k])
        self._lay_out(w.HBox([self._prompt, self._button]), numbers,
                      w.HBox([self._temperature, self._top_p]), self._texts)  # fmt: skip
        for control in (self._prompt, self._seeds, self._length, self._temperature, self._top_k,
                        self._top_p):  # fmt: skip
            self._on(control, "value", self.write)
        self._on_click(self._button, self.write)
        self._try(lambda: self._begin(max_tokens, temperature, top_k, top_p))

    @property
    def selection(self) -> dict[str, Any]:
        """Prompt, seeds and numbers of the draw."""
        return {
            "prompt": self._prompt.value,
            "seeds": _seeds_in(self._seeds.value),
            "max_tokens": self._length.value,
            "temperature": self._temperature.value,
            "top_k": self._top_k.value or None,
            "top_p": None if self._top_p.value == 1 else self._top_p.value,
        }

    @selection.setter
    def selection(self, wanted: dict[str, Any]) -> None:
        self._try(lambda: self._select(**entries_of(wanted, _NAMES)))

    @property
    def table(self) -> pd.DataFrame:
        """One row a written word: seed, word, probability, n_pieces."""
        columns = ["seed", "word", "probability", "n_pieces"]
        if self.continuations is None:
            return pd.DataFrame(columns=columns)
        parts = [one.table.assign(seed=_seed(one))[columns] for one in self.continuations.texts]
        return pd.concat(parts, ignore_index=True)

    def write(self) -> None:
        """Let the model go on with what stands in the field."""
        self.continuations, self._texts.value = None, ""
        asked = self.selection
        prompt, seeds = asked.pop("prompt"), asked.pop("seeds")
        if not 1 <= len(seeds) <= MOST_SEEDS:
            raise ViewError(
                say("There are {n:,} seeds.", n=len(seeds)),
                say("From 1 to {n} texts can be read side by side.", n=MOST_SEEDS),
                "seeds=[1, 2, 3]",
            )
        model = self._opened()
        how = _sampling(**asked)
        self.continuations = model.continuations(prompt, seeds=seeds, sampling=how)
        self._texts.value = _html.wrap(self._texts_html())

    def _begin(self, max_tokens: int, temperature: float, top_k: Any, top_p: Any) -> None:
        """Check what was asked before a control rounds it to what it can show."""
        _sampling(max_tokens=max_tokens, temperature=temperature, top_k=top_k, top_p=top_p)
        if temperature > self._temperature.max:
            raise ViewError(
                say("The temperature is {given}.", given=repr(temperature)),
                say("The view shows 0 to {most:g}.", most=self._temperature.max),
                "model.generate(text, seed=1, temperature=...)",
            )
        self.write()

    def _opened(self) -> CausalLM:
        from kblib.models.causal import CausalLM

        if self._model is None:
            wanted = self._wanted or DEFAULT_MODEL
            self._model = CausalLM.open(wanted) if isinstance(wanted, str | Path) else wanted
        return self._model

    def _select(self, **wanted: Any) -> None:
        asked = {**self.selection, **wanted}
        numbers = {name: asked[name] for name in _NAMES[2:]}
        _sampling(**numbers)
        self._prompt.value = asked["prompt"]
        self._seeds.value = ", ".join(map(str, asked["seeds"]))
        self._length.value, self._temperature.value = asked["max_tokens"], asked["temperature"]
        self._top_k.value = asked["top_k"] or 0
        self._top_p.value = 1.0 if asked["top_p"] is None else asked["top_p"]

    def _texts_html(self) -> str:
        if self.continuations is None:
            return ""
        note = say("Written by '{model}': invented, also where it sounds true.",
                   model=self.continuations.provenance["model"])  # fmt: skip
        texts = "".join(f"<div style='flex:1 1 14rem'>{_one(text)}</div>"
                        for text in self.continuations.texts)  # fmt: skip
        return f'<p class="kb-quiet">{_html.text(note)}</p><div class="kb-side">{texts}</div>'

    def _still(self) -> str:
        said = f"<strong>{_html.text(say('Beginning'))}:</strong> {_html.text(self._prompt.value)}"
        how = (
            f"{say('Temperature')} {self._temperature.value:g}, {say('Top k')} "
            f"{self._top_k.value or '–'}, {say('Top p')} {self._top_p.value:g}"
        )
        return f'<p>{said}<br><span class="kb-quiet">{_html.text(how)}</span></p>' + (
            self._texts_html()
        )

    def _figure(self) -> Figure:
        if self.continuations is None:
            raise ViewError(say("There is nothing to draw."), say("The message below says why."))
        return _draw(self._prompt.value, self.continuations.texts)


def _one(text: Generated) -> str:
    """Return a continuation with its words and their probabilities, which open on demand."""
    head = say("Seed {seed}", seed=_seed(text))
    written = f"{_html.text(text.prompt)}<strong>{_html.text(text.continuation)}</strong>"
    ended = f'<span class="kb-quiet">{_html.text(say(_ENDINGS[text.ended]))}</span>'
    columns = (
        _html.Column(say("word")),
        _html.Column(say("probability"), numeric=True),
        _html.Column(say("as a bar"), css="kb-track"),
    )
    rows = [
        (word.text.strip() or "␣", _html.percent(word.probability), _html.bar(word.probability))
        for word in text.words
    ]
    caption = say("What the model gave each word, of all it could have written there")
    words = _html.details(say("Probability of each word"), _html.table(caption, columns, rows))
    return f"<h4>{_html.text(head)}</h4><p lang='sv'>{written}</p><p>{ended}</p>{words}"


def _draw(prompt: str, texts: Sequence[Generated]) -> Figure:
    """Draw the probability of each word, top to bottom as it is read; a column a text."""
    from matplotlib.figure import Figure

    longest = min(max((len(text.words) for text in texts), default=1), MOST_BARS)
    fig = Figure(figsize=(3.4 * len(texts), 1.2 + 0.24 * max(longest, 3)), layout="constrained")
    fig.suptitle(f"{prompt} …", fontsize=10)
    columns = fig.subplots(1, len(texts), sharex=True, sharey=True, squeeze=False)[0]
    for axes, text in zip(columns, texts, strict=True):
        figures.quiet(axes)
        shown = text.words[:MOST_BARS]
        axes.barh(range(len(shown)), [100 * word.probability for word in shown],
                  color=_html.ACCENT)  # fmt: skip
        for place, word in enumerate(shown):
            axes.annotate(word.text.strip() or "␣", (100 * word.probability, place), (3, 0),
                          textcoords="offset points", va="center", size=8,
                          color=_html.INK, parse_math=False)  # fmt: skip
        axes.set_yticks([])
        axes.set_ylim(longest - 0.4, -0.6)
        axes.set_xlim(0, 130)
        axes.set_xticks([0, 50, 100])
        axes.set_title(say("Seed {seed}", seed=_seed(text)), fontsize=9)
        axes.set_xlabel(say("probability, per cent"))
    return fig


def _seed(text: Generated) -> int:
    return int(text.provenance["seed"])


def _seeds_in(written: str) -> list[int]:
    """Read seeds as a reader writes them: with commas or blanks between."""
    parts = written.replace(",", " ").split()
    strange = next((part for part in parts if not part.isdecimal()), None)
    if strange is not None:
        raise ViewError(
            say("The seed '{given}' is no whole number.", given=strange),
            say("Whole numbers with commas between were expected, such as 1, 2, 3."),
        )
    return [int(part) for part in parts]


def _sampling(**numbers: Any) -> Sampling:
    from kblib.models.sampling import Sampling

    return Sampling(**numbers)
