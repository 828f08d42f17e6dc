"""Which corpora a job reads besides its own, and which it only looks at while it trains."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kblib.corpora import Corpus
from kblib.errors import JobError
from kblib.training.mixture import WINDOW

OWN, REPLAY = "corpus", "replay"
"""What the job's own corpus and a replayed one are called in metrics and results."""
_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Source:
    """A corpus to read from, under a name, with its share of the blocks."""

    name: str
    corpus: Corpus
    share: float


Mixture = Mapping[str, tuple[Corpus, float]] | Iterable[Source]
Monitor = Mapping[str, Corpus] | Iterable[tuple[str, Corpus]]


def checked_mixture(mixture: Mixture, replay: Corpus | None, share: float) -> tuple[Source, ...]:
    """Return the corpora besides the job's own, in one form however they were said.

    Raises
    ------
    JobError
        If a name is none, a share is none, or nothing is left for the job's own corpus.
    """
    found = list(_sources_of(mixture))
    if replay is not None:
        found = [one for one in found if one.name != REPLAY]
        found.append(_source(REPLAY, (replay, share)))
    for one in found:
        if one.name == OWN:
            raise _wrong_name(one.name, "mixture", "This is the name of the job's own corpus.")
    total = sum(one.share for one in found)
    if found and round(total * WINDOW) >= WINDOW:
        said = ", ".join(f"{one.name} {one.share:g}" for one in found)
        raise JobError(
            f"The mixture takes {total:g} of the blocks: {said}.",
            "Something must be left for the job's own corpus.",
            "kb.Pretrain(corpus, shape, replay=old, replay_share=0.1)",
        )
    return tuple(found)


def checked_monitor(monitor: Monitor) -> tuple[tuple[str, Corpus], ...]:
    """Return the corpora to look at, each with its name.

    Raises
    ------
    JobError
        If a name is none, or what it names is no corpus.
    """
    pairs = monitor.items() if isinstance(monitor, Mapping) else _listed(monitor, "monitor")
    found = []
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2):
            raise _wrong_form("monitor", pair)
        name, corpus = pair
        checked = _checked_corpus(name, corpus, "monitor")
        found.append((_checked_name(name, "monitor"), checked))
    return tuple(found)


def _sources_of(mixture: Mixture) -> list[Source]:
    if isinstance(mixture, Mapping):
        return [_source(name, pair) for name, pair in mixture.items()]
    listed = _listed(mixture, "mixture")
    for one in listed:
        if not isinstance(one, Source):
            raise _wrong_form("mixture", one)
    return listed


def _listed(value: Any, argument: str) -> list[Any]:
    if isinstance(value, str | bytes | Corpus) or not isinstance(value, Iterable):
        raise _wrong_form(argument, value)
    return list(value)


def _source(name: object, pair: object) -> Source:
    if not (isinstance(pair, tuple | list) and len(pair) == 2):
        raise _wrong_form("mixture", pair)
    corpus, share = pair
    number = isinstance(share, int | float) and not isinstance(share, bool)
    if not number or not 1 <= round(share * WINDOW) < WINDOW:
        raise JobError(
            f"The share of '{name}' is {share!r}.",
            f"A part of the blocks was expected: at least {1 / WINDOW}, and less than 1.",
            f'kb.Pretrain(corpus, shape, mixture={{"{name}": (other, 0.1)}})',
        )
    checked = _checked_corpus(name, corpus, "mixture")
    return Source(_checked_name(name, "mixture"), checked, float(share))


def _checked_corpus(name: object, corpus: object, argument: str) -> Corpus:
    if not isinstance(corpus, Corpus):
        raise JobError(
            f"{argument} names '{name}' for {corpus!r}.",
            "A corpus was expected.",
            'kb.Corpus.open("name"), or kb.load_sample("newsreels")',
        )
    return corpus


def _checked_name(name: object, argument: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _wrong_name(name, argument, "Letters, digits and underscores were expected.")
    return name


def _wrong_name(name: object, argument: str, expected: str) -> JobError:
    return JobError(f"{argument} has the name {name!r}.", expected, "Take another, such as 'old'.")


def _wrong_form(argument: str, value: object) -> JobError:
    forms = {"mixture": '{"old": (corpus, 0.1)}', "monitor": '{"old": corpus}'}
    return JobError(
        f"Pretrain got a {type(value).__name__} in {argument}.",
        "Names, each with its corpus"
        + (" and its share, were" if argument == "mixture" else ", were")
        + " expected.",
        f"kb.Pretrain(corpus, shape, {argument}={forms[argument]})",
    )
