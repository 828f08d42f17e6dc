"""The HTML that all views share: one quiet style, and tables a screen reader can follow.

Colours: one accent on greys. The accent and the greys differ in lightness, so that a grey print and
a colour-blind reader see the same thing; nothing is said by colour alone.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kbnotebooks import _words

ACCENT = "#1f5f8b"
"""Contrast with white 6.7:1, with the light grey below 5.3:1 (WCAG 2.1 asks for 4.5 and 3)."""
INK, QUIET, FAINT = "#222222", "#6b6b6b", "#dedede"

# Doubled class names outweigh JupyterLab's own rules for tables in outputs.
STYLE = f"""<style>
.kb.kb {{ color: var(--jp-ui-font-color1, {INK}); max-width: 54rem;
  font: 14px/1.45 system-ui, sans-serif; }}
.kb.kb table {{ border-collapse: collapse; margin: .4rem 0 .8rem; table-layout: auto;
  font-size: 14px; }}
.kb.kb caption {{ caption-side: top; text-align: left; padding: .2rem 0; font-weight: 600;
  color: var(--jp-ui-font-color1, {INK}); }}
.kb.kb th, .kb.kb td {{ text-align: left; vertical-align: baseline; border: 0;
  padding: .18rem 1rem .18rem 0;
  white-space: normal; background: none; max-width: 38rem; overflow-wrap: break-word; }}
.kb.kb thead th {{ font-weight: 400; color: var(--jp-ui-font-color2, {QUIET});
  border-bottom: 1px solid var(--jp-border-color1, {FAINT}); }}
