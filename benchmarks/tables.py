"""From a measured result to a table in the README, and nothing in between.

A benchmark writes ``benchmarks/results/NAME.json`` through `save`; `update` puts each result that
the README names between its markers::

    <!-- bench:NAME -->
    (rewritten by make bench)
    <!-- /bench -->

``python -m benchmarks.tables`` does that again without measuring. ``tests/test_readme.py`` fails
when the README shows anything else than what the committed results say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
README = ROOT / "README.md"
MARKED = re.compile(r"(<!-- bench:([\w-]+) -->\n)(.*?)(<!-- /bench -->)", re.DOTALL)

Cell = str | int | float


@dataclass(frozen=True)
class Result:
    """One measured table.

    Parameters
    ----------
    title
        What was measured, as a heading without a full stop.
    command
        The line that makes it again.
    date
        The day it was measured, ISO.
    machine
        Processor, cores used, memory, versions that matter.
    columns
        Headings, with the unit in each that has one.
    rows
        One list a row, as long as `columns`. Numbers are printed as they are: round them before.
    note
        How it was measured and what it does not show, in full sentences.
    """

    title: str
    command: str
    date: str
    machine: str
    columns: list[str]
    rows: list[list[Cell]]
    note: str = ""


def read(path: Path) -> Result:
    """Read a result.

    Raises
    ------
    ValueError
        If a field is missing or unknown, or a row is not as long as the headings.
    """
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    known = {field.name for field in fields(Result)}
    if set(content) - known or known - set(content) - {"note"}:
        raise ValueError(f"{path.name} has the fields {sorted(content)}; expected {sorted(known)}.")
    result = Result(**content)
    for number, row in enumerate(result.rows, start=1):
        if len(row) != len(result.columns):
            raise ValueError(
                f"{path.name}: row {number} has {len(row)} cells, the table {len(result.columns)}."
            )
    return result


def save(name: str, result: Result, folder: Path = RESULTS) -> Path:
    """Write a result as ``NAME.json``; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(
        json.dumps(asdict(result), ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )
    return path


def read_all(folder: Path = RESULTS) -> dict[str, Result]:
    """Read every result in `folder`, by name."""
    return {path.stem: read(path) for path in sorted(folder.glob("*.json"))}


def render(result: Result) -> str:
    """Return a result as Markdown: title, table, where and how it was measured."""
    lines = [f"**{result.title}**", "", _row(result.columns)]
    lines.append("|" + "|".join(_rule(result, i) for i in range(len(result.columns))) + "|")
    lines += [_row(row) for row in result.rows]
    made = f"Made by `{result.command}` on {result.date}, {result.machine}."
    lines += ["", f"{result.note} {made}".strip()]
    return "\n".join(lines) + "\n"


def rewrite(text: str, results: Mapping[str, Result]) -> str:
    """Return `text` with the table of each named result between its markers.

    Raises
    ------
    ValueError
        If the text names a result that is not there.
    """

    def filled(match: re.Match[str]) -> str:
        name = match[2]
        if name not in results:
            raise ValueError(f"No result '{name}'; there are: {', '.join(results) or 'none'}.")
        return f"{match[1]}{render(results[name])}{match[4]}"

    return MARKED.sub(filled, text)


def update(readme: Path = README, folder: Path = RESULTS) -> None:
    """Rewrite the tables of the README from the results on disk."""
    text = readme.read_text(encoding="utf-8")
    readme.write_text(rewrite(text, read_all(folder)), encoding="utf-8")


def _row(cells: list[Any]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _rule(result: Result, column: int) -> str:
    """Return the rule below a heading: columns of numbers are set to the right."""
    numbers = all(isinstance(row[column], int | float) for row in result.rows)
    return "---:" if numbers and result.rows else "---"


if __name__ == "__main__":
    update()
