"""Trigram to GPT on the same hidden whole words of held-out films, over one list of candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.guessers import Answers
from benchmarks.hidden_words import HiddenWord, hide_words
from benchmarks.intervals import mean_estimate
from benchmarks.masked import row
from benchmarks.outcome import BenchmarkError, Outcome, measured
from benchmarks.whole_words import Asked, answers_of, ask, mixed, tune, tune_mix
from kblib.corpora import Corpus
from kblib.embedded import mini_masked
from kblib.ladder.build import EXAMINED
from kblib.ladder.ladder import N_CANDIDATES, Ladder
from kblib.ladder.rungs import ALL_YEARS, Rung
from kblib.ladder.word_counts import WordCounts
from kblib.models.catalog import local_folder
from kblib.models.causal import CausalLM
from kblib.models.masked import MaskedLM
from kblib.models.training_split import TrainingSplit
from kblib.ngrams.pieces import PieceNgrams

MASKED, CAUSAL = "kb-mini-masked", "kb-mini-causal"
ORDER = 5
N_TEST, N_VALID = 2000, 300
SEED = 1
_QUICK = 40
_BOTH_SIDES = ("5-gram, both sides", "masked model")


_GPT = (
    f"GPT examines its {EXAMINED} best candidates exactly and screens the others; with the whole "
    "sentence it puts each in and reads the rest. "
)


@dataclass(frozen=True, eq=False)
class Material:
    """What is measured, and on which films.

    Parameters
    ----------
    masked, causal
        The models; a causal one that is not made yet is left out.
    split
        The films they were trained, tuned and are tested on.
    """

    masked: MaskedLM
    causal: CausalLM | None
    split: TrainingSplit

    @classmethod
    def open(cls, corpus: Corpus) -> Material:
        """Open the models and see that they were trained on the same films.

        Raises
        ------
        BenchmarkError
            If one of them may have read the test films.
        """
        masked = MaskedLM.open(MASKED, device="cpu")
        causal = CausalLM.open(CAUSAL, device="cpu") if local_folder(CAUSAL) else None
        folders = [masked.folder, *([causal.folder] if causal else [])]
        found = [TrainingSplit.of(folder, corpus) for folder in folders]
        splits = [split for split in found if split is not None]
        if len(splits) < len(found) or len({split.train.fingerprint for split in splits}) > 1:
            raise BenchmarkError(
                f"'{MASKED}' and '{CAUSAL}' were not trained on the same films of '{corpus.name}', "
                "so one may have read the other's test part. `make models` makes them again."
            )
        return cls(masked, causal, splits[0])

    def known(self, counts: WordCounts) -> set[str]:
        """Return the words of the training part that the masked model's pieces can spell."""
        words = counts.words.to_list()
        pieces = self.masked.tokenizer.encode_batch(words, special=False)
        unknown = self.masked.tokenizer.unknown_id
        return {word for word, ids in zip(words, pieces, strict=True) if unknown not in ids}


def measure(*, quick: bool = False) -> Outcome:
    """Ask every rung for the hidden words of the test films; no bar, who wins is said."""
    job = mini_masked()
    material = Material.open(job.corpus)
    split = material.split
    ladder = Ladder.build(
        job.corpus,
        masked=material.masked,
        causal=material.causal,
        order=ORDER,
        n_candidates=N_CANDIDATES,
        decades=False,
    )
    rungs = [rung for rung in ladder.rungs if rung.period == ALL_YEARS]
    counts = WordCounts.of(split.train)
    known = material.known(counts)
    n_valid, n_test = (_QUICK, _QUICK) if quick else (N_VALID, N_TEST)
    valid, test = (
        hide_words(part, known, n, group=split.group, seed=SEED)
        for part, n in ((split.valid, n_valid), (split.test, n_test))
    )
    answers, tuned = _answers(rungs, valid, test, ladder.candidates)
    films = np.array([one.film for one in test])
    result = measured(
        "ladder",
        "Whole words of held-out films, one list of candidates",
        ["who guesses", "first guess right, %", "among the first five, %", "loss, nats"],
        [row(one, films) for one in answers],
        " ".join([
            verdicts(answers[:-1], films),
            gain(answers[-1], [one for one in answers if one.name in _BOTH_SIDES], films),
            _text_measure(material, quick=quick),
            tuned,
            _note(material, counts, known, test, films),
        ]),
        ["torch", "transformers"],
    )  # fmt: skip
    return Outcome(result)


