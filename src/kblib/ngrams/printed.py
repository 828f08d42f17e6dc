"""How a result looks at the end of a cell: a title, the first rows, and what must be known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl

from kblib.corpora.tables import pandas_of
from kblib.errors import told

if TYPE_CHECKING:
    import pandas as pd

NOTE = "note"
"""A column whose sentences are told in the language of the notebook."""
SHOWN = 10
LONG = 10_000
"""Numbers from here on are grouped; a year is not."""
LONGEST = 600
"""Letters of a text in a cell: a whole book would bury the table."""


class Printed:
    """A result that prints as a table; ``rows`` and ``warnings`` are what it shows."""

    rows: pl.DataFrame
    warnings: tuple[str, ...]

    @property
    def table(self) -> pd.DataFrame:
        """The rows as a pandas table."""
        return pandas_of(self.rows.lazy())

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        raise NotImplementedError

    @property
    def shown(self) -> pl.DataFrame:
        """The rows with the columns that are printed: all, unless a class leaves some out."""
        return self.rows

    def __repr__(self) -> str:
        return as_text(self.title, self.shown, self.warnings)

    def _repr_html_(self) -> str:
        return as_html(self.title, self.shown, self.warnings)


def as_text(title: str, rows: pl.DataFrame, warnings: Sequence[str] = ()) -> str:
    """Return title, first rows and notes for a terminal.

    Examples
    --------
    >>> print(as_text("Words", pl.DataFrame({"word": ["sol", "regn"], "count": [12000, 7]})))
    Words
      word   count
      sol   12,000
      regn       7
    """
    shown = _shown(rows)
    columns = [[name, *map(_cell, shown[name].to_list())] for name in rows.columns]
    aligned = [
        _aligned(column, left=rows[name].dtype == pl.String)
        for name, column in zip(rows.columns, columns, strict=True)
    ]
    lines = [f"  {'  '.join(cells)}".rstrip() for cells in zip(*aligned, strict=True)]
    notes = [f"{told('Note:')} {told(one)}" for one in warnings]
    return "\n".join([told(title), *lines, *_more(rows), *(f"  {one}" for one in notes)])


def as_html(title: str, rows: pl.DataFrame, warnings: Sequence[str] = ()) -> str:
    """Return title, first rows and notes for a notebook, with marked heads, all text escaped."""
    sides = ["left" if rows[name].dtype == pl.String else "right" for name in rows.columns]
    heads = "".join(
        f'<th scope="col" style="text-align:{side}">{escape(name)}</th>'
        for name, side in zip(rows.columns, sides, strict=True)
    )
    body = "".join(_html_row(row) for row in _shown(rows).iter_rows())
    said = (*_more(rows), *map(told, warnings))
    notes = "".join(f"<p>{escape(note.strip())}</p>" for note in said)
    caption = f'<caption style="caption-side:top;text-align:left">{escape(told(title))}</caption>'
    return f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{notes}"


def _shown(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the first rows, with notes in the language of the notebook."""
    first = rows.head(SHOWN)
    if first.schema.get(NOTE) != pl.String:
        return first
    return first.with_columns(pl.Series(NOTE, [told(one or "") for one in first[NOTE]]))


def _html_row(row: tuple[Any, ...]) -> str:
    cells = (
        f'<td style="text-align:{"left" if isinstance(value, str) else "right"}">'
        f"{escape(_cell(value))}</td>"
        for value in row
    )
    return f"<tr>{''.join(cells)}</tr>"


def _aligned(column: list[str], *, left: bool) -> list[str]:
    width = max(map(len, column))
    return [cell.ljust(width) if left else cell.rjust(width) for cell in column]


def _cell(value: Any) -> str:
    """Return a value as it is shown: four digits that count; nothing for what is not there."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < LONG else f"{value:,.0f}"
    if isinstance(value, int) and value >= LONG:
        return f"{value:,}"
    said = str(value)
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…"


def _more(rows: pl.DataFrame) -> list[str]:
    rest = rows.height - SHOWN
    return ["  " + told(f"... {rest:,} more rows in .table")] if rest > 0 else []
