"""N-gram models on disk: a sealed folder of flat arrays, opened without reading the probabilities.

================== ============================================================================
words.txt          the vocabulary but for the three specials, a word a line
tokens-K.bin       last token of each n-gram of order K (2 and more), in as few bytes as it takes
followers-K.bin    how many n-grams of order K + 1 begin with each n-gram of order K, one byte
many-K.bin         where that is 255 or more: the true numbers, in order, 8 bytes each
probs-K.bin        probability of each n-gram of order K, 4 bytes
backoffs-K.bin     backoff of each n-gram of order K, 4 bytes
================== ============================================================================

All numbers are little-endian, n-grams in the order of `kblib.ngrams.trie`. Probabilities and
backoffs are memory-mapped as they are; the trie is unpacked at opening. They take 8 bytes where one
is too small for 4, as the probability of ``<unk>`` in a file without it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kblib.errors import IntegrityError
from kblib.ngrams.kneser_ney import KneserNey, Numbers
from kblib.ngrams.trie import Integers, NgramTrie
from kblib.ngrams.vocabulary import BEGIN_ID, END_ID, SPECIALS, Vocabulary

_MANY = 255
_AT_ONCE = 1 << 20  # n-grams; what is being packed shall not need much memory
_SMALLEST = float(np.finfo(np.float32).tiny)


def write_model(folder: Path, model: KneserNey, vocabulary: Vocabulary) -> dict[str, Any]:
    """Write the files of a model into a folder; return what a manifest has to say about them."""
    words = pl.DataFrame([vocabulary.words[len(SPECIALS) :].alias("word")])
    words.write_csv(folder / "words.txt", include_header=False, quote_style="never")
    trie = model.trie
    for k in range(1, model.order + 1):
        _write(folder, f"probs-{k}", model.probs[k - 1], _numbers(model.probs[k - 1]))
        if k > 1:
            packed = partial(_packed, width=_token_bytes(trie.vocab_size))
            _write(folder, f"tokens-{k}", trie.tokens[k - 1], packed)
        if k < model.order:
            _write(folder, f"backoffs-{k}", model.backoffs[k - 1], _numbers(model.backoffs[k - 1]))
            _write_followers(folder, k, np.diff(trie.edges[k - 1]))
    return {
        "sizes": list(trie.sizes()),
        "probs": [_kind(probs) for probs in model.probs],
        "backoffs": [_kind(backoffs) for backoffs in model.backoffs],
    }


def read_model(folder: Path, about: dict[str, Any]) -> tuple[KneserNey, Vocabulary]:
    """Open the files that `write_model` wrote; `about` is what it returned.

    Raises
    ------
    IntegrityError
        If the files do not fit each other.
    """
    words = (folder / "words.txt").read_bytes().decode().split("\n")[:-1]
    vocabulary = Vocabulary(pl.Series([*SPECIALS, *words], dtype=pl.String))
    sizes, n_types = about["sizes"], len(vocabulary)
    tokens: list[Integers] = [np.arange(n_types, dtype=np.int32)]
    edges: list[Integers] = []
    for k, size in enumerate(sizes[1:], start=2):
        edges.append(_read_followers(folder, k - 1, sizes[k - 2]))
        if edges[-1][-1] != size:
            raise IntegrityError(
                f"{folder} holds {edges[-1][-1]} contexts of {k}-grams.",
                f"As many as {k}-grams were expected: {size}.",
            )
        tokens.append(_tokens(folder, k, size, n_types))
    probs, backoffs = (
        tuple(
            _mapped(folder, f"{name}-{k}", kind, size)
            for k, (kind, size) in enumerate(zip(about[name], sizes, strict=False), start=1)
        )
        for name in ("probs", "backoffs")
    )
    trie = NgramTrie(tuple(tokens), tuple(edges))
    return KneserNey(trie, probs, backoffs, (), BEGIN_ID, END_ID), vocabulary


def _write(
    folder: Path, name: str, array: NDArray[Any], packed: Callable[[NDArray[Any]], NDArray[Any]]
) -> None:
    with open(folder / f"{name}.bin", "wb") as file:
        for start in range(0, len(array), _AT_ONCE):
            packed(array[start : start + _AT_ONCE]).tofile(file)


def _mapped(folder: Path, name: str, dtype: str, size: int) -> NDArray[Any]:
    path = folder / f"{name}.bin"
    if path.stat().st_size != size * np.dtype(dtype).itemsize:
        raise IntegrityError(
            f"{path} has {path.stat().st_size} bytes.", f"{size} numbers of {dtype} were expected."
        )
    if not size:  # an empty file cannot be mapped
        return np.empty(0, dtype)
    return np.memmap(path, dtype, mode="r", shape=(size,))


def _kind(numbers: Numbers) -> str:
    """Return the type that holds numbers: 4 bytes, unless one is too small for that and not 0."""
    single = numbers.dtype == np.float32 or not ((numbers > 0) & (numbers < _SMALLEST)).any()
    return "<f4" if single else "<f8"


def _numbers(numbers: Numbers) -> Callable[[NDArray[Any]], NDArray[Any]]:
    kind = _kind(numbers)
    return lambda part: part.astype(kind, copy=False)


def _token_bytes(n_types: int) -> int:
    return max(1, ((n_types - 1).bit_length() + 7) // 8)


def _packed(tokens: NDArray[Any], width: int) -> NDArray[Any]:
    whole = tokens.astype("<u8").view(np.uint8).reshape(-1, 8)
    return np.ascontiguousarray(whole[:, :width])


def _tokens(folder: Path, k: int, size: int, n_types: int) -> Integers:
    width = _token_bytes(n_types)
    packed = _mapped(folder, f"tokens-{k}", "<u1", size * width).reshape(size, width)
    whole = np.zeros((size, 4), np.uint8)
    whole[:, :width] = packed
    return whole.view("<i4").ravel()


def _write_followers(folder: Path, k: int, numbers: Integers) -> None:
    _write(folder, f"followers-{k}", numbers, lambda part: np.minimum(part, _MANY).astype("<u1"))
    _write(folder, f"many-{k}", numbers[numbers >= _MANY], lambda part: part.astype("<u8"))


def _read_followers(folder: Path, k: int, size: int) -> Integers:
    """Return the edges of the followers of each n-gram of order k."""
    edges = np.zeros(size + 1, np.int64)
    edges[1:] = _mapped(folder, f"followers-{k}", "<u1", size)
    many = np.flatnonzero(edges == _MANY)
    edges[many] = np.fromfile(folder / f"many-{k}.bin", "<u8")
    np.cumsum(edges, out=edges)
    return edges.astype(np.int32) if edges[-1] <= np.iinfo(np.int32).max else edges
