"""How a corpus shows itself: a plain table that reads like a catalogue, in text and in HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import polars as pl

from kblib.corpora.steps import Step
from kblib.errors import told

ROWS = 5
TEXT_WIDTH = 100
COUNT_UP_TO = 1_000_000
"""A corpus with more documents is not counted word by word just to be shown."""
SHOWN = ("id", "title", "year", "kind", "medium", "text")


@dataclass(frozen=True)
class Card:
    """What is shown of a corpus."""

    name: str
    counts: Mapping[str, int | None]
    head: pl.DataFrame
    reasons: Mapping[str, int]
    n_left_out: int

    @property
    def line(self) -> str:
        """Name and numbers in one line, in the language of the notebook."""
        said = [told(f"{self.counts['documents']:,} documents")]
        if "words" in self.counts:
            said.append(told(f"{self.counts['words'] or 0:,} words"))
        first, last = self.counts.get("first_year"), self.counts.get("last_year")
        if first is not None:
            said.append(f"{first}" if first == last else f"{first}-{last}")
        return told(f"Corpus '{self.name}': {', '.join(said)}")

    @property
    def notes(self) -> list[str]:
        """What the last step dropped, and what the reader left out."""
        notes = [
            told(f"dropped: {count:,} ({reason})")
            for reason, count in self.reasons.items()
            if count
        ]
        if self.n_left_out:
            notes.append(told(f"left out while reading: {self.n_left_out:,} (see corpus.left_out)"))
        return notes

    @property
    def columns(self) -> list[str]:
        """The columns shown."""
        return [column for column in SHOWN if column in self.head.columns]


def card_of(
    name: str,
    counts: Mapping[str, int | None],
    head: pl.LazyFrame,
    steps: Sequence[Step],
    n_left_out: int,
) -> Card:
    """Return what is shown of a corpus: its first rows, and what the last step dropped."""
    reasons = steps[-1].to_dict().get("dropped", {}) if steps else {}
    return Card(name, counts, head.head(ROWS).collect(), reasons, n_left_out)


def as_text(card: Card) -> str:
    """Return the card for a terminal."""
    rows = [f"  {'  '.join(cells)}" for cells in _cells(card)]
    return "\n".join([card.line, *rows, *(f"  {note}" for note in card.notes)])


def as_html(card: Card) -> str:
    """Return the card for a notebook: a table with a caption and marked heads, all text escaped."""
    heads = "".join(f'<th scope="col">{escape(column)}</th>' for column in card.columns)
    body = "".join(_html_row(cells) for cells in _cells(card))
    notes = "".join(f"<p>{escape(note)}</p>" for note in card.notes)
    style = "caption-side:top;text-align:left"
    first = told(f"the first {card.head.height}")
    said = f"<strong>{escape(card.line)}</strong>; {escape(first)}"
    caption = f'<caption style="{style}">{said}</caption>'
    return f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{notes}"


def _html_row(cells: list[str]) -> str:
    first, *rest = (escape(cell) for cell in cells)
    others = "".join(f'<td style="text-align:left">{cell}</td>' for cell in rest)
    return f'<tr><th scope="row">{first}</th>{others}</tr>'


def _cells(card: Card) -> list[list[str]]:
    shown = card.head.select(card.columns)
    return [
        ["" if value is None else _short(str(value)) for value in row] for row in shown.iter_rows()
    ]


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= TEXT_WIDTH else flat[: TEXT_WIDTH - 1].rstrip() + "…"
