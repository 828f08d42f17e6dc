"""N-gram models on disk: a sealed folder of flat arrays, opened without reading the probabilities.

================== ============================================================================
words.txt          the vocabulary but for the three specials, a word a line
tokens-K.bin       last token of each n-gram of order K (2 and more), in as few bytes as it takes
followers-K.bin    how many n-grams of order K + 1 begin with each n-gram of order K, one byte
many-K.bin         where that is 255 or more: the true numbers, in order, 8 bytes each
probs-K.bin        probability of each n-gram of order K, 4 bytes
backoffs-K.bin     number, in the table below, of each backoff of order K, in 1, 2 or 4 bytes
values-K.bin       the different backoffs of order K, 8 bytes each
================== ============================================================================

All numbers are little-endian, n-grams in the order of `kblib.ngrams.trie`. Probabilities are
memory-mapped as they are; the keys of the trie and the backoffs are unpacked at opening.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kblib.errors import IntegrityError
from kblib.ngrams.discounts import Floats
from kblib.ngrams.kneser_ney import KneserNey
from kblib.ngrams.trie import Ints, NgramTrie
from kblib.ngrams.vocabulary import BEGIN_ID, END_ID, SPECIALS, Vocabulary

_MANY = 255
_SMALLEST = float(np.finfo(np.float32).tiny)


def write_model(folder: Path, model: KneserNey, vocabulary: Vocabulary) -> dict[str, Any]:
    """Write the files of a model into a folder; return what a manifest has to say about them."""
    words = vocabulary.words[len(SPECIALS) :].to_list()
    (folder / "words.txt").write_bytes("".join(f"{word}\n" for word in words).encode())
    trie = model.trie
    for k in range(1, model.order + 1):
        _write(folder, f"probs-{k}", _short(model.probs[k - 1]))
        if k > 1:
            _write(folder, f"tokens-{k}", _packed(trie.keys[k - 1] % trie.vocab_size, trie))
        if k < model.order:
            values, places = np.unique(model.backoffs[k - 1], return_inverse=True)
            _write(folder, f"values-{k}", values.astype("<f8"))
            _write(folder, f"backoffs-{k}", places.astype(_fitting(len(values))))
            _write_followers(folder, k, trie)
    single = [bool(_short(probs).dtype == "<f4") for probs in model.probs]
    return {"sizes": list(trie.sizes()), "single_precision": single}


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
    keys, probs, backoffs = [np.arange(n_types)], [], []
    for k, (size, single) in enumerate(zip(sizes, about["single_precision"], strict=True), start=1):
        probs.append(_mapped(folder, f"probs-{k}", "<f4" if single else "<f8", size))
        if k > 1:
            followers = _read_followers(folder, k - 1, sizes[k - 2])
            if followers.sum() != size:
                raise IntegrityError(
                    f"{folder} holds {followers.sum()} contexts of {k}-grams.",
                    f"As many as {k}-grams were expected: {size}.",
                )
            contexts = np.repeat(np.arange(sizes[k - 2]), followers)
            keys.append(contexts * n_types + _tokens(folder, k, size, n_types))
        if k < len(sizes):
            values = np.fromfile(folder / f"values-{k}.bin", "<f8")
            places = _mapped(folder, f"backoffs-{k}", _fitting(len(values)), size)
            backoffs.append(values[places])
    trie = NgramTrie(n_types, tuple(keys))
    return KneserNey(trie, tuple(probs), tuple(backoffs), (), BEGIN_ID, END_ID), vocabulary


def _write(folder: Path, name: str, array: NDArray[Any]) -> None:
    array.tofile(folder / f"{name}.bin")


def _mapped(folder: Path, name: str, dtype: str, size: int) -> NDArray[Any]:
    path = folder / f"{name}.bin"
    if path.stat().st_size != size * np.dtype(dtype).itemsize:
        raise IntegrityError(
            f"{path} has {path.stat().st_size} bytes.", f"{size} numbers of {dtype} were expected."
        )
    if not size:  # an empty file cannot be mapped
        return np.empty(0, dtype)
    return np.memmap(path, dtype, mode="r", shape=(size,))


def _short(probs: Floats) -> NDArray[Any]:
    """Return probabilities in 4 bytes, unless one is too small for that and not 0."""
    fits = not ((probs > 0) & (probs < _SMALLEST)).any()
    return probs.astype("<f4" if fits else "<f8")


def _fitting(n: int) -> str:
    return "<u1" if n <= 1 << 8 else "<u2" if n <= 1 << 16 else "<u4"


def _token_bytes(n_types: int) -> int:
    return max(1, ((n_types - 1).bit_length() + 7) // 8)


def _packed(tokens: Ints, trie: NgramTrie) -> NDArray[Any]:
    whole = tokens.astype("<u8").view(np.uint8).reshape(-1, 8)
    return np.ascontiguousarray(whole[:, : _token_bytes(trie.vocab_size)])


def _tokens(folder: Path, k: int, size: int, n_types: int) -> Ints:
    width = _token_bytes(n_types)
    packed = _mapped(folder, f"tokens-{k}", "<u1", size * width).reshape(size, width)
    whole = np.zeros((size, 8), np.uint8)
    whole[:, :width] = packed
    return whole.view("<i8").ravel()


def _write_followers(folder: Path, k: int, trie: NgramTrie) -> None:
    numbers = np.bincount(trie.keys[k] // trie.vocab_size, minlength=len(trie.keys[k - 1]))
    _write(folder, f"followers-{k}", np.minimum(numbers, _MANY).astype("<u1"))
    _write(folder, f"many-{k}", numbers[numbers >= _MANY].astype("<u8"))


def _read_followers(folder: Path, k: int, size: int) -> Ints:
    numbers = _mapped(folder, f"followers-{k}", "<u1", size).astype(np.int64)
    numbers[numbers == _MANY] = np.fromfile(folder / f"many-{k}.bin", "<u8")
    return numbers
