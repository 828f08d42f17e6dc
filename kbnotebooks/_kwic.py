"""Lines of a concordance as a table whose middle column is what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from kbnotebooks import _html
from kbnotebooks._clicks import row_button
from kbnotebooks._words import known, later, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kblib.ngrams.concordance import Concordance

LONGEST = 48
"""Letters of context in a picture; the tables have all of them."""
NAMES = ("title", "film")
"""Columns that name the source of a line; the first that is there is used."""
_HEADS = {
    "number": later("line"),
    "left": later("before"),
    "hit": later("found"),
    "right": later("after"),
}
_LOOKS = {"left": "kb-left", "hit": "kb-found", "right": "kb-right"}


def lines_html(rows: pl.DataFrame, caption: str, *, buttons: bool = False) -> str:
    """Return lines as a table.

    Parameters
    ----------
    rows
        What `Concordance.rows` gave.
    caption
        Above the table.
    buttons
        Whether the number of a line is a button that chooses it in the list of the view.
    """
    columns = ["number", "left", "hit", "right", *about(rows)]
    heads = [_html.Column(head(one), one == "number", _LOOKS.get(one, "")) for one in columns]
    table = [
        _line(row, columns, row_button(str(row["number"]), place) if buttons else None)
        for place, row in enumerate(rows.iter_rows(named=True))
    ]
    return _html.table(caption, heads, table)


def source_html(found: Concordance, number: int) -> str:
    """Return where a line comes from, and what stands around it there."""
    document, around = found.document(number), pl.from_pandas(found.source(number))
    facts = {
        "id": document.id,
        "title": document.title,
        "date": document.date or document.year,
        "source": document.source,
        "licence": document.licence,
    }
    said = "; ".join(f"{known(name)}: {value}" for name, value in facts.items() if value)
    heads = (_html.Column(known("time" if "time" in around.columns else "id")),
             _html.Column(known("text")))  # fmt: skip
    rows = [
        _html.Row(
            (row.get("time") or row["id"], in_its_language(row["text"], row.get("language"))),
            css="kb-hit" if row["here"] else "",
        )
        for row in around.iter_rows(named=True)
    ]
    caption = say("Source of line {number:,}", number=number)
    return f"{_html.table(caption, heads, rows)}<p class='kb-quiet'>{_html.text(said)}</p>"


def draw(rows: pl.DataFrame) -> Figure:
    """Draw lines with what was found in the middle."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(9.4, 0.26 * max(rows.height, 1) + 0.2))
    for place, row in enumerate(rows.iter_rows(named=True)):
        height = 1 - (place + 0.6) / max(rows.height, 1)
        where = "  ".join(known(row[one]) for one in about(rows) if row[one] is not None)
        fig.text(0.36, height, row["left"][-LONGEST:], ha="right", size=8.5)
        fig.text(0.45, height, row["hit"], ha="center", size=8.5, weight="bold")
        fig.text(0.54, height, row["right"][:LONGEST], size=8.5)
        fig.text(1.0, height, where, size=7.5, color=_html.QUIET)
    return fig


def about(rows: pl.DataFrame) -> list[str]:
    """Return the columns that say where a line comes from."""
    name = next((one for one in NAMES if one in rows.columns), "id")
    return [one for one in (name, "year", "medium", "time") if one in rows.columns]


def head(column: str) -> str:
    """Return the name of a column in the reader's language."""
    return known(_HEADS.get(column, column))


def in_its_language(text: str, language: Any) -> _html.Markup:
    """Mark the language of words from a source, so that a screen reader says them right."""
    if not language:
        return _html.Markup(_html.text(text))
    return _html.Markup(f'<span lang="{_html.text(language)}">{_html.text(text)}</span>')


def _line(row: dict[str, Any], columns: list[str], button: _html.Markup | None) -> list[_html.Cell]:
    words = {
        one: in_its_language(row[one], row.get("language")) for one in ("left", "hit", "right")
    }
    cells = {**row, **words, **({"number": button} if button else {})}
    if "medium" in columns:
        cells["medium"] = known(row["medium"] or "unknown")
    return ["" if cells[one] is None else cells[one] for one in columns]