.kb.kb tbody th {{ font-weight: 600; }}
.kb.kb.kb tbody tr {{ background: none; }}
.kb.kb .kb-number {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
.kb.kb thead .kb-number {{ white-space: normal; }}
.kb.kb .kb-track {{ min-width: 11rem; width: 11rem; padding-right: 0; }}
.kb.kb .kb-bar {{ display: inline-block; height: .8em; min-width: 1px; background: {ACCENT};
  print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
.kb.kb .kb-rest th, .kb.kb .kb-rest td {{ font-weight: 400;
  color: var(--jp-ui-font-color2, {QUIET}); }}
.kb.kb .kb-rest .kb-bar {{ background: {FAINT}; outline: 1px solid {QUIET}; }}
.kb.kb .kb-hit th::after {{ content: " ◂"; color: {ACCENT}; }}
.kb.kb .kb-quiet {{ color: var(--jp-ui-font-color2, {QUIET}); }}
.kb.kb .kb-error {{ border-left: 4px solid {ACCENT}; padding: .3rem .8rem; margin: .4rem 0;
  white-space: pre-wrap; }}
.kb.kb figure {{ margin: .4rem 0 .8rem; }}
.kb.kb figure img {{ max-width: 100%; height: auto; background: white; }}
.kb.kb figcaption {{ color: var(--jp-ui-font-color2, {QUIET}); max-width: 46rem; }}
.kb.kb summary {{ cursor: pointer; padding: .15rem 0; }}
.kb.kb progress {{ width: 20rem; max-width: 100%; accent-color: {ACCENT}; }}
.kb.kb pre {{ font: 12.5px/1.4 ui-monospace, monospace; max-height: 20rem; overflow: auto;
  white-space: pre-wrap; }}
.kb.kb .kb-side {{ display: flex; flex-wrap: wrap; gap: 0 2.5rem; }}
.kb.kb .kb-side > div:not(:only-child) .kb-track {{ width: 8rem; min-width: 8rem; }}
.kb.kb .kb-strips {{ position: relative; display: inline-block; max-width: 100%; }}
.kb.kb .kb-strips figure {{ margin: 0; }}
.kb.kb .kb-strip {{ position: absolute; top: 0; bottom: 0; cursor: pointer; }}
.kb.kb .kb-strip:hover {{ background: {ACCENT}22; outline: 1px solid {ACCENT}; }}
.kb.kb .kb-row {{ font: inherit; padding: 0 .4rem; background: none; cursor: pointer;
  color: inherit; border: 1px solid {QUIET}; border-radius: 3px; }}
.kb.kb .kb-left {{ text-align: right; min-width: 14rem; padding-right: .5rem; font-size: 13px; }}
.kb.kb td.kb-found {{ font-weight: 600; padding-right: .5rem; white-space: nowrap;
  font-size: 13px; }}
.kb.kb .kb-right {{ min-width: 14rem; font-size: 13px; }}
.kb.kb p {{ margin: .3rem 0; max-width: 46rem; }}
</style>"""


@dataclass(frozen=True)
class Markup:
    """A piece of HTML that is meant as HTML; everything else is escaped."""

    html: str


Cell = object


@dataclass(frozen=True)
class Column:
    """The head of a column; numbers are set flush right."""

    title: str
    numeric: bool = False
    css: str = ""

    def attributes(self) -> str:
        """Return the class attribute of this column's cells."""
        names = " ".join(name for name in ("kb-number" if self.numeric else "", self.css) if name)
        return f' class="{names}"' if names else ""


@dataclass(frozen=True)
class Row:
    """A row with a class of its own."""

    cells: Sequence[Cell]
    css: str = ""


def text(content: Cell) -> str:
    """Return a cell's content as HTML."""
    return content.html if isinstance(content, Markup) else html.escape(str(content), quote=False)


def table(caption: str, columns: Sequence[Column], rows: Iterable[Row | Sequence[Cell]]) -> str:
    """Return a table with a caption and headers; of several columns the first heads its row."""
    head = "".join(f'<th scope="col"{c.attributes()}>{text(c.title)}</th>' for c in columns)
    body = "".join(_row(row, columns) for row in rows)
    top = f"<caption>{text(caption)}</caption><thead><tr>{head}</tr></thead>"
    return f"<table>{top}<tbody>{body}</tbody></table>"


def _row(row: Row | Sequence[Cell], columns: Sequence[Column]) -> str:
    cells, css = (row.cells, row.css) if isinstance(row, Row) else (row, "")
    first, *others = [
        (text(cell), column.attributes()) for cell, column in zip(cells, columns, strict=True)
    ]
    head = f'<th scope="row"{first[1]}>{first[0]}</th>' if others else f"<td>{first[0]}</td>"
    inner = head + "".join(f"<td{a}>{t}</td>" for t, a in others)
    return f'<tr class="{css}">{inner}</tr>' if css else f"<tr>{inner}</tr>"


def bar(share: float) -> Markup:
    """Return a bar of `share` (0 to 1) of its track; the number itself must stand beside it."""
    width = 100 * min(max(share, 0.0), 1.0)
    return Markup(f'<span class="kb-bar" aria-hidden="true" style="width:{width:.1f}%"></span>')


def details(summary: str, inner: str) -> str:
    """Return a part that is closed until asked for; `inner` is HTML."""
    return f"<details><summary>{text(summary)}</summary>{inner}</details>"


def wrap(inner: str) -> str:
    """Return `inner` inside the shared style; nothing for nothing."""
    if not inner:
        return ""
    return f'{STYLE}<div class="kb" lang="{_words.language()}">{inner}</div>'


def page(title: str, inner: str) -> str:
    """Return a whole page that needs nothing from anywhere else."""
    return (
        f'<!doctype html><html lang="{_words.language()}"><head><meta charset="utf-8">'
        f"<title>{text(title)}</title></head>"
        f'<body style="margin:1.5rem;background:white">{inner}</body></html>'
    )


def number(value: float) -> str:
    """Return a whole number with thousands marked: 2,225,334."""
    return _words.number(value)


def percent(share: float) -> str:
    """Return a share as per cent with two significant places: 34 %, 3.4 %, 0.34 %, under 0.01 %."""
    value = 100 * share
    if 0 < value < 0.01:
        return _words.say("under {least} %", least=0.01)
    places = 0 if value >= 10 else 1 if value >= 1 else 2
    return f"{_words.number(value, f'.{places}f')} %"


def duration(seconds: float) -> str:
    """Return a span of time as one would say it: 40 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
