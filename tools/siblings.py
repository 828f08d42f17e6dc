"""Copy the code of each lesson into its Swedish sibling: part of ``make format``.

A lesson is written once, ``NN_name.ipynb``; ``NN_name.sv.ipynb`` beside it has the same cells with
Swedish prose. Code is changed in the first only. A cell that is new comes with its English prose,
which tests/lessons refuses until somebody has translated it; one that is gone goes here too.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
LESSONS = ROOT / "notebooks"
SWEDISH = ".sv.ipynb"


def pairs(folder: Path = LESSONS) -> Iterator[tuple[Path, Path]]:
    """Yield each lesson and each page of solutions with the path of its sibling."""
    for path in sorted([*folder.glob("*.ipynb"), *folder.glob("solutions/*.ipynb")]):
        if not path.name.endswith(SWEDISH):
            yield path, path.with_name(path.stem + SWEDISH)


def followed(
    lesson: nbformat.NotebookNode, sibling: nbformat.NotebookNode
) -> nbformat.NotebookNode:
    """Return the sibling with the lesson's cells and code, and its own prose where it has one."""
    prose = {cell.id: cell.source for cell in sibling.cells if cell.cell_type == "markdown"}
    result = copy.deepcopy(lesson)
    for cell in result.cells:
        if cell.cell_type == "markdown":
            cell.source = prose.get(cell.id, cell.source)
    return result


def read(path: Path) -> nbformat.NotebookNode:
    """Return a notebook."""
    notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    return notebook


def main() -> int:
    """Bring every sibling up to date; name those that were changed."""
    for path, twin in pairs():
        if not twin.exists():
            continue
        lesson, sibling = read(path), read(twin)
        result = followed(lesson, sibling)
        if result != sibling:
            nbformat.write(result, twin)  # type: ignore[no-untyped-call]
            print(f"siblings: {twin.relative_to(ROOT)} follows {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
