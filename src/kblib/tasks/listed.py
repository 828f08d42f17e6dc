"""The example tasks: where their labels come from, and what scores on them do not show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from kblib.tasks import order, pairs, tokens, topics, windows
from kblib.tasks.material import Row

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
        tokens.LABELS,
        "speech itself: its words in lower case without marks, each with what it had",
        "Capitals and marks are those of the speech recogniser, not of an editor: a model that "
        "agrees with them writes as it does. The last word of a passage nearly always had a mark.",
        tokens.restored,
    ),
    "sentences": Task(
        "sentences: spoken or shown",
        windows.MEDIA,
        f"the folder of the file: windows of {windows.MEDIUM_WORDS} bare words of "
        f"{windows.BOTH_MEDIA[0]}-{windows.BOTH_MEDIA[1]}, "
        "each decade with equally many of both",
        "Misread letters give intertitles away as well as how they are written: a model may have "
        "learnt to see poor OCR.",
        windows.of_media,
    ),
    "collections": Task(
        "sentences: which collection",
        windows.COLLECTIONS,
        f"the folder of the file: windows of {windows.COLLECTION_WORDS} bare words of the "
        "1950s, equally many of each collection",
        "Collections differ in what they show and in how many films they have (Kino has the "
        "fewest): names of a few films tell much, and the intervals are wide.",
        windows.of_collections,
        ("collection",),
    ),
    "correctness": Task(
        "correctness: word order",
        order.LABELS,
        "sentences of speech in lower case without marks; of every second one a word was moved "
        f"by 2 to {order.FARTHEST} places",
        "Swedish lets some words move, so a moved one may still be right, and what the recogniser "
        "misheard is wrong though it was not moved: nobody can reach 100 %. Both labels have "
        "words alike; what remains as a cue are broken word pairs, which n-grams see too.",
        order.word_order,
    ),
    "relation": Task(
        "relation: what follows",
        pairs.LABELS,
        "two sentences of speech that follow one another; for the other label the second ones of "
        "two films of the same collection and decade are exchanged",
        "Words that both texts share help: the two belong to one subject, which is less than that "
        "one follows from the other. Some neighbours are where one item of the "
        "newsreel ends and the next begins.",
        pairs.next_segment,
    ),
    "topics": Task(
        "sentences: topic",
        topics.LABELS,
        "read and labelled for this project by a written guideline "
        "(kblib/tasks/topic_labels/guideline.md)",
        "A small set by one reader, who is no historian: it shows how a model is taught topics; "
        "nothing that is published should rest on it.",
        topics.topics,
    ),
}


def caveat_of(name: str) -> str:
    """Return what scores on a task do not show; of topics, how far two readings agree."""
    said = TASKS[name].caveat
    if name != "topics":
        return said
    alpha, twice = topics.agreement(), len(topics.read_twice())
    return (
        f"{said} {twice} passages were read a second time by the same reader, on the same day in "
        f"another order: Krippendorff's alpha {alpha:.2f}, which is one reader's constancy and "
        "memory, and not how far two readers agree."
    )
