"""A Swedish sibling follows its lesson: code is copied, prose is kept."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import siblings


def notebook(*cells: tuple[str, str, str]) -> nbformat.NotebookNode:
    made = {"md": new_markdown_cell, "code": new_code_cell}
    return new_notebook(cells=[made[kind](source, id=name) for kind, name, source in cells])


def sources(found: nbformat.NotebookNode) -> list[tuple[str, str]]:
    return [(cell.id, cell.source) for cell in found.cells]


@pytest.fixture
def lesson() -> nbformat.NotebookNode:
    return notebook(("md", "title", "Words"), ("code", "count", "2 + 2"), ("md", "end", "The end"))


def test_code_is_copied_and_prose_kept(lesson: nbformat.NotebookNode):
    old = notebook(("md", "title", "Ord"), ("code", "count", "1 + 1"), ("md", "end", "Slut"))
    assert sources(siblings.followed(lesson, old)) == [
        ("title", "Ord"), ("count", "2 + 2"), ("end", "Slut"),
    ]  # fmt: skip


def test_new_cell_comes_in_its_place_and_a_gone_one_goes(lesson: nbformat.NotebookNode):
    old = notebook(("md", "end", "Slut"), ("md", "gone", "Borta"))
    assert sources(siblings.followed(lesson, old)) == [
        ("title", "Words"), ("count", "2 + 2"), ("end", "Slut"),
    ]  # fmt: skip


def test_pairs_are_lessons_and_solutions_with_their_siblings(tmp_path: Path):
    (tmp_path / "solutions").mkdir()
    for name in ("01_a.ipynb", "01_a.sv.ipynb", "solutions/01_a.ipynb"):
        (tmp_path / name).touch()
    found = [(one.name, two.name) for one, two in siblings.pairs(tmp_path)]
    assert found == [("01_a.ipynb", "01_a.sv.ipynb")] * 2


def test_every_sibling_in_the_tree_follows_its_lesson():
    for path, twin in siblings.pairs():
        if twin.exists():
            lesson, sibling = (nbformat.read(one, as_version=4) for one in (path, twin))
            assert siblings.followed(lesson, sibling) == sibling, twin.name
