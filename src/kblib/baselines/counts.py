"""Baselines that count: the most frequent label, of all or of a word, and n-grams by label."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kblib.baselines.words import word_rows
from kblib.fewshot.predicted import table_of
from kblib.labels import Labels
from kblib.ngrams.kneser_ney import KneserNey
from kblib.ngrams.trie import Integers
from kblib.ngrams.vocabulary import BEGIN_ID, END_ID, UNKNOWN_ID, Vocabulary, number_words
from kblib.tasks.passages import bare_words

ORDER = 3


def majority(train: Labels, test: Labels) -> pl.DataFrame:
    """Give every text, or word, the label that is most frequent in the train part."""
    rows = word_rows(test) if test.kind == "words" else test.rows
    label = _commonest(Counter(_flat(train)), train.labels)
    return rows.select("id", pl.lit(label).alias("label"))


def majority_by_word(train: Labels, test: Labels) -> pl.DataFrame:
    """Give every word the label it has most often in the train part; new ones the commonest."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for word, label in word_rows(train).select("text", "label").iter_rows():
        counts[word.casefold()][label] += 1
    known = {word: _commonest(of_word, train.labels) for word, of_word in counts.items()}
    otherwise = _commonest(Counter(_flat(train)), train.labels)
    rows = word_rows(test)
    said = [known.get(word.casefold(), otherwise) for word in rows["text"]]
    return rows.select("id").with_columns(label=pl.Series(said, dtype=pl.String))


def ngrams(train: Labels, test: Labels) -> pl.DataFrame:
    """Give each text the label whose texts it is likest: a Kneser-Ney model a label, and Bayes.

    All models have the words of the whole train part for their vocabulary, and a word that is not
    among them says nothing of a label. Counted as unknown it would speak for the rarest: a model of
    few texts keeps more for what it has not met, so that any new name or misread word would draw a
    text to it.

    References
    ----------
    Peng, Schuurmans and Wang (2004), Augmenting naive Bayes classifiers with statistical language
    models.
    """
    texts = {label: _bare(train.take([label])) for label in train.labels}
    met = [label for label in train.labels if texts[label]]
    words, _ = number_words(_bare(train))
    asked = words.encode_texts(_bare(test))
    logs_CN = np.stack([_logs(_model(texts[label], words), asked) for label in met])
    prior_C = np.log([len(texts[label]) / len(train) for label in met])
    logs_NC = logs_CN.T + prior_C
    raised_NC = np.exp(logs_NC - logs_NC.max(axis=1, keepdims=True))
    shares_NC = raised_NC / raised_NC.sum(axis=1, keepdims=True)
    rows = test.rows
    return table_of(rows["id"].to_list(), rows["text"].to_list(), met, shares_NC)


def _model(texts: list[str], words: Vocabulary) -> KneserNey:
    return KneserNey.train(
        words.encode_texts(texts),
        order=ORDER,
        vocab_size=len(words),
        begin_id=BEGIN_ID,
        end_id=END_ID,
    )


def _logs(model: KneserNey, ids: Integers) -> NDArray[np.float64]:
    """Return the logarithm of each text's probability, in nats; unknown words say nothing."""
    said = ids[ids != BEGIN_ID]
    nats = np.where(said == UNKNOWN_ID, 0.0, model.log10_probs(ids) * math.log(10))
    begins = np.flatnonzero(np.concatenate([[True], said[:-1] == END_ID]))
    found: NDArray[np.float64] = np.add.reduceat(nats, begins)
    return found


def _bare(labels: Labels) -> list[str]:
    return [" ".join(bare_words(text)) for text in labels.rows["text"]]


def _flat(labels: Labels) -> list[str]:
    column = labels.rows["label"]
    found: list[str] = (column.explode() if labels.kind == "words" else column).to_list()
    return found


def _commonest(counts: Counter[str], names: tuple[str, ...]) -> str:
    """Return the most frequent label; of several, that which is named first."""
    return max(names, key=lambda name: counts[name])
