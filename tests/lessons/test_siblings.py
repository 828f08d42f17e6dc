"""Swedish lessons: the same code, all prose translated, and nothing lost on the way."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from .conftest import (
    LESSONS,
    SOLUTIONS,
    SWEDISH,
    SWEDISH_LESSONS,
    SWEDISH_SOLUTIONS,
    code_cells,
    prose,
    read,
)

TWINS = [(name, name.removesuffix(".ipynb") + SWEDISH) for name in (*LESSONS, *SOLUTIONS)]
MARKS = {
    "**Term:**": "**Begrepp:**",
    "**How to read it.**": "**Så läser du den.**",
    "**What it does not show": "**Vad den inte visar",
    "**What follows:**": "**Vad som följer:**",
    "## What the method cannot show": "## Vad metoden inte kan visa",
    "## What we learned": "## Vad vi lärde oss",
    "## Data and methods": "## Data och metoder",
    "## Exercises": "## Övningar",
    "## Further reading": "## Läs vidare",
}
"""What lessons mark, in both languages."""
ENGLISH = re.compile(r"\b(the|and|which|this|that|with|from|what)\b")
SHARED = re.compile(r"\*[^*]+\*|`[^`]*`|arXiv:\S+|doi:\S+")


def test_every_lesson_and_every_solution_has_a_swedish_one():
    assert sorted(twin for _, twin in TWINS) == sorted([*SWEDISH_LESSONS, *SWEDISH_SOLUTIONS])


@pytest.mark.parametrize(("name", "twin"), TWINS)
def test_code_is_equal_cell_by_cell(name: str, twin: str):
    ours, theirs = read(name), read(twin)
    assert [(cell.id, cell.cell_type) for cell in ours.cells] == [
        (cell.id, cell.cell_type) for cell in theirs.cells
    ]
    assert [cell.source for cell in code_cells(ours)] == [
        cell.source for cell in code_cells(theirs)
    ]


@pytest.mark.parametrize(("name", "twin"), TWINS)
def test_all_prose_is_swedish(name: str, twin: str):
    ours = {cell.id: cell.source for cell in read(name).cells}
    for cell in read(twin).cells:
        if cell.cell_type != "markdown":
            continue
        assert cell.source != ours[cell.id], cell.id
        # Titles, names and code stay as they are; a reading list is English for the most part.
        text = SHARED.sub("", cell.source.split("## Läs vidare")[0])
        assert ENGLISH.findall(text) == [], cell.id


@pytest.mark.parametrize(("name", "twin"), TWINS)
def test_translation_keeps_code_marks_and_sources(name: str, twin: str):
    theirs = {cell.id: cell.source for cell in read(twin).cells}
    for cell in read(name).cells:
        if cell.cell_type == "markdown":
            assert kept(theirs[cell.id]) == kept(cell.source), cell.id


def kept(text: str) -> tuple[Counter[str], list[str]]:
    """Return what a translation must not lose: code, sources, numbered items, headings, marks."""
    code = re.findall(r"`[^`\n]+`", text.replace(SWEDISH, ".ipynb"))
    sources = re.findall(r"(?:arXiv|doi):[^\s,:]+", text)
    items = re.findall(r"(?m)^(?:\*\*\d\.|\d\.|- |#+ )", text)
    marks = [mark for pair in MARKS.items() for mark in pair[:1] for _ in range(_count(text, pair))]
    return Counter([*code, *sources, *marks]), items


def _count(text: str, pair: tuple[str, str]) -> int:
    flowing = " ".join(text.split())
    return max(flowing.count(mark) for mark in pair)


@pytest.mark.parametrize(("name", "twin"), TWINS)
def test_english_prose_has_no_swedish_marks_and_the_other_way_round(name: str, twin: str):
    english, swedish = prose(read(name)), prose(read(twin))
    assert [mark for mark in MARKS.values() if mark in english] == []
    assert [mark for mark in MARKS if mark in swedish] == []
