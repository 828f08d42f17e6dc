"""Baselines that count, against counts by hand."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from kblib.baselines.counts import majority_by_word, ngrams
from kblib.labels import read_labels
from kblib.ngrams.language_model import NgramLM
from tests.ngrams.conftest import BEGIN, END
from tests.ngrams.conftest import _textbook as textbook


def slow_ngrams(train: list[tuple[list[str], str]], asked: list[str]) -> dict[str, float]:
    """The share of each label, word by word from the textbook's recursion."""
    known = {word for text, _ in train for word in text} | {END}
    n_guessed = len(known) + 1  # the unknown word
    logs = {}
    for label in {label for _, label in train}:
        own = [text for text, one in train if one == label]
        prob, logs[label] = textbook(own, 3, n_guessed), math.log(len(own) / len(train))
        words = [BEGIN, *asked, END]
        for at in range(1, len(words)):
            if words[at] in known:
                logs[label] += math.log(prob(words[at], tuple(words[:at])))
    whole = sum(math.exp(one) for one in logs.values())
    return {label: math.exp(one) / whole for label, one in logs.items()}


def test_ngrams_are_bayes_with_a_model_a_label_and_one_vocabulary(parts):
    rows = [(text.split(), one) for text, one in parts.train.rows.select("text", "label").rows()]
    said = ngrams(parts.train, parts.test).iter_rows(named=True)
    for text, row in zip(parts.test.rows["text"][:20], said, strict=False):
        shares = slow_ngrams(rows, text.split())
        assert row["label"] == max(shares, key=shares.__getitem__)
        for label, share in shares.items():
            assert row[f"score_{label}"] == pytest.approx(share, rel=1e-6)


def test_word_that_nobody_knows_says_nothing_of_a_label():
    """However many of them there are: they would be likelier of the label with fewer texts."""
    told = [("sol i dag", "often"), ("sol i går", "often")] * 20 + [("regn i dag", "rare")] * 4
    rows = [{"text": text, "label": label} for text, label in told]
    asked = [{"text": f"sol i dag {'okänt ' * n}".strip(), "label": "often"} for n in range(6)]
    said = ngrams(read_labels(rows), read_labels([*asked, {"text": "regn", "label": "rare"}]))
    shares = said["score_rare"].to_list()
    assert max(shares[:6]) < 0.5
    assert shares[2:6] == pytest.approx([shares[1]] * 4)
    assert said["label"][6] == "rare"


def test_ngrams_of_a_rare_label_do_not_win_by_knowing_few_words():
    draw = np.random.default_rng(7)
    often = [" ".join(f"ord{k}" for k in draw.integers(0, 30, 3)) for _ in range(80)]
    told = [(text, "often") for text in often] + [("sällan sedd", "rare")] * 4
    rows = [{"text": text, "label": label, "film": n % 2} for n, (text, label) in enumerate(told)]
    parts = read_labels(rows).split(test=0.5, by="film")
    asked = parts.test.rows.filter(label="often")["text"].to_list()
    own = [
        NgramLM.train(parts.train.take([label]).rows["text"], order=3).log10_scores(asked)
        for label in ("often", "rare")
    ]
    assert (own[1] - math.log10(20) > own[0]).mean() > 0.5  # each with a vocabulary of its own
    assert ngrams(parts.train, parts.test)["label"].to_list() == parts.test.rows["label"].to_list()


def test_word_has_the_label_that_it_had_most_often(words):
    counts: dict[str, Counter] = {}
    for tokens, tags in words.train.rows.select("tokens", "label").iter_rows():
        for word, tag in zip(tokens, tags, strict=True):
            counts.setdefault(word, Counter())[tag] += 1
    common = sum(counts.values(), Counter())
    asked = [word for tokens in words.test.rows["tokens"].to_list() for word in tokens]
    assert majority_by_word(words.train, words.test)["label"].to_list() == [
        counts.get(word, common).most_common(1)[0][0] for word in asked
    ]
