"""What has left the house: no document may leave in two tables that could be subtracted.

Two tables of the same decade, one with a film and one without it, differ by the n-grams of that
film. So each saved table is noted with the documents of its cells, and a later one may hold a cell
that left before only as it was: with all the same documents, or with none of them.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kblib import settings
from kblib.errors import CorpusError
from kblib.files import write_atomic
from kblib.ngrams.index import Index, Ints

Marks = NDArray[np.uint64]
"""A number for each document, from its id and text; ascending."""
NAME = "name"


def marks_of(index: Index, documents: Ints) -> Marks:
    """Return the marks of some documents, given by their rows."""
    ids = index.values_at("id", documents).to_list()
    text, starts = index.text.text, index.text.text_starts
    marks = np.empty(len(ids), dtype=np.uint64)
    for place, (name, row) in enumerate(zip(ids, documents.tolist(), strict=True)):
        digest = hashlib.blake2b(f"{name}\0".encode(), digest_size=8)
        digest.update(text[starts[row] : starts[row + 1]].tobytes())
        marks[place] = int.from_bytes(digest.digest(), "big")
    return np.sort(marks)


def note_release(cells: Mapping[str, Marks], name: str) -> Path:
    """Note that tables of some cells leave under a name; the same cells may leave again.

    Raises
    ------
    CorpusError
        If documents of a cell left before in another one.
    """
    for path, earlier, left in _noted():
        for label, marks in cells.items():
            _check(label, marks, earlier, left, path)
    digest = hashlib.blake2b(b"".join(one.tobytes() for one in cells.values()), digest_size=8)
    path = _folder() / f"{date.today():%Y-%m-%d}-{digest.hexdigest()}.npz"
    held = io.BytesIO()
    arrays: dict[str, Any] = {NAME: np.array(name), **cells}
    np.savez_compressed(held, **arrays)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, held.getvalue())
    return path


def _folder() -> Path:
    return settings.writable_home() / "released"


def _noted() -> Iterator[tuple[Path, str, dict[str, Marks]]]:
    for path in sorted(_folder().glob("*.npz")):
        with np.load(path, allow_pickle=False) as held:
            yield path, str(held[NAME]), {key: held[key] for key in held.files if key != NAME}


def _check(label: str, marks: Marks, earlier: str, left: Mapping[str, Marks], path: Path) -> None:
    for other, before in left.items():
        shared = len(np.intersect1d(marks, before))
        if shared and not np.array_equal(marks, before):
            raise CorpusError(
                f"{shared:,} of {len(marks):,} documents of the cell {label} left the house in "
                f"'{earlier}', in a cell ({other}) of {len(before):,}.",
                "All the same documents were expected, or none of them: the difference of the two "
                "tables would show n-grams of few films.",
                f"Export the same corpus as then. If that table never left: rm {path}",
            )
