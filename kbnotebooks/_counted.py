"""What every count says of itself: the forms that were counted, and what a reader has to know."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from kbnotebooks import _html
from kbnotebooks._words import heard, number, say, say_n

NAMED = 6
"""Forms that are named at once; all of them are in the list that opens."""


def forms_html(counted: pl.DataFrame) -> str:
    """Return the forms that were counted, with the reason for each; nothing for no forms."""
    if not counted.height:
        return ""
    best = counted.sort("hits", descending=True, maintain_order=True).head(NAMED)
    named = ", ".join(f"{form} ({number(hits)})" for form, hits in best["form", "hits"].iter_rows())
    more = "…" if counted.height > NAMED else ""
    summary = say_n(
        counted.height, "{n:,} form was counted: {forms}", "{n:,} forms were counted: {forms}",
        forms=named + more,
    )  # fmt: skip
    heads = (
        _html.Column(say("query")),
        _html.Column(say("form")),
        _html.Column(say("why")),
        _html.Column(say("hits"), numeric=True),
    )
    rows = [
        (query, form, ", ".join(map(heard, why.split(", "))), number(hits))
        for query, form, why, hits in counted["query", "form", "why", "hits"].iter_rows()
    ]
    return _html.details(summary, _html.table(say("Forms that were counted"), heads, rows))


def notes_html(warnings: Iterable[str]) -> str:
    """Return what a reader has to know, a paragraph each."""
    return "".join(
        f"<p class='kb-note'><strong>{_html.text(say('Note:'))}</strong> "
        f"{_html.text(heard(one))}</p>"
        for one in warnings
    )


def more(n: int, where: str) -> str:
    """Say how many rows are left and where they are; nothing if none are."""
    if n <= 0:
        return ""
    said = say("… and {n:,} more: {where}", n=n, where=where)
    return f"<p class='kb-quiet'>{_html.text(said)}</p>"
