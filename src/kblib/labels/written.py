"""How files of labels are written, and what their endings say of it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypedDict

from kblib.corpora.delimited import SEPARATORS, Dialect
from kblib.corpora.finding import Found, find_files
from kblib.corpora.sources import MAX_LINE_MIB, known_encoding
from kblib.errors import CorpusError, LabelError

Format = Literal["table", "jsonl", "conllu", "conll"]
ENDINGS: dict[str, Format] = {
    **dict.fromkeys(SEPARATORS, "table"),
    **dict.fromkeys((".jsonl", ".ndjson", ".jl", ".json"), "jsonl"),
    **dict.fromkeys((".conllu", ".conllup"), "conllu"),
    # Named entities are published as .txt more often than anything else with labels is.
    **dict.fromkeys((".conll", ".iob", ".iob2", ".bio", ".txt"), "conll"),
}
_WORKBOOKS = (".xlsx", ".xls", ".ods")


class Asked(TypedDict, total=False):
    """What may be said of how files are written."""

    format: Format | None
    separator: str | None
    quote: str | None
    encoding: str
    name: str | None


@dataclass(frozen=True)
class Written:
    """How files are written.

    Attributes
    ----------
    format
        table, jsonl, conllu or conll; None for what the ending says.
    separator
        What divides the values of a table; None for a comma, or a tab in .tsv and .tab files.
    quote
        What quoted values stand in; None if quotes are part of the text.
    encoding
        Any that Python knows.
    name
        What the labels are called; None for the file's name.
    """

    format: Format | None = None
    separator: str | None = None
    quote: str | None = '"'
    encoding: str = "utf-8"
    name: str | None = None

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> Written:
        """Return it as asked for.

        Raises
        ------
        LabelError
            If a name is not known, or a value cannot be used.
        """
        names = [one.name for one in fields(cls)]
        for name in asked:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1, cutoff=0.3)
                raise LabelError(
                    f"read_labels has no argument '{name}'.",
                    f"How a file is written is said with: {', '.join(names)}.",
                    f"Did you mean {near[0]}=...?" if near else "",
                )
        written = cls(**asked)
        if written.format not in (None, *ENDINGS.values()):
            known = ", ".join(dict.fromkeys(ENDINGS.values()))
            raise LabelError(f"format is {written.format!r}.", f"There are: {known}.")
        try:
            known_encoding(written.encoding)
        except CorpusError as error:
            raise LabelError(error.happened, error.expected) from None
        return written

    @property
    def lines(self) -> dict[str, Any]:
        """How lines are read."""
        return {"encoding": self.encoding, "max_line_mib": MAX_LINE_MIB}

    def dialect(self, path: Path) -> Dialect:
        """Return how a table is written."""
        separator = self.separator or SEPARATORS.get(_ending(path), ",")
        return Dialect(separator, self.quote, **self.lines)

    def form(self, found: Found) -> Format:
        """Return the form of some files.

        Raises
        ------
        LabelError
            If their endings do not say it, or say two.
        """
        if self.format is not None:
            return self.format
        forms = {ENDINGS.get(_ending(path)) for path in found.files}
        form = next(iter(forms))
        if len(forms) == 1 and form is not None:
            return form
        book = next((one for one in found.files if _ending(one) in _WORKBOOKS), None)
        if book is not None:
            raise LabelError(
                f"{book.name} is a workbook of a spreadsheet program.",
                "A plain table was expected.",
                "Save it there as CSV (UTF-8), and read that: "
                f"read_labels('{book.stem}.csv'), perhaps with separator=';'",
            )
        raise LabelError(
            f"The endings in {found.where} do not say how the labels are written.",
            f"Files of one form were expected: {', '.join(ENDINGS)}.",
            "format='table', 'jsonl', 'conllu' or 'conll'",
        )


def files_of(where: Any) -> Found:
    """Find the files to read.

    Raises
    ------
    LabelError
        If there are none.
    """
    try:
        return find_files(where, ENDINGS)
    except CorpusError as error:
        raise LabelError(error.happened, error.expected, error.next_step) from None


def is_path(where: Any) -> bool:
    """Return whether this names files."""
    if isinstance(where, str | Path):
        return True
    listed = isinstance(where, list | tuple) and bool(where)
    return listed and all(isinstance(one, str | Path) for one in where)


def _ending(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return suffixes[-1] if suffixes else ""
