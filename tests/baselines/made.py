"""Labelled texts, pairs and words that can be told apart by counting words, and an encoder."""

from __future__ import annotations

import numpy as np

from kblib.labels import read_labels
from kblib.labels.parts import Parts

WEATHER = {"sun": ("sol", "värme", "sommar"), "rain": ("regn", "blåst", "åska"), "snow": ("snö",)}


class Letters:
    """An encoder: how often each letter of a few is there."""

    name = "letters"

    def encode(self, texts):
        return np.array([[text.count(one) for one in "solregnå"] for text in texts], np.float32)


def weather() -> Parts:
    draw = np.random.default_rng(4)
    rows = []
    for n in range(240):
        label = ("sun", "sun", "rain", "snow")[draw.integers(4)]
        other = ("sun", "rain", "snow")[draw.integers(3)]
        words = [draw.choice(WEATHER[label]), draw.choice(WEATHER[other]), "över", f"plats{n}"]
        rows.append({"text": " ".join(words), "label": label, "film": f"F{n // 8}"})
    return read_labels(rows, name="weather").split(test=0.4, seed=1)


def passages() -> Parts:
    draw = np.random.default_rng(5)
    rows = []
    for n in range(160):
        one = [f"ord{k}" for k in draw.integers(0, 60, 6)]
        same = n % 2 == 0
        other = [*one[:2], *(f"ord{k}" for k in draw.integers(0, 60, 4))]
        drawn = other if same else [f"ord{k}" for k in draw.integers(60, 120, 6)]
        label = "next" if same else "other film"
        rows.append({"text": " ".join(one), "text_pair": " ".join(drawn), "label": label,
                     "film": f"F{n // 4}"})  # fmt: skip
    return read_labels(rows, text=("text", "text_pair"), name="pairs").split(test=0.4)


def tagged() -> Parts:
    draw = np.random.default_rng(6)
    rows = []
    for n in range(60):
        tokens = [str(draw.choice(["kungen", "reser", "till", f"ort{n}"])) for _ in range(8)]
        tags = {"kungen": "NOUN", "reser": "VERB", "till": "ADP"}
        label = [
            tags.get(word, "PROPN" if before == "till" else "NOUN")
            for before, word in zip(["", *tokens], tokens, strict=False)
        ]
        rows.append({"words": tokens, "label": label, "film": f"F{n // 3}"})
    return read_labels(rows, text="words", name="words").split(test=0.4)
