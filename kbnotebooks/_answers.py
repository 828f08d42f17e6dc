"""The exercises of the lessons: how each right answer is worked out, and what is said about it.

No answer is written down here: each is computed when it is asked for, from the same corpus and
models as its lesson uses. The texts are marked with `later`, so that the Swedish ones in
``swedish/exercises.toml`` are checked against them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from kbnotebooks._words import later

if TYPE_CHECKING:
    from kblib.models.shape import ModelShape

EMBEDDED = "kb-mini-masked"


@dataclass(frozen=True)
class Exercise:
    """One question of a lesson.

    Parameters
    ----------
    solve
        Works the right answer out.
    hint
        What to look at, for whoever is not there yet.
    because
        Why it is so, said after a right answer; ``{right}`` is put in.
    within
        How far off a number may be, as a share of the right one.
    """

    solve: Callable[[], Any]
    hint: str
    because: str
    within: float = 0.0


@cache
def films() -> Any:
    """Return the newsreels as they come."""
    from kblib.corpora import load_sample

    return load_sample("newsreels")


@cache
def clean_films() -> Any:
    """Return the newsreels after the standard cleaning."""
    from kblib.corpora import newsreel_filters

    return films().filter(*newsreel_filters())


@cache
def masked_model() -> Any:
    """Return the embedded masked model."""
    from kblib.models.masked import MaskedLM

    return MaskedLM.open(EMBEDDED)


def first_guess(sentence: str) -> str:
    """Return what the embedded masked model would put in the blank."""
    return str(masked_model().fill(sentence, k=1).table["word"].iloc[0])


def place_of(word: str, sentence: str) -> int:
    """Return which guess of the embedded masked model a word is."""
    model = masked_model()
    words = model.tokenizer.vocab_size - len(model.tokenizer.special_ids)
    table = model.fill(sentence, k=words).table
    return int(table["rank"][table["word"] == word].iloc[0])


def _year_with_most_speech() -> int:
    years = films().filter(medium="speech").summary("year").dropna(subset="year")
    return int(years.sort_values("words")["year"].iloc[-1])


def _kept_intertitles_of_the_twenties() -> int:
    return len(clean_films().filter(years=(1920, 1929), medium="intertitle"))


def _most_frequent_reason() -> str:
    return str(clean_films().dropped()["reason"].value_counts().index[0])


def _share_of_words_dropped() -> float:
    return 100 * (1 - clean_films().n_words / films().n_words)


def _shape(n_layer: int, n_embd: int) -> ModelShape:
    from kblib.models.shape import ModelShape

    return ModelShape(n_layer=n_layer, n_head=4, n_embd=n_embd)


START = {
    "start-1": Exercise(
        _year_with_most_speech,
        later("films.filter(medium='speech').summary('year').sort_values('words')"),
        later(
            "{right} has most words of speech: it says how much was kept, not how much was said."
        ),
    ),
    "start-2": Exercise(
        lambda: first_guess("Kungen och [MASK] kom till Stockholm."),
        later("type the sentence into the view above, or look at view.table."),
        later(
            "'{right}' is what the films made most likely there; it is no statement about any king."
        ),
    ),
}

CORPUS = {
    "corpus-1": Exercise(
        _kept_intertitles_of_the_twenties,
        later("clean.filter(years=(1920, 1929), medium='intertitle') and len()."),
        later(
            "{right} lines are left of the twenties: silent film is thin in every count that "
            "follows."
        ),
    ),
    "corpus-2": Exercise(
        _most_frequent_reason,
        later("clean.dropped() has a column 'reason'; value_counts() counts it."),
        later("'{right}': most of what is lost was never read right by the machine."),
    ),
    "corpus-3": Exercise(
        _share_of_words_dropped,
        later("100 * (1 - clean.n_words / films.n_words): words, not lines."),
        later("{right} per cent of the words: the lines that go are short ones."),
        within=0.02,
    ),
}

MASKED = {
    "masked-1": Exercise(
        lambda: len(masked_model().tokenizer.encode("riksdagsledamöterna", special=False)),
        later("len(model.tokenizer.encode('riksdagsledamöterna', special=False))"),
        later("{right} pieces; a blank holds one piece, so this word can never be a guess."),
    ),
    "masked-2": Exercise(
        lambda: place_of("drottningen", "Kungen och [MASK] hälsade på spelarna."),
        later("model.fill(sentence, k=8000).table has a column 'rank'."),
        later("It is guess number {right}. A place says more than a yes or no."),
    ),
    "masked-3": Exercise(
        lambda: first_guess("Hon är [MASK]."),
        later("model.fill('Hon är [MASK].', k=1).table shows it."),
        later("'{right}': what the films say of her most, through the ear of a machine."),
    ),
}

PRETRAIN = {
    "pretrain-1": Exercise(
        lambda: math.log(_shape(n_layer=2, n_embd=128).vocab_size),
        later("a model that knows nothing gives each piece the same chance; math.log of how many?"),
        later(
            "{right} nats: every curve of this vocabulary that starts there starts at knowing "
            "nothing."
        ),
        within=0.005,
    ),
    "pretrain-2": Exercise(
        lambda: 32 * 64,
        later("job.batch_size * job.seq_len."),
        later("{right} tokens are read between two corrections."),
    ),
    "pretrain-3": Exercise(
        lambda: _shape(n_layer=4, n_embd=256).parameters(),
        later("kb.ModelShape(n_layer=4, n_head=4, n_embd=256).parameters()"),
        later(
            "{right} parameters: twice as deep and twice as wide is much more than twice as many."
        ),
    ),
}
