"""Vectors of all texts of a learning curve, made once and kept."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kblib.fewshot.classifier import TextVectors

Vectors = NDArray[np.float32]


class VectorStore:
    """The vectors of some texts by one encoder.

    Parameters
    ----------
    encoder
        What makes them.
    texts
        All texts that will be asked for.
    folder
        Where they are kept, if the weights of the encoder are known.
    """

    def __init__(self, encoder: TextVectors, texts: Sequence[str], folder: Path) -> None:
        self.encoder = encoder
        self._texts = list(dict.fromkeys(texts))
        self._rows = {text: number for number, text in enumerate(self._texts)}
        self._folder = folder

    def of(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of some of the texts, shape (N, D)."""
        return self._vectors[[self._rows[text] for text in texts]]

    @cached_property
    def _vectors(self) -> Vectors:
        if not self.encoder.provenance.get("weights"):
            return self.encoder.encode(self._texts)
        path = self._folder / f"vectors-{self._key}.npy"
        kept = _read(path, len(self._texts))
        if kept is None:
            kept = self.encoder.encode(self._texts)
            _write(path, kept)
        return kept

    @property
    def _key(self) -> str:
        of = json.dumps([self.encoder.provenance, self._texts], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(of.encode("utf-8", "replace")).hexdigest()[:32]


def _read(path: Path, n: int) -> Vectors | None:
    """Return what is kept; a file that cannot be read is none."""
    try:
        found: Vectors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return found if found.ndim == 2 and len(found) == n else None


def _write(path: Path, vectors: Vectors) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(f".{os.getpid()}.npy")
    np.save(aside, vectors, allow_pickle=False)
    os.replace(aside, path)
