"""The view in which a reader marks a sample of a query's hits and misses, line after line."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from kblib.ngrams.marks import MARKS, Mark, Marks
from kblib.ngrams.samples import QuerySample
from kbnotebooks import _html, figures
from kbnotebooks._errors import ViewError
from kbnotebooks._kwic import in_its_language
from kbnotebooks._view import View
from kbnotebooks._words import known, later, number, say

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


NAMES: dict[Mark, str] = {"yes": later("Yes"), "no": later("No"), "unsure": later("Unsure")}
KEYS: dict[str, Mark] = {"y": "yes", "j": "yes", "n": "no", "u": "unsure", "o": "unsure"}
"""First letters in English and Swedish (ja, nej, osäker)."""
NEIGHBOUR = 300
"""Letters of a neighbouring document that are shown: a newspaper page would bury the line."""
SOURCES = ("title", "film", "year", "medium", "time")
_STRONG = (
    f"background: none; color: inherit; font-weight: 600; border-bottom: 2px solid {_html.ACCENT}"
)
_CLOSING = ".,;:!?)»”"
_LOOKS: dict[Mark, dict[str, Any]] = {
    "yes": {"color": _html.ACCENT},
    "no": {"color": "white", "edgecolor": _html.QUIET, "hatch": "/////", "linewidth": 0.6},
    "unsure": {"color": "white", "edgecolor": _html.QUIET, "hatch": "....", "linewidth": 0.6},
}


class MarkView(View):
    """Mark whether each line of a sample is what you mean: yes, no or unsure.

    Each mark is in the file before the next line is shown; the same call goes on tomorrow where you
    stopped. The view does not say whether the query found a line or missed it: you judge the line,
    not the search.

    Parameters
    ----------
    sample
        What `kb.sample_query` drew.
    path
        A file that ends in ``.jsonl``; it is made if it is not there.
    who
        Who marks; several readers may share a file.
    guideline
        What counts as a yes, in a sentence. It is shown, and saved with each mark.

    Attributes
    ----------
    selection
        The number of the line that is shown, from 1; may be set.
    marks
        The marks with their file: what `kb.corrected_trend` takes.
    table
        The marks that count (pandas).
    """

    def __init__(
        self, sample: QuerySample, path: str | Path, *, who: str, guideline: str = ""
    ) -> None:
        super().__init__()
        self.sample, self.who, self.guideline = sample, who, guideline
        self.marks: Marks | None = None
        self._number, self._typed = 1, ""
        self._line, self._progress = w.HTML(), w.HTML()
        self._line.add_class("kb-mark-line")
        self._buttons = {mark: w.Button(description=say(name)) for mark, name in NAMES.items()}
        self._back = w.Button(description=say("Back"), tooltip=say("Show the line before"))
        self._keys = w.Text(
            description=say("Keys"),
            placeholder=say("y yes, n no, u unsure, backspace: back"),
            continuous_update=True,  # a letter is a mark; there is nothing to wait for
            layout=w.Layout(width="24rem", max_width="90%"),
        )
        buttons = w.HBox([*self._buttons.values(), self._back])
        buttons.layout.flex_flow = "row wrap"
        self._lay_out(self._progress, self._line, buttons, self._keys)
        self._on(self._keys, "value", self._read_keys)
        for mark, button in self._buttons.items():
            self._on_click(button, partial(self.mark, mark))
        self._on_click(self._back, self.back)
        self._try(lambda: self._open(path))

    @property
    def selection(self) -> int:
        """The number of the line that is shown."""
        return self._number

    @selection.setter
    def selection(self, number: int) -> None:
        self._try(lambda: self._show(number))

    @property
    def table(self) -> pd.DataFrame:
        """The marks that count, of all readers."""
        return self._opened.table

    def mark(self, mark: Mark) -> None:
        """Mark the line that is shown, save it, and show the next one that is not marked."""
        self._opened.add(self._number, mark, who=self.who, guideline=self.guideline)
        self._show(self._next())

    def back(self) -> None:
        """Show the line before, to mark it again."""
        self._show(max(1, self._number - 1))

    @property
    def _opened(self) -> Marks:
        if self.marks is None:
            raise ViewError(say("No marks are open."), say("The message below the view says why."))
        return self.marks

    def _open(self, path: str | Path) -> None:
        if not isinstance(self.sample, QuerySample):
            raise ViewError(
                say("MarkView got {kind}.", kind=type(self.sample).__name__),
                say("What sample_query draws was expected."),
                "kb.MarkView(kb.sample_query(films, 'järnväg'), 'marks.jsonl', who='Selma')",
            )
        if not str(self.who or "").strip():
            raise ViewError(
                say("It is not said who marks."), say("A name was expected."), "who='Selma'"
            )
        self.marks = Marks.open(self.sample, path)
        self._show(self._next(0))

    def _next(self, after: int | None = None) -> int:
        """Return the first line after this one that this reader has not marked, else any such."""
        after = self._number if after is None else after
        mine = self._opened.by(self.who)
        items = self.sample.rows["item"].to_list()
        order = [*range(after, len(items)), *range(min(after, len(items)))]
        left = (at for at in order if items[at] not in mine)
        return next(left, min(after, len(items) - 1)) + 1

    def _show(self, number: int) -> None:
        self.sample.item(number)  # refuses what is not there
        self._number = number
        self._progress.value = _html.wrap(self._progress_html())
        self._line.value = _html.wrap(self._line_html())

    def _read_keys(self) -> None:
        """Take what was typed since the last look; what was taken away goes back."""
        before, self._typed = self._typed, str(self._keys.value)
        kept = _common(before, self._typed)
        for _ in range(len(before) - kept):
            self.back()
        for letter in self._typed[kept:].lower():
            if letter not in KEYS:
                raise ViewError(
                    say("The key '{key}' means nothing here.", key=letter),
                    say("y yes, n no, u unsure, backspace: back"),
                )
            self.mark(KEYS[letter])

    def _progress_html(self) -> str:
        done, n = len(self._opened.by(self.who)), self.sample.n
        said = say("{done:,} of {n:,} lines marked by {who}", done=done, n=n, who=self.who)
        rule = say("Yes means: {guideline}", guideline=self.guideline) if self.guideline else ""
        bar = f'<progress aria-hidden="true" value="{done}" max="{n}"></progress>'
        head = f"<p><strong>{_html.text(rule)}</strong></p>" if rule else ""
        return f'{head}<p role="status">{_html.text(said)}<br>{bar}</p>'

    def _line_html(self) -> str:
        row = self.sample.line(self._number)
        mine = self._opened.by(self.who).get(self.sample.rows["item"][self._number - 1])
        said = [say("Line {n:,}", n=self._number), *_source(row)]
        if mine:
            said.append(say("marked: {mark}", mark=say(NAMES[mine])))
        whole = self.sample.item(self._number)[0] == "rest"
        return (
            f'<p class="kb-quiet">{_html.text(" · ".join(said))}</p>{_words_html(row, whole)}'
            f"{_html.details(say('Before and after'), self._around_html())}"
        )

    def _around_html(self) -> str:
        near = self.sample.source(self._number)
        lines = []
        for row in near.to_dict("records"):
            text = str(row["text"])
            cut = text[:NEIGHBOUR] + ("…" if len(text) > NEIGHBOUR else "")
            css = "kb-hit" if row["here"] else ""
            said = in_its_language(cut, row.get("language"))
            lines.append(_html.Row([row.get("time") or row["id"], said], css))
        heads = (_html.Column(say("place")), _html.Column(say("text")))
        return _html.table(say("The same source, before and after"), heads, lines)

    def _counts(self) -> dict[Mark, int]:
        counts = Counter(self.marks.by(self.who).values()) if self.marks else Counter()
        return {mark: counts[mark] for mark in MARKS}

    def _still(self) -> str:
        if self.marks is None:
            return ""
        heads = (_html.Column(say("mark")), _html.Column(say("lines"), numeric=True))
        rows = [(say(NAMES[mark]), number(n)) for mark, n in self._counts().items()]
        table = _html.table(say("Marks so far"), heads, rows)
        return self._progress.value + self._line.value + table

    def _figure(self) -> Figure:
        fig, axes = figures.canvas(height=1.3)
        done = 0
        for mark, n in self._counts().items():
            label = f"{say(NAMES[mark])}: {number(n)}"
            axes.barh([0], [n], left=[done], height=0.6, label=label, **_LOOKS[mark])
            done += n
        axes.set(xlim=(0, self.sample.n), ylim=(-0.5, 0.5), yticks=[], xlabel=say("lines"))
        axes.grid(visible=False)
        fig.legend(frameon=False, fontsize=9, loc="outside upper left", ncols=3)
        return fig


def _words_html(row: dict[str, Any], whole: bool) -> str:
    """Return a line with what was found made strong; a passage has nothing to make so."""
    left, hit, right = (_html.text(row[part]) for part in ("left", "hit", "right"))
    found = hit if whole else f'<mark style="{_STRONG}">{hit}</mark>'
    close = "" if right[:1] in _CLOSING else " "
    language = f' lang="{_html.text(row["language"])}"' if row.get("language") else ""
    return f"<p{language}>{left} {found}{close}{right}</p>"


def _source(row: dict[str, Any]) -> list[str]:
    """Return where a line comes from, each thing once."""
    there = [row[name] for name in SOURCES if row.get(name) is not None]
    return [known(one) for one in dict.fromkeys(there or [row["id"]])]


def _common(one: str, other: str) -> int:
    """Return how many letters two texts have in common at their beginning."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
