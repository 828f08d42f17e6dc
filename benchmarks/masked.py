"""The embedded masked model beside n-gram models, on the same hidden words of held-out films."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.guessers import Answers, Hidden, ask_model, ask_ngrams
from benchmarks.intervals import Estimate, mean_estimate
from benchmarks.outcome import BenchmarkError, Outcome, measured
from benchmarks.tables import Cell
from kblib.embedded import mini_masked
from kblib.files import read_json
from kblib.jobs.prepare import Prepared, prepare, split_parts
from kblib.jobs.specs import Pretrain
from kblib.models.masked import MaskedLM
from kblib.ngrams.kneser_ney import KneserNey
from kblib.training.scoring import MASK_RATE, MASK_SEED

MODEL = "kb-mini-masked"
ORDER = 5
_QUICK_BLOCKS = 64
_SPLIT = ("valid", "test", "split_by", "seed")


def measure(*, quick: bool = False) -> Outcome:
    """Ask every guesser for the hidden words of the test part; no bar, the best one is named."""
    job = mini_masked()
    data = prepare(job)
    model = open_model(MODEL, job, data)
    most = _QUICK_BLOCKS if quick else None
    hidden = Hidden.choose(data.test, data.tokenizer, job.seq_len, most)
    films = groups_of(hidden.places, data, job)
    answers = [ask_model(model, hidden), *_ngram_answers(data, hidden)]
    _check_count(answers[0], model, job, data, most)
    result = measured(
        "masked",
        "Masked words of held-out films",
        ["who guesses", "first guess right, %", "among the first five, %", "loss, nats"],
        [row(answer, films) for answer in answers],
        f"{verdict(answers[0], answers[1:], films)} {_note(job, hidden, films)}",
        ["torch", "transformers"],
    )
    return Outcome(result)


def open_model(name: str, job: Pretrain, data: Prepared) -> MaskedLM:
    """Open the model, on the CPU, and see that it was trained on this split with these tokens.

    Raises
    ------
    BenchmarkError
        If it was made by another job: it might have read what is the test part here.
    """
    model = MaskedLM.open(name, device="cpu")
    recipe = read_json((model.folder or Path()) / "recipe.json")["job"]
    said = [recipe["corpus"]["fingerprint"], *(recipe[field] for field in _SPLIT)]
    wanted = [job.corpus.fingerprint, *(getattr(job, field) for field in _SPLIT)]
    if said != wanted or model.tokenizer.fingerprint != data.tokenizer.fingerprint:
        raise BenchmarkError(
            f"'{name}' was made by another job than this project's: its corpus and split are "
            f"{said}, here they are {wanted}. It may have read the test part. `make models` makes "
            "it again."
        )
    return model


def groups_of(places_N: NDArray[np.int64], data: Prepared, job: Pretrain) -> NDArray[np.generic]:
    """Return the group of the split (the film) that each place of the test stream belongs to.

    Raises
    ------
    BenchmarkError
        If the stream does not hold as many texts as the test part.
    """
    _, _, test = split_parts(job)
    groups = test.frame().select(job.group).collect().to_series().to_numpy()
    begin_id = data.tokenizer.encode("")[0]
    stream = np.concatenate(list(data.test.stream()))
    document_of = np.cumsum(stream == begin_id) - 1
    if document_of[-1] + 1 != len(groups):
        raise BenchmarkError(
            f"The tokens hold {document_of[-1] + 1} texts, the test part {len(groups)}."
        )
    found: NDArray[np.generic] = groups[document_of[places_N]]
    return found


def _ngram_answers(data: Prepared, hidden: Hidden) -> list[Answers]:
    begin_id, end_id = data.tokenizer.encode("")
    ids = np.concatenate(list(data.train.stream()))
    n_pieces = data.tokenizer.vocab_size
    several, single = (
        KneserNey.train(ids, order=order, vocab_size=n_pieces, begin_id=begin_id, end_id=end_id)
        for order in (ORDER, 1)
    )
    told = data.tokenizer
    return [
        ask_ngrams(f"{ORDER}-grams, both sides", several, hidden, told, sides="both"),
        ask_ngrams(f"{ORDER}-grams, left side only", several, hidden, told, sides="left"),
        ask_ngrams("unigrams", single, hidden, told, sides="left"),
    ]


def _check_count(
    answers: Answers, model: MaskedLM, job: Pretrain, data: Prepared, most: int | None
) -> None:
    """See that the library's own scoring, which is on the model's card, counts the same."""
    scores = model.accuracy(
        data.test, seed=MASK_SEED, mask_rate=MASK_RATE, seq_len=job.seq_len, most_blocks=most
    )
    here = (answers.rank.size, answers.right(1).mean(), answers.right(5).mean())
    if not np.allclose(here, (scores.n, scores.top1, scores.top5), atol=1e-4, rtol=0):
        raise BenchmarkError(f"Counted here: {here}; by the library: {scores}.")


def row(answers: Answers, films: NDArray[np.generic]) -> list[Cell]:
    """Return the cells of a guesser: first guesses, five guesses, loss, with intervals."""
    return [
        answers.name,
        _per_cent(mean_estimate(answers.right(1), films)),
        _per_cent(mean_estimate(answers.right(5), films)),
        _shown(mean_estimate(answers.nats, films), digits=2),
    ]


def verdict(ours: Answers, others: list[Answers], films: NDArray[np.generic]) -> str:
    """Return a sentence that says whether the model beats the best of the others.

    Compared word by word, by first guesses.
    """
    best = max(others, key=lambda answers: float(answers.right(1).mean()))
    difference = ours.right(1).astype(float) - best.right(1)
    lead = mean_estimate(difference, films)
    told = f"by {abs(lead.value):.1%} of the words (95 % interval of the difference"
    told += f" {lead.low:+.1%} to {lead.high:+.1%})"
    if lead.low > 0:
        return f"{ours.name} finds more than {best.name}, {told}."
    if lead.high < 0:
        return f"{ours.name} finds fewer than {best.name}, {told}."
    return f"{ours.name} and {best.name} cannot be told apart: they differ {told}."


def _note(job: Pretrain, hidden: Hidden, films: NDArray[np.generic]) -> str:
    return (
        f"First guesses, five guesses and loss with 95 % intervals (bootstrap over films). "
        f"The same {hidden.places.size:,} hidden sub-words for all: {MASK_RATE:.0%} of each of "
        f"{len(hidden.ids):,} blocks of {job.seq_len} tokens (mask seed {MASK_SEED}) in "
        f"{len(np.unique(films))} {job.group}s of the test part. Corpus '{job.corpus.name}', "
        f"fingerprint {job.corpus.fingerprint[:12]}, split by {job.group}, {job.test:.0%} for "
        f"the test, {job.valid:.0%} for validation, seed {job.seed}. The n-grams (Kneser-Ney) "
        "were counted on the same training part, see no hidden neighbour, and never guess a "
        "special piece. One corpus and one training: other material gives other numbers."
    )


def _per_cent(share: Estimate) -> str:
    return _shown(Estimate(100 * share.value, 100 * share.low, 100 * share.high), digits=1)


def _shown(estimate: Estimate, *, digits: int) -> str:
    value, low, high = (f"{x:.{digits}f}" for x in (estimate.value, estimate.low, estimate.high))
    return f"{value} ({low} to {high})"
