"""Small random texts, and Kneser-Ney the slow way, from the textbook."""

from __future__ import annotations

import functools
import random
from collections import Counter

import pytest

BEGIN, END = "<s>", "</s>"


class Framing:
    """How texts become ids: begin and end two tokens (as [CLS] and [SEP]), or one."""

    def __init__(self, begin_id, end_id):
        self.begin_id = begin_id
        self.end_id = end_id
        self.same = begin_id == end_id

    def ids(self, texts):
        begin = [] if self.same else [self.begin_id]
        return [token for text in texts for token in (*begin, *text, self.end_id)]

    def guessed(self, vocab_size):
        """Count the tokens that can be guessed."""
        return vocab_size - (not self.same)

    def word(self, token):
        return END if token == self.end_id else BEGIN if token == self.begin_id else token

    def context(self, tokens):
        """Name the tokens of a context, which reaches back to the last begin at most."""
        named = [BEGIN if token == self.begin_id else token for token in tokens]
        return tuple(named[max((i for i, t in enumerate(named) if t == BEGIN), default=0) :])


@pytest.fixture(params=[(1, 2), (1, 1)], ids=["two frames", "one frame"])
def framing(request):
    return Framing(*request.param)


@pytest.fixture
def texts():
    """Sixty texts of the words 3 to 6, some empty; token 0 never occurs."""
    draw = random.Random(7)
    return [
        tuple(draw.choices([3, 4, 5, 6], weights=[6, 3, 2, 1], k=draw.randint(0, 9)))
        for _ in range(60)
    ]


@pytest.fixture
def textbook():
    """Give P(word, context) of modified Kneser-Ney: Chen & Goodman (1999), equations 23 to 26."""
    return _textbook


def _textbook(texts, order, n_guessed):
    framed = [(BEGIN, *text, END) for text in texts]
    raw = Counter(t[i : i + k] for t in framed for k in range(1, order + 1) for i in _starts(t, k))
    del raw[BEGIN,]
    left = Counter(gram[1:] for gram in raw if len(gram) > 1)
    counts = {g: n if len(g) == order or g[0] == BEGIN else left[g] for g, n in raw.items()}
    discounts = {k: _discounts(counts, k) for k in range(1, order + 1)}

    @functools.cache
    def prob(word, context):
        lower = prob(word, context[1:]) if context else 1 / n_guessed
        after = [n for g, n in counts.items() if g[:-1] == context]
        if not after:
            return lower
        n, d = counts.get((*context, word), 0), discounts[len(context) + 1]
        return (n - d[min(n, 3)] + sum(d[min(m, 3)] for m in after) * lower) / sum(after)

    return lambda word, context: prob(word, context[max(0, len(context) - order + 1) :])


def _starts(text, k):
    return range(len(text) - k + 1)


def _discounts(counts, k):
    n = Counter(n for gram, n in counts.items() if len(gram) == k)
    if not (n[1] and n[2] and n[3]):
        return 0, 0.5, 1, 1.5
    y = n[1] / (n[1] + 2 * n[2])
    found = [0, *(j - (j + 1) * y * n[j + 1] / n[j] for j in (1, 2, 3))]
    return found if min(found) >= 0 else (0, 0.5, 1, 1.5)
