"""A text ten times as long as the newsreels, with ever new word sequences: ten perturbed copies."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from kblib.corpora import load_sample

COPIES = 10
SWAPPED = 0.22  # share of words that give way to another word of the text, in all copies but one
RENAMED = 0.002  # share of words that get an ending no other copy has


def newsreel_lines() -> list[str]:
    """Return the newsreels, a cue a line."""
    return [" ".join(text.split("\n")) for text in load_sample("newsreels").texts()]


def write_lines(path: Path, lines: Iterator[str] | list[str]) -> Path:
    """Write a line each."""
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
    return path


def perturbed(lines: list[str], copies: int = COPIES, *, seed: int = 1) -> Iterator[str]:
    """Yield the lines, and copies of them with other words in many places; the same at any time."""
    draw = np.random.default_rng(seed)
    split = [[word for word in line.split(" ") if word] for line in lines]
    words = np.array([word for line in split for word in line], dtype=object)
    edges = np.cumsum([0, *map(len, split)]).tolist()
    yield from lines
    for copy in range(1, copies):
        changed = words.copy()
        swapped = np.flatnonzero(draw.random(len(words)) < SWAPPED)
        changed[swapped] = words[draw.integers(0, len(words), len(swapped))]
        renamed = np.flatnonzero(draw.random(len(words)) < RENAMED)
        changed[renamed] = [f"{word}-{copy}" for word in changed[renamed]]
        for start, stop in pairwise(edges):
            yield " ".join(changed[start:stop])
