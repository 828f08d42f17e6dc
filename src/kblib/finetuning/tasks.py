"""Example labels: five tasks that every model here can be tried on, without a network."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import polars as pl

from kblib import __version__
from kblib.corpora import Corpus
from kblib.errors import LabelError
from kblib.finetuning import (
    task_order,
    task_pairs,
    task_tokens,
    task_topics,
    task_windows,
)
from kblib.finetuning.task_material import Row, cues_of, newsreels
from kblib.labels import Labels, read_labels
from kblib.ngrams.printed import Printed

TEXTS, SEED = 3_000, 1
Make = Callable[[pl.DataFrame, int, int], list[Row]]


@dataclass(frozen=True)
class Task:
    """A task, and what has to be known of it.

    Attributes
    ----------
    task
        What is asked, as the field calls it.
    labels
        In their order.
    made_from
        Where the labels come from.
    caveat
        What scores on them do not show.
    make
        Cues, how many rows at most, and a seed, to rows with id, text, label, film.
    needs
        Columns beside those that every task needs.
    """

    task: str
    labels: tuple[str, ...]
    made_from: str
    caveat: str
    make: Make
    needs: tuple[str, ...] = ()


TASKS = {
    "tokens": Task(
        "tokens: capitals and marks to be put back",
        task_tokens.LABELS,
        "speech itself: its words in lower case without marks, each with what it had",
        "Capitals and marks are those of the speech recogniser, not of an editor: a model that "
        "agrees with them writes as it does. The last word of a passage nearly always had a mark.",
        task_tokens.restored,
    ),
    "sentences": Task(
        "sentences: spoken or shown",
        task_windows.MEDIA,
        f"the folder of the file: windows of {task_windows.MEDIUM_WORDS} bare words of "
        f"{task_windows.BOTH_MEDIA[0]}-{task_windows.BOTH_MEDIA[1]}, "
        "each decade with equally many of both",
        "Misread letters give intertitles away as well as how they are written: a model may have "
        "learnt to see poor OCR.",
        task_windows.of_media,
    ),
    "collections": Task(
        "sentences: which collection",
        task_windows.COLLECTIONS,
        f"the folder of the file: windows of {task_windows.COLLECTION_WORDS} bare words of the "
        "1950s, equally many of each collection",
        "Collections differ in what they show and in how many films they have (Kino has the "
        "fewest): names of a few films tell much, and the intervals are wide.",
        task_windows.of_collections,
        ("collection",),
    ),
    "correctness": Task(
        "correctness: word order",
        task_order.LABELS,
        "sentences of speech in lower case without marks; of every second one a word was moved "
        f"by 2 to {task_order.FARTHEST} places",
        "Swedish lets some words move, so a moved one may still be right, and what the recogniser "
        "misheard is wrong though it was not moved: nobody can reach 100 %. Both labels have "
        "words alike; what remains as a cue are broken word pairs, which n-grams see too.",
        task_order.word_order,
    ),
    "relation": Task(
        "relation: what follows",
        task_pairs.LABELS,
        "two sentences of speech that follow one another; for the other label the second ones of "
        "two films of the same collection and decade are exchanged",
        "Words that both texts share help: the two belong to one subject, which is less than that "
        "one follows from the other. Some neighbours are where one item of the "
        "newsreel ends and the next begins.",
        task_pairs.next_segment,
    ),
    "topics": Task(
        "sentences: topic",
        task_topics.LABELS,
        "read and labelled for this project by a written guideline "
        "(kblib/finetuning/topics/guideline.md)",
        "A small set by one reader, who is no historian: it shows how a model is taught topics; "
        "nothing that is published should rest on it.",
        task_topics.topics,
    ),
}


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
    >>> from kblib.finetuning.tasks import TASKS
    >>> list(TASKS)
    ['tokens', 'sentences', 'collections', 'correctness', 'relation', 'topics']
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


def caveat_of(name: str) -> str:
    """Return what scores on a task do not show; of topics, how far two readings agree."""
    said = TASKS[name].caveat
    if name != "topics":
        return said
    alpha, twice = task_topics.agreement(), len(task_topics.read_twice())
    return (
        f"{said} {twice} passages were read a second time by the same reader, on the same day in "
        f"another order: Krippendorff's alpha {alpha:.2f}, which is one reader's constancy and "
        "memory, and not how far two readers agree."
    )


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
        about["guideline"] = task_topics.guideline()
    known = {"corpus": corpus.name, "of_corpus": corpus.fingerprint, "where": "example_labels"}
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
