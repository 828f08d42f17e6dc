"""Hits written to files: for a spreadsheet, and for a reference manager."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from kblib.files import write_json
from kblib.ngrams.concordance import Concordance
from kblib.ngrams.references import write_csl_json, write_ris

LONGEST_NAME = 40


def write_csv(found: Concordance, path: Path) -> Path:
    """Write all hits as CSV, a thousand at a time, and beside it what they are, as JSON.

    The file begins with a mark by which Excel knows UTF-8; pandas and Polars pass over it.
    """
    aside = path.with_name(f"{path.name}.part")
    with aside.open("wb") as file:
        for place, batch in enumerate(found.batches()):
            batch.write_csv(file, include_bom=place == 0, include_header=place == 0)
    aside.replace(path)
    write_json(path.with_suffix(".about.json"), found.provenance)
    return path


WRITERS: dict[str, Callable[[Concordance, Path], Path]] = {
    ".csv": write_csv,
    ".csl.json": write_csl_json,
    ".ris": write_ris,
}
"""By the ending of the file: a spreadsheet; Zotero and pandoc; EndNote, Mendeley and Zotero."""


def free_path(folder: Path, query: str, ending: str) -> Path:
    """Return a path named after a query where nothing is yet."""
    words = re.sub(r"[^\w-]+", "-", query).strip("-")[:LONGEST_NAME] or "query"
    for number in range(1, 10_000):
        again = f"-{number}" if number > 1 else ""
        path = folder / f"concordance-{words}{again}{ending}"
        if not path.exists():
            return path
    raise FileExistsError(folder)
