"""NgramLM: a word-level n-gram model, from texts to scores, samples and guesses.

Its numbers are those of KenLM's ``lmplz -o N --discount_fallback``, the slip included that is told
in `kblib.ngrams.discounts.lmplz_counts`, and its files are exchanged with other tools as ARPA.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from kblib.corpora import Corpus
from kblib.errors import ModelError
from kblib.files import MANIFEST, check_folder, sealed_folder
from kblib.ngrams.arpa import read_arpa, write_arpa
from kblib.ngrams.counts import Progress, check_order, count_stream
from kblib.ngrams.discounts import Discounts, Floats
from kblib.ngrams.kneser_ney import KneserNey
from kblib.ngrams.model_file import read_model, write_model
from kblib.ngrams.pruning import checked_thresholds, kept_ngrams
from kblib.ngrams.threads import side_by_side
from kblib.ngrams.trie import Integers
from kblib.ngrams.vocabulary import (
    BEGIN_ID,
    END_ID,
    SPECIALS,
    UNKNOWN_ID,
    Vocabulary,
    batches,
    encoded,
    lines_of,
    number_words,
    split_words,
)
from kblib.ngrams.word_guess import WordGuess, guess_word
from kblib.ngrams.word_perplexity import WordPerplexity

KIND = "n-gram model"
Unit = Literal["text", "line"]


@dataclass(frozen=True, eq=False, repr=False)
class NgramLM:
    """An interpolated modified Kneser-Ney model of words.

    Parameters
    ----------
    model
        The n-grams with their probabilities.
    vocabulary
        The words behind its tokens.
    about
        Where it comes from: ``unit`` (what stands between ``<s>`` and ``</s>``: a ``text`` of the
        corpus, such as a subtitle cue, or a ``line`` of it; neither is a sentence), ``prune``,
        ``corpus`` with its fingerprint.

    Examples
    --------
    >>> model = NgramLM.train(["kungen reser", "kungen talar", "båten går"], order=2)
    >>> round(model.log10_score("kungen går"), 3)
    -1.773
    >>> model.guess("kungen [MASK]", candidates=["reser", "går"]).words
    ('reser', 'går')
    """

    model: KneserNey
    vocabulary: Vocabulary
    about: dict[str, Any]

    @classmethod
    def train(
        cls,
        corpus: Corpus | Iterable[str],
        *,
        order: int = 5,
        prune: Sequence[int] = (),
        vocabulary: Iterable[str] | Path | None = None,
        unit: Unit = "text",
        progress: Progress | None = None,
    ) -> NgramLM:
        """Count and smooth the n-grams of a corpus.

        Parameters
        ----------
        corpus
            A corpus, or any iterable of texts. An empty text is ``<s> </s>``.
        order
            Words in the longest n-grams, 1 to 6.
        prune
            How often an n-gram of each order may occur at most to be left out, the last number
            holding for all longer ones: ``(0, 0, 1)`` drops what occurs once from three words on.
        vocabulary
            Words that may stand in n-grams, or a text file of them; all others become ``<unk>``.
        unit
            What stands between ``<s>`` and ``</s>``.
        progress
            Called while n-grams are counted, which takes most of the time: with the places of the
            text that are done, each once an order, and about how many there are.

        Raises
        ------
        CorpusError
            If there is no text, or something else than texts.
        TokenError
            If a text holds the word ``<s>``, ``</s>`` or ``<unk>``.
        ModelError
            If the order or a pruning threshold is impossible.
        """
        check_order(order)
        thresholds = checked_thresholds(prune, order)
        known, ids = number_words(_texts(corpus, _checked_unit(unit)))
        counted = count_stream(
            ids, order=order, vocab_size=len(known), frames=(BEGIN_ID, END_ID), progress=progress
        )
        del ids
        allowed = None if vocabulary is None else _allowed(known, vocabulary)
        kept = kept_ngrams(counted, thresholds, allowed, range(len(SPECIALS)))
        n_units = int(counted.counts[0][END_ID])
        about: dict[str, Any] = {
            "order": order,
            "unit": unit,
            "n_units": n_units,
            "n_words": int(counted.counts[0].sum()) - n_units,
            "prune": list(thresholds),
            "limited_vocabulary": vocabulary is not None,
            "corpus": _provenance(corpus),
        }
        model = KneserNey.smooth(counted, kept=kept, like_lmplz=True, spend=True)
        words = known.words if kept is None else known.words.filter(kept[0])
        return cls(model, Vocabulary(words), about)

    @classmethod
    def open(cls, path: Path | str) -> NgramLM:
        """Open a folder that `save` wrote, or an ARPA file.

        Raises
        ------
        ModelError
            If there is nothing of the kind.
        IntegrityError
            If a file of the folder is missing or has another size than its manifest says.
        """
        path = Path(path)
        if path.is_file():
            model, vocabulary = read_arpa(path)
            return cls(model, vocabulary, {"unit": "text", "order": model.order, "arpa": path.name})
        if not (path / MANIFEST).is_file() or check_folder(path, contents=False)["kind"] != KIND:
            raise ModelError(
                f"There is no n-gram model at {path}.",
                "A folder that NgramLM.save wrote, or an ARPA file, was expected.",
                "NgramLM.train(corpus, order=5).save(folder)",
            )
        manifest = check_folder(path, contents=False)
        model, vocabulary = read_model(path, manifest["stored"])
        discounts = tuple(Discounts(**found) for found in manifest["discounts"])
        return cls(replace(model, discounts=discounts), vocabulary, manifest["about"])

    def save(self, folder: Path | str, *, replace: bool = False) -> Path:
        """Write the model to a sealed folder, to be opened in a moment and memory-mapped.

        Raises
        ------
        FileExistsError
            If the folder is there and `replace` is False.
        """
        discounts = [asdict(found) for found in self.model.discounts]
        manifest = {"kind": KIND, "about": self.about, "discounts": discounts}
        with sealed_folder(Path(folder), manifest, replace=replace) as aside:
            manifest["stored"] = write_model(aside, self.model, self.vocabulary)
        return Path(folder)

    def to_arpa(self, path: Path | str) -> Path:
        """Write the model as an ARPA file, for KenLM, SRILM and others; replaces a file there."""
        write_arpa(Path(path), self.model, self.vocabulary)
        return Path(path)

    @property
    def order(self) -> int:
        """Words in the longest n-grams."""
        return self.model.order

    def __repr__(self) -> str:
        unit = f"a unit between <s> and </s> is one {self.about['unit']}"
        return f"{self.model}\n  {unit}"

    def log10_score(self, text: str) -> float:
        """Return log10 of the probability of a text, begin and end included: KenLM's ``score``.

        Raises
        ------
        TokenError
            If the text holds the word ``<s>``, ``</s>`` or ``<unk>``.
        """
        ids = np.array([[BEGIN_ID, *self.vocabulary.encode(text), END_ID]])
        return float(_log10(self.model.row_probs(ids)[0, 1:]).sum())

    def log10_scores(self, texts: Iterable[str]) -> Floats:
        """Return `log10_score` of each of many texts, much faster than one by one."""
        pieces = [
            np.add.reduceat(logs, np.flatnonzero(ids == BEGIN_ID))
            for ids, logs in self._scored(texts)
        ]
        return np.concatenate(pieces)

    def perplexity(self, corpus: Corpus | Iterable[str]) -> WordPerplexity:
        """Return how surprised the model is by each word; ends count, begins do not.

        Texts are cut into units as they were for the training.
        """
        log10_sum = log10_sum_of_unknown = 0.0
        n_ids = n_unknown = n_units = 0
        for ids, logs in self._scored(_texts(corpus, self.about["unit"])):
            unknown = ids == UNKNOWN_ID
            log10_sum += float(logs.sum())
            log10_sum_of_unknown += float(logs[unknown].sum())
            n_ids += len(ids)
            n_unknown += int(np.count_nonzero(unknown))
            n_units += int(np.count_nonzero(ids == BEGIN_ID))
        return WordPerplexity(
            log10_sum=log10_sum,
            log10_sum_of_unknown=log10_sum_of_unknown,
            n_words=n_ids - 2 * n_units,
            n_unknown=n_unknown,
            n_units=n_units,
            provenance={"model": self.about, "corpus": _provenance(corpus)},
        )

    def sample(
        self, n: int = 1, *, seed: int, prompt: str = "", max_words: int = 50
    ) -> tuple[str, ...]:
        """Draw texts from the model; ``<unk>`` is never drawn.

        Parameters
        ----------
        prompt
            Words each text begins with.
        max_words
            Where a text is cut off that has not ended by then.
        """
        draw = np.random.default_rng(seed)
        begun = self.vocabulary.encode(prompt)
        return tuple(self._drawn(draw, begun, split_words(prompt), max_words) for _ in range(n))

    def guess(
        self,
        text: str,
        *,
        sides: Literal["left", "both"] = "both",
        k: int = 5,
        candidates: Iterable[str] | None = None,
    ) -> WordGuess:
        """Guess the one word written ``[MASK]``, from what stands before it or on both sides.

        Parameters
        ----------
        k
            How many of the best candidates to return.
        candidates
            The words to choose from, by default all the model knows. Probabilities are normalised
            over them; a word the model does not know gets what it gives to ``<unk>``.

        Raises
        ------
        TokenError
            If not exactly one word is ``[MASK]``, or `sides` is something else.
        """
        return guess_word(
            self.model, self.vocabulary, text, sides=sides, k=k, candidates=candidates
        )

    def _scored(self, texts: Iterable[str]) -> Iterator[tuple[Integers, Floats]]:
        """Yield the ids of some thousand texts at a time, and log10 of their probabilities."""
        table, _ = self.vocabulary.table, self.model.trie.slots  # made before threads ask for it

        def scored(batch: tuple[bytes, int]) -> tuple[Integers, Floats]:
            ids = encoded(table, *batch)
            logs = _log10(self.model.row_probs(ids[None, :])[0])
            logs[ids == BEGIN_ID] = 0.0
            return ids, logs

        return side_by_side(scored, batches(texts))

    def _drawn(
        self, draw: np.random.Generator, begun: list[int], words: list[str], max_words: int
    ) -> str:
        context, words = [BEGIN_ID, *begun], list(words)
        while len(words) < max_words:
            probs = self.model.distribution(context[-self.order :])
            probs[[UNKNOWN_ID, BEGIN_ID]] = 0.0
            edges = np.cumsum(probs)
            token = int(np.searchsorted(edges, draw.random() * edges[-1], side="right"))
            if token == END_ID:
                break
            context.append(token)
            words.append(self.vocabulary.words[token])
        return " ".join(words)


def _texts(corpus: Corpus | Iterable[str], unit: str) -> Iterable[str]:
    texts = corpus.texts() if isinstance(corpus, Corpus) else corpus
    return texts if unit == "text" or isinstance(texts, str) else lines_of(texts)


def _checked_unit(unit: str) -> str:
    if unit not in ("text", "line"):
        raise ModelError(
            f"A unit '{unit}' is not known.",
            "Known are 'text' and 'line'.",
            "NgramLM.train(corpus, unit='text')",
        )
    return unit


def _allowed(known: Vocabulary, words: Iterable[str] | Path) -> Any:
    if isinstance(words, str | Path):
        words = split_words(Path(words).read_text(encoding="utf-8"))
    return known.words.is_in(list(words)).to_numpy()


def _provenance(corpus: Corpus | Iterable[str]) -> dict[str, str]:
    if not isinstance(corpus, Corpus):
        return {}
    return {"name": corpus.name, "fingerprint": corpus.fingerprint}


def _log10(probs: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        logs: Floats = np.log10(probs)
    return logs
