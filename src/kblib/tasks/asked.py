"""Example labels: five tasks that every model here can be tried on, without a network."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import polars as pl

from kblib import __version__
from kblib.corpora import Corpus
from kblib.corpora.rights import citations_of, stated_rights
from kblib.errors import LabelError
from kblib.labels import Labels, read_labels
from kblib.ngrams.printed import Printed
from kblib.tasks import topics
from kblib.tasks.listed import TASKS, caveat_of
from kblib.tasks.material import Row, cues_of, newsreels

TEXTS, SEED = 3_000, 1


@dataclass(frozen=True, eq=False, repr=False)
class ExampleTasks(Printed):
    """What example labels there are.

    Attributes
    ----------
    rows
        One row a task: name, task, labels, made_from, caveat, texts, films.
    provenance
        Corpus, fingerprint, how many texts were asked for, seed, version.
    """

    rows: pl.DataFrame
    provenance: dict[str, Any]
    warnings: tuple[str, ...] = (
        'kb.example_labels("sentences") are the labels themselves.',
        "The embedded models read most of these films when they were pretrained, without labels.",
    )

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        return f"Example labels made from '{self.provenance['corpus']}'"

    def __repr__(self) -> str:
        lines = [self.title, *(f"\n{_paragraph(row)}" for row in self.rows.iter_rows(named=True))]
        return "\n".join([*lines, "", *(f"  Note: {one}" for one in self.warnings)])


@overload
def example_labels(
    name: None = None, *, corpus: Corpus | None = None, texts: int = TEXTS, seed: int = SEED
) -> ExampleTasks: ...
@overload
def example_labels(
    name: str, *, corpus: Corpus | None = None, texts: int = TEXTS, seed: int = SEED
) -> Labels: ...
def example_labels(
    name: str | None = None, *, corpus: Corpus | None = None, texts: int = TEXTS, seed: int = SEED
) -> ExampleTasks | Labels:
    """Return labels of a task made from newsreels, or without a name what tasks there are.

    Every text is there once, and the column ``film`` keeps films on one side of a split.

    Parameters
    ----------
    name
        ``tokens``, ``sentences``, ``collections``, ``correctness``, ``relation`` or ``topics``.
    corpus
        Cues of films, with the newsreels' columns; by default the newsreels, cleaned.
    texts
        How many at most; labels that are made come in equal numbers.
    seed
        Which texts are drawn, and what is done to them.

    Raises
    ------
    LabelError
        If there is no such task, the corpus has not what it takes, or `texts` is no number.
    MissingPartError
        If the newsreels are not installed, with the command that brings them.

    Examples
    --------
    >>> films = Corpus.from_table(pl.DataFrame([
    ...     {"id": f"R1/speech/{n}", "text": f"Kungen reser till ort {n} i dag.", "film": "F1",
    ...      "title": "R1", "medium": "speech", "year": 1935, "start_s": n, "end_s": n + 1}
    ...     for n in range(4)]))
    >>> example_labels("correctness", corpus=films).counts["count"].tolist()
    [2, 2]
    """
    _check_number(texts)
    if name is not None and name not in TASKS:
        near = difflib.get_close_matches(str(name), TASKS, n=1)
        raise LabelError(
            f"There are no example labels '{name}'.",
            f"There are: {', '.join(TASKS)}.",
            f'Did you mean kb.example_labels("{near[0]}")?' if near else "kb.example_labels()",
        )
    given = newsreels() if corpus is None else corpus
    if name is not None:
        return _made(name, given, texts, seed)
    made = {one: _made(one, given, texts, seed) for one in TASKS}
    about = {"corpus": given.name, "fingerprint": given.fingerprint, "version": __version__}
    rows = [_row(one, labels) for one, labels in made.items()]
    return ExampleTasks(pl.DataFrame(rows), about | {"texts": texts, "seed": seed})


def _made(name: str, corpus: Corpus, texts: int, seed: int) -> Labels:
    task = TASKS[name]
    rows = task.make(cues_of(corpus, task.needs), texts, seed)
    _check_enough(name, rows, corpus)
    found = read_labels(
        rows, text=_texts_of(rows[0]), labels=task.labels, name=f"{corpus.name}-{name}"
    )
    caveat = caveat_of(name)
    about = {"made_from": task.made_from, "caveat": caveat, "seed": seed}
    if name == "topics":
        about["guideline"] = topics.guideline()
    known = {"corpus": corpus.name, "of_corpus": corpus.fingerprint, "where": "example_labels"}
    about |= {"rights": stated_rights(corpus), "cite": citations_of(corpus)}
    notes = (*found.warnings, caveat)
    return replace(found, provenance={**found.provenance, **known, **about}, warnings=notes)


def _texts_of(row: Row) -> str | tuple[str, str]:
    if "tokens" in row:
        return "tokens"
    return ("text", "text_pair") if "text_pair" in row else "text"


def _check_number(texts: Any) -> None:
    if isinstance(texts, bool) or not isinstance(texts, int) or texts < 1:
        raise LabelError(f"texts is {texts!r}.", "A whole number from 1 was expected.")


def _check_enough(name: str, rows: Sequence[Row], corpus: Corpus) -> None:
    if not rows:
        raise LabelError(
            f"Corpus '{corpus.name}' has no text that example labels '{name}' can be made from.",
            f"They are made from {TASKS[name].made_from}.",
            f'kb.example_labels("{name}") makes them from the newsreels.',
        )


def _paragraph(row: Row) -> str:
    """Return a task as lines that a terminal holds."""
    said = {
        f"{row['name']}: ": f"{row['task']}; {row['texts']:,} texts of {row['films']:,} films",
        "  labels: ": row["labels"],
        "  made from: ": row["made_from"],
        "  caveat: ": row["caveat"],
    }
    return "\n".join(
        textwrap.fill(text, 100, initial_indent=head, subsequent_indent="    ")
        for head, text in said.items()
    )


def _row(name: str, labels: Labels) -> Row:
    known = labels.provenance
    return {
        "name": name,
        "task": TASKS[name].task,
        "labels": ", ".join(labels.labels),
        "made_from": known["made_from"],
        "caveat": known["caveat"],
        "texts": len(labels),
        "films": labels.rows["film"].n_unique(),
    }
