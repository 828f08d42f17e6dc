"""The view in which a reader marks a sample of a query's hits and misses, line after line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kblib.ngrams.marks import MARKS, Mark, Marks
from kblib.ngrams.samples import QuerySample
from kbnotebooks import _html, figures
from kbnotebooks._errors import ViewError
from kbnotebooks._kwic import in_its_language
from kbnotebooks._one_by_one import (
    OneByOneView,
    bar_html,
    check_who,
    counts_html,
    source_of,
)
from kbnotebooks._words import later, number, say

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


NAMES: dict[Mark, str] = {"yes": later("Yes"), "no": later("No"), "unsure": later("Unsure")}
KEYS: dict[str, Mark] = {"y": "yes", "j": "yes", "n": "no", "u": "unsure", "o": "unsure"}
"""First letters in English and Swedish (ja, nej, osäker)."""
NEIGHBOUR = 300
"""Letters of a neighbouring document that are shown: a newspaper page would bury the line."""
_STRONG = (
    f"background: none; color: inherit; font-weight: 600; border-bottom: 2px solid {_html.ACCENT}"
)
_CLOSING = ".,;:!?)»”"
_LOOKS: dict[Mark, dict[str, Any]] = {
    "yes": {"color": _html.ACCENT},
    "no": {"color": "white", "edgecolor": _html.QUIET, "hatch": "/////", "linewidth": 0.6},
    "unsure": {"color": "white", "edgecolor": _html.QUIET, "hatch": "....", "linewidth": 0.6},
}


class MarkView(OneByOneView):
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
        self._make(
            {mark: say(name) for mark, name in NAMES.items()},
            KEYS,
            say("y yes, n no, u unsure, backspace: back"),
        )
        self._try(lambda: self._open(path))

    @property
    def table(self) -> pd.DataFrame:
        """The marks that count, of all readers."""
        return self._opened.table

    def mark(self, mark: Mark) -> None:
        """Mark the line that is shown, save it, and show the next one that is not marked."""
        self._answer(mark)

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
        check_who(self.who)
        self.marks = Marks.open(self.sample, path)
        self._show(self._next(0))

    def _items(self) -> Sequence[str]:
        return self.sample.rows["item"].to_list()

    def _mine(self) -> Mapping[str, str]:
        return self.marks.by(self.who) if self.marks is not None else {}

    def _save(self, answer: str) -> None:
        mark = cast(Mark, answer)
        self._opened.add(self._number, mark, who=self.who, guideline=self.guideline)

    def _check(self, number: int) -> None:
        self.sample.item(number)  # refuses what is not there

    def _progress_html(self) -> str:
        done, n = len(self._opened.by(self.who)), self.sample.n
        said = say("{done:,} of {n:,} lines marked by {who}", done=done, n=n, who=self.who)
        rule = say("Yes means: {guideline}", guideline=self.guideline) if self.guideline else ""
        head = f"<p><strong>{_html.text(rule)}</strong></p>" if rule else ""
        return head + bar_html(said, done, n)

    def _line_html(self) -> str:
        row = self.sample.line(self._number)
        mine = self._opened.by(self.who).get(self.sample.rows["item"][self._number - 1])
        said = [say("Line {n:,}", n=self._number), *source_of(row)]
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

    def _still(self) -> str:
        if self.marks is None:
            return ""
        counts = {say(NAMES[mark]): self._counts()[mark] for mark in MARKS}
        table = counts_html(say("Marks so far"), say("mark"), say("lines"), counts)
        return self._progress.value + self._line.value + table

    def _figure(self) -> Figure:
        fig, axes = figures.canvas(height=1.3)
        done = 0
        for mark in MARKS:
            n = self._counts()[mark]
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
