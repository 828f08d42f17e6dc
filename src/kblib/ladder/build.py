"""From a corpus and the names of models to a ladder on which all have read the same text."""

from __future__ import annotations

from collections.abc import Iterator

import kblib
from kblib.adapters.folder import open_adapted, period_adapters
from kblib.corpora import Corpus
from kblib.errors import CorpusError
from kblib.ladder.ladder import Ladder
from kblib.ladder.periods import counted, decades_of
from kblib.ladder.rungs import ALL_YEARS, CausalRung, MaskedRung, NgramRung, Rung
from kblib.ladder.word_counts import WordCounts
from kblib.models.causal import CausalLM
from kblib.models.causal_candidates import CausalCandidates
from kblib.models.masked import MaskedLM
from kblib.models.masked_candidates import MaskedCandidates, piece_lengths
from kblib.models.training_split import TrainingSplit
from kblib.models.years import Years

EXAMINED = 50
"""Words of the list that a causal model examines exactly; the others are screened (see
`kblib.models.causal_candidates`): all 2,000 would take a small model seconds a sentence.
"""
_TRIGRAM = 3


def build(
    films: Corpus,
    *,
    masked: str | MaskedLM | None,
    causal: str | CausalLM | None,
    order: int,
    n_candidates: int,
    decades: bool,
    medium: str | None,
) -> Ladder:
    """Build a ladder; see `Ladder.build`."""
    if not isinstance(films, Corpus):
        raise CorpusError(
            f"A {type(films).__name__} was given: {str(films)[:40]!r}.",
            "A Corpus was expected.",
            "kb.Ladder.build(kb.load_sample('newsreels'))",
        )
    masked_model = MaskedLM.open(masked) if isinstance(masked, str) else masked
    causal_model = CausalLM.open(causal) if isinstance(causal, str) else causal
    first = masked_model or causal_model
    split = TrainingSplit.of(first.folder if first else None, films)
    train = split.train if split else films
    counts = WordCounts.of(train)
    words = counts.most_frequent(n_candidates)
    found = decades_of(train, medium) if decades else []
    rungs = list(_ngrams(train, order, ALL_YEARS))
    for decade in found:
        if decade.enough:
            rungs += _ngrams(decade.of(train), order, decade.name)
    if masked_model is not None:
        rungs += _masked(masked_model, words, counts, decades=decades)
    if causal_model is not None:
        rungs += _causal(causal_model, words)
    about = {
        "corpus": films.name,
        "fingerprint": films.fingerprint,
        "train": train.fingerprint,
        "models": [model.provenance for model in (masked_model, causal_model) if model],
        "medium of decades": medium if "medium" in films.columns else None,
        "group": split.group if split else None,
        "parts": split.part_of_groups() if split else {},
        "version": kblib.__version__,
    }
    left_out = {decade.name: decade.why_not for decade in found if not decade.enough}
    return Ladder(tuple(rungs), words, films, left_out, about)


def _ngrams(corpus: Corpus, order: int, period: str) -> Iterator[Rung]:
    first, last = (corpus.counts[name] for name in ("first_year", "last_year"))
    read = None if first is None or last is None else Years(first, last)
    if order > _TRIGRAM:
        yield NgramRung(counted(corpus, _TRIGRAM), "left", "trigram, left", period, read)
    several = counted(corpus, order)
    yield NgramRung(several, "left", f"{order}-gram, left", period, read)
    yield NgramRung(several, "both", f"{order}-gram, both sides", period, read)


def _masked(
    model: MaskedLM, words: tuple[str, ...], counts: WordCounts, *, decades: bool
) -> Iterator[Rung]:
    lengths = piece_lengths(model.tokenizer, counts.words.to_list(), counts.counts.to_list())
    yield MaskedRung(MaskedCandidates(model, words, lengths))
    for adapter in period_adapters(model) if decades else ():
        caution = (
            f"Its base has read all years; the adapter, trained on the {adapter.period}, "
            "only leans it that way."
        )
        adapted = MaskedCandidates(open_adapted(adapter.folder, base=model), words, lengths)
        yield MaskedRung(adapted, period=adapter.period, caution=caution)


def _causal(model: CausalLM, words: tuple[str, ...]) -> Iterator[Rung]:
    candidates = CausalCandidates(model, words, examined=EXAMINED)
    yield CausalRung(candidates, "left", name="GPT, left")
    yield CausalRung(candidates, "both", name="GPT, whole sentence")
