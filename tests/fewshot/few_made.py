"""Made labels for few-shot tests: three kinds of sentences, and an encoder that counts words."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from kblib.labels import Labels, read_labels

WORDS = {
    "weather": "regn snö sol blåst moln",
    "sport": "match lag mål vinst bana",
    "court": "kungen drottningen slottet besök prins",
}
SHARED = "och det som här nu sedan också filmen visar i"
ALL = [word for some in (*WORDS.values(), SHARED) for word in some.split()]


def made_labels(n: int = 180, *, films: int = 20, seed: int = 1, clear: float = 0.8) -> Labels:
    """Return `n` sentences; a word of its own kind stands in most of them, at random places.

    Half are of the first kind, a third of the second, the rest of the third.
    """
    draw = random.Random(seed)
    names = list(WORDS)
    rows = []
    for number in range(n):
        label = names[0 if number % 6 < 3 else 1 if number % 6 < 5 else 2]
        own = label if draw.random() < clear else draw.choice(names)
        words = [draw.choice(WORDS[own].split()), *draw.sample(SHARED.split(), 4)]
        draw.shuffle(words)
        rows.append(
            {"id": f"t{number}", "text": f"{' '.join(words)} {number}.", "label": label,
             "film": f"SF{number % films}"}
        )  # fmt: skip
    return read_labels(rows, labels=names)


class WordVectors:
    """Vectors that count some words, of unit length; the number of calls is counted."""

    name = "counted words"

    def __init__(self, weights: str = "made") -> None:
        self.weights = weights
        self.asked = 0

    @property
    def provenance(self) -> dict[str, str]:
        return {"model": self.name, "weights": self.weights}

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += len(texts)
        counts = np.array([[text.split().count(word) for word in ALL] for text in texts])
        lengths = np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)
        return (counts / lengths).astype(np.float32).reshape(len(texts), len(ALL))
