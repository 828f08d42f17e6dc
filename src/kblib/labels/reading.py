"""One call for every form in which labels come: tables, JSON lines, CoNLL, datasets, rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import polars as pl

from kblib import __version__
from kblib.corpora import Corpus
from kblib.corpora.rights import citations_of
from kblib.corpora.sources import Fault, OnError
from kblib.errors import LabelError
from kblib.files import one_digest, sha256
from kblib.labels.conll import of_columns
from kblib.labels.conllu import FIELDS, of_conllu
from kblib.labels.faults import LabelFaults
from kblib.labels.hub_datasets import is_dataset, names_of, rows_of
from kblib.labels.intake import Intake, counted
from kblib.labels.labelled import Labels
from kblib.labels.names import Names, decimals, slips
from kblib.labels.records import Columns, Entry, of_jsonl, of_table
from kblib.labels.written import Asked, Format, Written, files_of, is_path

OUTSIDE, ZERO = "O", "0"


def read_labels(
    where: Any,
    *,
    text: str | tuple[str, str] = "text",
    label: str | int = "label",
    id: str | None = None,  # noqa: A002  the column's name
    corpus: Corpus | None = None,
    labels: Sequence[str] | None = None,
    casefold: bool = False,
    scale: bool = False,
    on_error: OnError = "raise",
    **written: Unpack[Asked],
) -> Labels:
    """Read labelled texts: CSV, TSV, JSON lines, CoNLL-U, CoNLL or IOB, datasets, tables, rows.

    Parameters
    ----------
    where
        A file, a list of files, a pattern or a folder, of one form, also compressed with gzip; or
        a ``datasets.Dataset``, a pandas or Polars table, a list of dictionaries, or a corpus one of
        whose columns is the label, such as ``medium``.
    text
        The column of the text; two of them, ``("premise", "hypothesis")``, where a label is of a
        pair. A column of lists of words has a list of labels beside it. A dot leads into an object
        of JSON lines: ``("first.context", "second.context")``.
    label
        The column of the label. In CoNLL-U ``upos`` unless another of its columns is named; in
        CoNLL and IOB the last one, or a number from 0.
    id
        The column of the id. Without, ``id`` is taken where it is, else file and line.
    corpus
        Where the texts are: labels are joined to it by id, and get all its columns.
    labels
        The labels there may be, in their order; any other is a fault. Whole numbers in the file are
        then places among them, from 0.
    casefold
        Whether labels that differ in case only are the same; else a second spelling is a fault.
    scale
        Whether labels are numbers on a scale.
    on_error
        ``raise``: the first fault ends the reading. ``collect``: what is wrong is left out and
        listed in ``labels.left_out``; a word with a fault takes its sentence with it.
    written
        How files are written: ``format`` (table, jsonl, conllu or conll; by default what the ending
        says), ``separator``, ``quote`` and ``encoding`` as in `read_table`, and ``name``.

    Returns
    -------
    Labels
        One row a text or, where words are labelled, a sentence.

    Raises
    ------
    LabelError
        Naming file and line of the first fault.

    Examples
    --------
    >>> rows = [{"text": "Nya skor", "label": "trade"}, {"text": "Regn", "label": "weather"}]
    >>> read_labels(rows).labels
    ('trade', 'weather')
    """
    how = Written.of(written)
    if is_dataset(where):
        labels = labels or names_of(where, label)
    names = None if scale else Names(labels, casefold=casefold)
    columns = Columns(_texts(text, corpus), str(label), id)
    intake = Intake(names, LabelFaults(on_error), corpus)
    if is_path(where):
        called, about = _read_files(where, how, columns, intake)
    else:
        called = how.name or (where.name if isinstance(where, Corpus) else "labels")
        about = {"where": type(where).__name__}
        for entry in _given(where, columns, called):
            intake.add(entry, f"{called}/{entry.where.line}")
    about |= {"text": text, "label": label, "id": id, "casefold": casefold}
    return _labels(called, intake, about, where if isinstance(where, Corpus) else corpus)


def _read_files(
    where: Any, how: Written, columns: Columns, intake: Intake
) -> tuple[str, dict[str, Any]]:
    """Read files, and return what they are called and what is known of them."""
    found = files_of(where)
    form = how.form(found)
    for path in found.files:
        with intake.faults.reading():
            for entry in _entries(path, form, how, columns, intake.faults):
                intake.add(entry, f"{found.label(path)}#{entry.where.line}")
    digest = one_digest([sha256(path) for path in found.files])
    about = {"format": form, "encoding": how.encoding, "sha256": digest}
    return how.name or found.name, {**found.about, **about}


def _labels(name: str, intake: Intake, about: dict[str, Any], corpus: Corpus | None) -> Labels:
    frame, names, said = _with_outside(intake.frame(), intake.names)
    counts = counted(frame)
    warnings = [*intake.faults.notes, *said, *slips(counts), *decimals(names)]
    if names and len(counts) == 1:
        warnings.append(f"Every label is '{next(iter(counts))}': nothing can be told apart.")
    known = {} if corpus is None else _of_corpus(corpus)
    found = {"texts": frame.height, "left_out": len(intake.faults.listed)}
    made = {"fingerprint": _fingerprint(frame), "version": __version__}
    faults = tuple(one.to_dict() for one in intake.faults.listed)
    provenance = {"name": name, **about, **known, **found, **made}
    return Labels(name, frame, names, provenance, tuple(warnings), faults)


def _of_corpus(corpus: Corpus) -> dict[str, Any]:
    """Return what is told of the corpus whose texts were labelled."""
    cited = citations_of(corpus)
    about = {"corpus": corpus.name, "of_corpus": corpus.fingerprint}
    return {**about, "cite": cited} if cited else about


def _with_outside(
    frame: pl.DataFrame, names: tuple[str, ...]
) -> tuple[pl.DataFrame, tuple[str, ...], list[str]]:
    """Write the label of words outside every name as all tools do: O, where a file has zero."""
    if "tokens" not in frame.columns or ZERO not in names or OUTSIDE in names:
        return frame, names, []
    if all(one.isdecimal() for one in names):  # numbers throughout: then zero is one of them
        return frame, names, []
    replaced = frame.with_columns(pl.col("label").list.eval(pl.element().replace(ZERO, OUTSIDE)))
    renamed = tuple(OUTSIDE if one == ZERO else one for one in names)
    return replaced, renamed, ["Words outside every name have the label 0 in the file; here O."]


def _fingerprint(frame: pl.DataFrame) -> str:
    own = [one for one in ("id", "text", "text_pair", "tokens", "label") if one in frame.columns]
    return hashlib.sha256(frame.select(own).write_ndjson().encode()).hexdigest()


def _entries(
    path: Path, form: Format, how: Written, columns: Columns, faults: LabelFaults
) -> Iterator[Entry]:
    if form == "table":
        return of_table(path, how.dialect(path), columns, faults)
    if form == "jsonl":
        return of_jsonl(path, columns, faults, **how.lines)
    if form == "conllu":
        return of_conllu(path, faults, column=_conllu_column(columns.label), **how.lines)
    return of_columns(path, faults, column=_conll_column(columns.label), **how.lines)


def _conllu_column(label: str) -> str:
    wanted = "upos" if label == "label" else label
    if wanted in FIELDS:
        return wanted
    raise LabelError(
        f"CoNLL-U has no column '{label}'.", f"Its columns: {', '.join(FIELDS)}.", "label='upos'"
    )


def _conll_column(label: str) -> int:
    if label == "label":
        return -1
    try:
        return int(label)
    except ValueError:
        raise LabelError(
            f"label is '{label}', and the columns of a CoNLL file have no names.",
            "A number was expected: 0 is the word, -1 the last column.",
            "label=-1",
        ) from None


def _given(where: Any, columns: Columns, name: str) -> Iterator[Entry]:
    """Yield the rows of a dataset, a table or a list."""
    if isinstance(where, Corpus):
        where = where.frame().collect()
    for number, row in enumerate(rows_of(where), start=1):
        if not isinstance(row, Mapping):
            raise LabelError(f"Row {number} is {row!r}.", "A dictionary was expected.")
        missing = columns.missing(row)
        if missing is not None:
            raise LabelError(
                f"Row {number} of {name} has no '{missing}'; it has: {', '.join(row)}.",
                "Columns of text and label were expected.",
                "Name them: text='...', label='...'",
            )
        yield Entry(Fault(Path(name), number, "", unit="row"), columns.entry(row))


def _texts(text: Any, corpus: Any) -> tuple[str, ...]:
    given: Any = (text,) if isinstance(text, str) else text
    listed = isinstance(given, tuple | list) and all(isinstance(one, str) for one in given)
    if not listed or not 1 <= len(given) <= 2:
        raise LabelError(f"text is {text!r}.", "One column was expected, or two for pairs.")
    if corpus is not None and not isinstance(corpus, Corpus):
        raise LabelError(
            f"corpus is {corpus!r}.", "A Corpus was expected.", f"corpus=Corpus.open({corpus!r})"
        )
    return tuple(given) if corpus is None else ()
