"""The view of a concordance: every hit in its context, page by page, and the way to its source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as w
import pandas as pd

from kblib.corpora import Corpus
from kblib.ngrams.concordance import Concordance, concordance
from kblib.ngrams.forms import FORMS, Forms
from kbnotebooks import _html
from kbnotebooks._clicks import LIST, ROOT
from kbnotebooks._counted import forms_html
from kbnotebooks._errors import ViewError
from kbnotebooks._kwic import draw, lines_html, source_html
from kbnotebooks._kwic_files import WRITERS, free_path
from kbnotebooks._view import View, entries_of
from kbnotebooks._words import later, say, say_n

if TYPE_CHECKING:
    from matplotlib.figure import Figure


SORT_NAMES = {
    "text": later("as in the corpus"),
    "left": later("by the words before"),
    "right": later("by the words after"),
    "hit": later("by the word found"),
    "year": later("by year"),
    "random": later("at random"),
}
FORM_NAMES = {
    "surface": later("as written"),
    "variants": later("also old spellings, misreadings"),
    "lemma": later("also inflected forms"),
}
PER_PAGE = 15


class ConcordanceView(View):
    """Search a corpus and read every hit in its context.

    Words, phrases, wildcards (``järnväg*``, ``svenska *``) and regular expressions between slashes
    are understood. The list is complete: nothing is cut off, pages are made when they are read.

    Parameters
    ----------
    corpus
        Where to search.
    query
        What to search first; nothing if empty.
    sort, forms, window
        As in `kb.concordance`.
    per_page
        Lines on a page.
    folder
        Where exported files are written; the folder of the notebook if None.

    Attributes
    ----------
    selection
        Query, forms, sort and line, as a dictionary; may be set, also in part.
    found
        The `Concordance` that is shown; None before the first search.
    table
        All lines (pandas).
    source
        The lines around the chosen one in its document (pandas).
    """

    def __init__(
        self,
        corpus: Corpus,
        query: str = "",
        *,
        sort: str | Sequence[str] = "text",
        forms: Forms = "surface",
        window: int = 8,
        per_page: int = PER_PAGE,
        folder: str | Path | None = None,
    ) -> None:
        super().__init__()
        self.corpus, self.window, self.per_page = corpus, window, per_page
        self.folder = Path(folder) if folder is not None else Path()
        self.found: Concordance | None = None
        self._build(query, sort, forms)
        self._try(self._open)
        for control in (self._query, self._forms, self._sort):
            self._on(control, "value", self.search)
        self._on(self._page, "value", self._show_page)
        self._on(self._line, "value", self._show_source)
        self._on_click(self._button, self.search)
        for step, button in self._steps.items():
            self._on_click(button, partial(self._turn, step))
        for ending, button in self._exports.items():
            self._on_click(button, partial(self.export, ending))

    @property
    def selection(self) -> dict[str, Any]:
        """What is searched and which line is chosen."""
        return {
            "query": self._query.value,
            "forms": self._forms.value,
            "sort": self._sort.value,
            "line": self._line.value,
        }

    @selection.setter
    def selection(self, wanted: dict[str, Any]) -> None:
        self._try(lambda: self._select(**entries_of(wanted, self.selection)))

    @property
    def table(self) -> pd.DataFrame:
        """All lines; everything is loaded."""
        return self.found.table if self.found is not None else pd.DataFrame()

    @property
    def source(self) -> pd.DataFrame:
        """The documents around the chosen line."""
        if self.found is None or self._line.value is None:
            return pd.DataFrame()
        return self.found.source(self._line.value)

    def search(self) -> None:
        """Search for what stands in the field, and show the first page."""
        self.found = None
        self._clear()
        if not self._query.value.strip():
            self._status.value = _html.wrap(f"<p class='kb-quiet'>{_html.text(_hint())}</p>")
            return
        self.found = concordance(
            self.corpus,
            self._query.value,
            sort=self._sort.value,
            window=self.window,
            forms=self._forms.value,
        )
        self._page.max = self._pages
        self._page.value = 1
        self._show_page()

    def export(self, ending: str) -> Path:
        """Write all hits to a new file: ``.csv``, ``.csl.json`` or ``.ris``; say where.

        Raises
        ------
        ViewError
            If nothing was searched yet, or the ending is another.
        """
        if self.found is None:
            raise ViewError(say("There are no hits to write."), say("Search for something first."))
        if ending not in WRITERS:
            raise ViewError(
                say("Hits cannot be written as '{ending}'.", ending=ending),
                say("Known endings: {endings}.", endings=", ".join(WRITERS)),
            )
        path = free_path(self.folder, self._query.value, ending)
        WRITERS[ending](self.found, path)
        said = say_n(self.found.n, "{n:,} hit was written to {path}",
                     "{n:,} hits were written to {path}", path=path.resolve())  # fmt: skip
        self._written.value = _html.wrap(f'<p role="status">{_html.text(said)}</p>')
        return path

    def _build(self, query: str, sort: str | Sequence[str], forms: Forms) -> None:
        self._first = (sort if isinstance(sort, str) else tuple(sort), forms)
        self._status, self._lines, self._source, self._written = (w.HTML() for _ in range(4))
        search = self._build_search(query, sort)
        self._paging = w.VBox([self._build_pages(), self._build_exports()])
        self._lay_out(search, self._status, self._lines, self._paging, self._source, self._written)
        self._box.add_class(ROOT)

    def _build_search(self, query: str, sort: str | Sequence[str]) -> w.Widget:
        self._query = w.Text(
            query,
            description=say("Search"),
            placeholder=_hint(),
            continuous_update=False,  # Enter sends it
            layout=w.Layout(width="30rem", max_width="80%"),
        )
        self._button = w.Button(description=say("Search"), layout=w.Layout(width="6rem"))
        ways = [(say(FORM_NAMES[one]), one) for one in FORMS]
        self._forms = w.Dropdown(options=ways, description=say("Forms"))
        self._sort = w.Dropdown(options=_sorts(sort), description=say("Sort"))
        return w.VBox([w.HBox([self._query, self._button]), w.HBox([self._forms, self._sort])])

    def _build_pages(self) -> w.Widget:
        self._steps = {
            -1: w.Button(description=say("Previous page")),
            1: w.Button(description=say("Next page")),
        }
        self._page = w.BoundedIntText(1, min=1, max=1, description=say("Page"))
        self._page.layout.width = "11rem"
        self._line = w.Dropdown(description=say("Source of line"), layout=w.Layout(width="16rem"))
        self._line.style.description_width = "initial"
        self._line.add_class(LIST)
        return w.HBox([self._steps[-1], self._page, self._steps[1], self._line])

    def _build_exports(self) -> w.Widget:
        self._exports = {
            ending: w.Button(description=name, tooltip=say("Write all hits to a file"))
            for ending, name in zip(WRITERS, ("CSV", "CSL-JSON", "RIS"), strict=True)
        }
        return w.HBox([w.Label(say("Write to a file:")), *self._exports.values()])

    def _open(self) -> None:
        if not isinstance(self.corpus, Corpus):
            raise ViewError(
                say("ConcordanceView got {kind}.", kind=type(self.corpus).__name__),
                say("A corpus was expected."),
                "kb.ConcordanceView(films, 'järnväg')",
            )
        if type(self.per_page) is not int or self.per_page < 1:
            given, self.per_page = self.per_page, PER_PAGE
            raise ViewError(
                say("per_page is {given}.", given=repr(given)),
                say("A number of lines was expected, from 1 on."),
                "per_page=15",
            )
        sort, forms = self._first
        if forms not in FORMS or sort not in [value for _, value in self._sort.options]:
            # The library names those it knows.
            concordance(self.corpus, self._query.value, sort=sort, forms=forms)
        self._sort.value, self._forms.value = sort, forms
        self.search()

    @property
    def _pages(self) -> int:
        return max(math.ceil(self.found.n / self.per_page), 1) if self.found is not None else 1

    def _clear(self) -> None:
        for part in (self._status, self._lines, self._source, self._written):
            part.value = ""
        self._line.options = ()
        self._paging.layout.display = "none"

    def _turn(self, step: int) -> None:
        self._page.value += step  # the field keeps it between the first page and the last

    def _show_page(self) -> None:
        if self.found is None:
            return
        page = min(self._page.value, self._pages)
        first = (page - 1) * self.per_page
        rows = self.found.rows(first, first + self.per_page)
        self._status.value = _html.wrap(self._status_html())
        caption = say("Page {page:,} of {pages:,}", page=page, pages=self._pages)
        shown = lines_html(rows, caption, buttons=True) if self.found.n else ""
        self._lines.value = _html.wrap(shown)
        self._paging.layout.display = None if self.found.n else "none"
        numbers = rows["number"].to_list()
        self._line.options = numbers
        self._line.value = numbers[0] if numbers else None
        self._show_source()

    def _status_html(self) -> str:
        assert self.found is not None  # noqa: S101  asked for after a search
        said = say_n(self.found.n, "{n:,} hit in '{corpus}', sorted {how}.",
                     "{n:,} hits in '{corpus}', sorted {how}.",
                     corpus=self.corpus.name, how=_sort_name(self._sort.value))  # fmt: skip
        counted = forms_html(self.found.hits.forms)
        phrase = say("Words side by side are searched as a phrase. For one or the other: /häst|ko/")
        told = f"<p>{_html.text(phrase)}</p>" if not self.found.n and " " in self._asked else ""
        return f'<p role="status">{_html.text(said)}</p>{told}{counted}'

    @property
    def _asked(self) -> str:
        return str(self._query.value).strip()

    def _show_source(self) -> None:
        self._source.value = ""
        if self.found is not None and self._line.value is not None:
            self._source.value = _html.wrap(source_html(self.found, self._line.value))

    def _select(self, **wanted: Any) -> None:
        line = wanted.pop("line", None)
        controls = {"query": self._query, "forms": self._forms, "sort": self._sort}
        for name, value in wanted.items():
            controls[name].value = value
        if self.found is not None and line is not None:
            self.found.document(line)  # says which lines there are
            self._page.value = (line - 1) // self.per_page + 1
            self._line.value = line

    def _still(self) -> str:
        said = (
            f"<p><strong>{_html.text(say('Search'))}:</strong> {_html.text(self._query.value)}</p>"
        )
        return said + self._status.value + self._still_lines() + self._source.value

    def _still_lines(self) -> str:
        """Return the page without buttons: in a saved notebook there is nothing to press."""
        if self.found is None or not self.found.n:
            return ""
        first = (self._page.value - 1) * self.per_page
        caption = say("Page {page:,} of {pages:,}", page=self._page.value, pages=self._pages)
        return lines_html(self.found.rows(first, first + self.per_page), caption)

    def _figure(self) -> Figure:
        if self.found is None:
            raise ViewError(say("There is nothing to draw."), say("Search for something first."))
        first = (self._page.value - 1) * self.per_page
        return draw(self.found.rows(first, first + self.per_page))


def _hint() -> str:
    return say("järnväg*, a phrase, or /flyg(plan|maskin)/")


def _sorts(sort: str | Sequence[str]) -> list[tuple[str, Any]]:
    named: list[tuple[str, Any]] = [(say(name), value) for value, name in SORT_NAMES.items()]
    if not isinstance(sort, str) and all(one in SORT_NAMES for one in sort):
        named.append((_sort_name(tuple(sort)), tuple(sort)))
    return named


def _sort_name(sort: str | Sequence[str]) -> str:
    several = [sort] if isinstance(sort, str) else sort
    return say(", then ").join(say(SORT_NAMES[one]) for one in several)
