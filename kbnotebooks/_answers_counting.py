"""Right answers of the lessons that count words."""

from __future__ import annotations

from functools import cache
from typing import Any

from kbnotebooks._answers import Exercise, clean_films
from kbnotebooks._words import later

RAILWAY_YEAR = 1957
"""The year whose peak lesson 02 takes apart."""


@cache
def speech() -> Any:
    """Return what was spoken in the three decades with most speech."""
    return clean_films().filter(medium="speech", years=(1930, 1959))


def _decades(query: str) -> Any:
    from kblib.ngrams.trends import ngram_trend

    return ngram_trend(speech(), query, per="decade").table


def _decade_of_war() -> int:
    decades = _decades("kriget")
    return int(decades["period"][decades["per_million"].idxmax()])


def _share_of_one_film() -> float:
    from kblib.ngrams.concordance import concordance

    year = speech().filter(years=(RAILWAY_YEAR, RAILWAY_YEAR))
    films = concordance(year, "järnväg*").table["film"].value_counts()
    return float(100 * films.max() / films.sum())


def _radio_of_the_fifties() -> float:
    decades = _decades("radio*")
    return float(decades["per_million"][decades["period"] == 1950].iloc[0])


def _times_as_many() -> float:
    from kblib.ngrams.concordance import concordance

    return concordance(speech(), "järnväg*").n / concordance(speech(), "järnväg").n


def _forms_of_railway() -> int:
    from kblib.ngrams.trends import ngram_trend

    return len(ngram_trend(speech(), "järnväg", per="decade", forms="lemma").forms)


def _share_of_horsepower() -> float:
    from kblib.ngrams.concordance import concordance

    fifties = speech().filter(years=(1950, 1959))
    engines, every = (concordance(fifties, one).n for one in ("hästkraft*", "häst*"))
    return 100 * engines / every


@cache
def _parts() -> Any:
    return speech().split(test=0.1, by="film", seed=1)


@cache
def _ngram_model(order: int) -> Any:
    from kblib.ngrams.language_model import NgramLM

    return NgramLM.train(_parts()[0], order=order)


def _after_per_albin() -> str:
    guess = _ngram_model(3).guess("Statsminister Per Albin [MASK]", sides="left", k=1)
    return str(guess.words[0])


def _share_of_unknown_words() -> float:
    return float(100 * _ngram_model(3).perplexity(_parts()[1]).unknown_share)


def _perplexity_of_pairs() -> float:
    return float(_ngram_model(2).perplexity(_parts()[1]).with_unknown)


TRENDS = {
    "trends-1": Exercise(
        _decade_of_war,
        later("kb.ngram_trend(speech, 'kriget', per='decade').table has a column 'per_million'."),
        later("{right}: and the bands of the decades beside it lie far below."),
    ),
    "trends-2": Exercise(
        _share_of_one_film,
        later("kb.concordance(speech.filter(years=(1957, 1957)), 'järnväg*').table has 'film'."),
        later("{right} per cent of the year's hits are one film: the peak is its peak."),
        within=0.02,
    ),
    "trends-3": Exercise(
        _radio_of_the_fifties,
        later("kb.ngram_trend(speech, 'radio*', per='decade').at(1950)"),
        later("{right} per million; beside it belongs its band, which the same row holds."),
        within=0.01,
    ),
}

FORMS = {
    "forms-1": Exercise(
        _times_as_many,
        later("kb.concordance(speech, 'järnväg*').n, and the same without the star."),
        later("{right} times as many: Swedish hides most of its railways in longer words."),
        within=0.01,
    ),
    "forms-2": Exercise(
        _forms_of_railway,
        later("len(kb.ngram_trend(speech, 'järnväg', per='decade', forms='lemma').forms)"),
        later("{right} forms; each stands in the list with the rule that let it in."),
    ),
    "forms-3": Exercise(
        _share_of_horsepower,
        later("kb.ngram_trend(speech, ['häst*', 'hästkraft*'], per='decade').at(1950).hits."),
        later("{right} per cent of these horses are engines."),
        within=0.01,
    ),
}

NGRAMS = {
    "ngrams-1": Exercise(
        _after_per_albin,
        later("model.guess('Statsminister Per Albin [MASK]', sides='left', k=1).table."),
        later("'{right}': a name is the easiest thing to foresee, once its first half is said."),
    ),
    "ngrams-2": Exercise(
        _share_of_unknown_words,
        later("100 * model.perplexity(test).unknown_share."),
        later("{right} per cent of the running words: new films bring new words, mostly names."),
        within=0.01,
    ),
    "ngrams-3": Exercise(
        _perplexity_of_pairs,
        later("kb.NgramLM.train(train, order=2).perplexity(test).with_unknown."),
        later("{right}: as unsure as before so many equally likely words."),
        within=0.01,
    ),
}