def _answers(
    rungs: Sequence[Rung],
    valid: Sequence[HiddenWord],
    test: Sequence[HiddenWord],
    candidates: Sequence[str],
) -> tuple[list[Answers], str]:
    """Tune on the validation words, answer the test words; say what was tuned."""
    names = [rung.name for rung in rungs]
    tuning = ask(rungs, valid, candidates, _say)
    heats = [tune(tuning, rung) for rung in range(len(rungs))]
    both = (names.index(_BOTH_SIDES[0]), names.index(_BOTH_SIDES[1]))
    pair = (heats[both[0]], heats[both[1]])
    share = tune_mix(tuning, both, pair)
    asked: Asked = ask(rungs, test, candidates, _say)
    answers = [answers_of(asked, name, i, heats[i]) for i, name in enumerate(names)]
    mixture = mixed(asked, f"{' + '.join(_BOTH_SIDES)}", both, pair, share)
    told = ", ".join(f"{name} {heat:g}" for name, heat in zip(names, heats, strict=True))
    said = (
        f"Tuned for the lowest loss on {len(valid):,} words of the validation films: the "
        f"temperature of each ({told}), and the weight of the masked model in the mixture "
        f"({share:g})."
    )
    return [*answers, mixture], said


def verdicts(answers: Sequence[Answers], films: NDArray[np.generic]) -> str:
    """Return who finds most words, and whether each of the others is behind by more than chance."""
    best = max(answers, key=lambda one: float(one.right(1).mean()))
    said = [f"{one.name} by {_lead(best, one, films)}" for one in answers if one is not best]
    return (
        f"{best.name} finds most words at the first guess; it is ahead of {'; of '.join(said)} "
        "(95 % intervals of the paired differences, bootstrap over films)."
    )


def gain(mixture: Answers, parts: Sequence[Answers], films: NDArray[np.generic]) -> str:
    """Return how far a mixture is ahead of the better of its two parts."""
    better = max(parts, key=lambda one: float(one.right(1).mean()))
    return f"{mixture.name}, mixed, are ahead of {better.name} by {_lead(mixture, better, films)}."


def _lead(one: Answers, other: Answers, films: NDArray[np.generic]) -> str:
    lead = mean_estimate(one.right(1).astype(float) - other.right(1), films)
    sure = ", which may be chance" if lead.low <= 0 <= lead.high else ""
    return f"{lead.value:.1%} ({lead.low:+.1%} to {lead.high:+.1%}{sure})"


def _text_measure(material: Material, *, quick: bool) -> str:
    """Return the bits a byte of GPT and of a 5-gram of the same sub-words, on the test texts."""
    if material.causal is None:
        return f"GPT is missing: {CAUSAL} is not made yet (`make models`)."
    train, test = material.split.train, material.split.test
    texts = list(test.texts())[: _QUICK if quick else None]
    ours = material.causal.perplexity(texts)
    ngrams = PieceNgrams.train(train, material.causal.tokenizer, order=ORDER).perplexity(texts)
    return (
        f"On all {ours.n_bytes:,} bytes of the test films {material.causal.name} needs "
        f"{ours.bits_per_byte:.3f} bits a byte, a {ORDER}-gram model of the same sub-words "
        f"{ngrams.bits_per_byte:.3f}."
    )


def _note(
    material: Material,
    counts: WordCounts,
    known: set[str],
    test: Sequence[HiddenWord],
    films: NDArray[np.generic],
) -> str:
    frequent = set(counts.most_frequent(N_CANDIDATES))
    pieces = material.masked.tokenizer.encode_batch([one.word for one in test], special=False)
    several = np.mean([len(ids) > 1 for ids in pieces])
    rare = np.mean([one.word not in frequent for one in test])
    return (
        f"The same {len(test):,} hidden words for all, one a text, in {len(np.unique(films))} "
        f"{material.split.group}s of the test part (seed {SEED}), drawn from the "
        f"{len(known):,} words of the training part; each model reads this one text. Candidates: "
        f"the {N_CANDIDATES:,} most frequent words of the training part "
        f"({counts.coverage(N_CANDIDATES):.0%} of its running words) and the hidden word "
        f"({rare:.0%} of them are rarer; {several:.0%} have several pieces in the masked model). "
        "All models have the same training texts. A masked model's word of n pieces is asked for "
        "behind n masks and weighed by how many words have n pieces. "
        f"{_GPT if material.causal else ''}One corpus, one training, small models: others give "
        "other numbers."
    )


def _say(line: str) -> None:
    print(line, flush=True)
