"""The compiled loops of `kblib.ngrams.word_table`: bytes of UTF-8 to numbers of words.

A word is found by its hash and then compared byte for byte, so no two words are ever taken for one.

Letters: B bytes of texts, W words, S places of the table, C bytes of all words.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kblib.ngrams.compiled import compiled

EMPTY = -1
DONE, FULL = -1, -2
BEGIN, END, _N_RESERVED = 1, 2, 3
NEWLINE = 10
_ID_BITS = 32
_ID_MASK = (1 << _ID_BITS) - 1
_BASIS, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # FNV-1a, 64 bits
_MIX, _HALF = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)


@compiled
def _mixed(hashed: Any) -> Any:
    """Spread a hash over its upper 31 bits, so that they tell and place a word."""
    return np.int64(((hashed ^ (hashed >> _HALF)) * _MIX) >> np.uint64(1))


@compiled
def _slot(mixed: int, data_B: Any, at: Any, table_S: Any, blob_C: Any, edges: Any) -> Any:
    """Return the place in the table of the word between two bytes, or the empty one for it."""
    mask = len(table_S) - 1
    slot = (mixed >> _ID_BITS) & mask
    length = at[1] - at[0]
    while True:
        entry = table_S[slot]
        if entry == EMPTY:
            return slot
        if (entry ^ mixed) >> _ID_BITS == 0:
            number = entry & _ID_MASK
            start = edges[number]
            if edges[number + 1] - start - 1 == length:
                same = 0
                while same < length and blob_C[start + same] == data_B[at[0] + same]:
                    same += 1
                if same == length:
                    return slot
        slot = (slot + 1) & mask


@compiled
def _is_space(byte: int) -> bool:
    """Say whether a byte stands between words; a newline ends a text besides."""
    if byte > 32:  # most are
        return False
    return byte == 32 or byte == 10 or byte == 13 or byte == 9 or byte == 0


@compiled
def _word_end(data_B: Any, at: int) -> Any:
    """Return where the word that begins at a byte ends, and its hash."""
    hashed = _BASIS
    while not _is_space(data_B[at]):  # the last byte is a newline
        hashed = (hashed ^ np.uint64(data_B[at])) * _PRIME
        at += 1
    return at, _mixed(hashed)


@compiled
def fill(table_S: Any, blob_C: Any, edges: Any, n_words: int) -> None:
    """Put words, all different, into an empty table."""
    for number in range(n_words):
        end, mixed = _word_end(blob_C, edges[number])
        ends = (edges[number], end)
        slot = _slot(mixed, blob_C, ends, table_S, blob_C, edges)
        table_S[slot] = (mixed & ~_ID_MASK) | number


@compiled
def _end_text(ids: Any, n_ids: int, goes_on: bool) -> int:
    """Write an end, and the begin of the next text; return how many ids there are."""
    ids[n_ids] = END
    if goes_on:
        ids[n_ids + 1] = BEGIN
    return n_ids + (2 if goes_on else 1)


@compiled
def _learn(
    data_B: Any,
    word: Any,
    mixed: int,
    slot: int,
    n_words: int,
    table_S: Any,
    blob_C: Any,
    edges: Any,
) -> None:
    """Add a word; in the blob there is room."""
    edges[n_words + 1] = edges[n_words] + word[1] - word[0] + 1
    blob_C[edges[n_words] : edges[n_words + 1]] = data_B[word[0] : word[1] + 1]
    blob_C[edges[n_words + 1] - 1] = NEWLINE
    table_S[slot] = (mixed & ~_ID_MASK) | n_words


@compiled
def read(
    data_B: Any, state: Any, table_S: Any, blob_C: Any, edges: Any, ids: Any, learns: bool
) -> int:
    """Write the numbers of words, begins and ends; return DONE, FULL, or a reserved word's number.

    Parameters
    ----------
    data_B
        Texts, a newline after each; words stand between NUL, tab, return and space.
    state
        Where to go on: byte, number of ids, number of words. Changed.
    learns
        Whether a new word is added, until a table is FULL; otherwise it is number 0. In `blob_C`
        there is room for them all.
    """
    at, n_ids, n_words = state[0], state[1], state[2]
    if n_ids == 0:
        ids[0], n_ids = BEGIN, 1
    outcome = DONE
    while at < len(data_B):
        if data_B[at] == NEWLINE:
            at += 1
            n_ids = _end_text(ids, n_ids, at < len(data_B))
            continue
        if _is_space(data_B[at]):
            at += 1
            continue
        end, mixed = _word_end(data_B, at)
        slot = _slot(mixed, data_B, (at, end), table_S, blob_C, edges)
        number = 0
        if table_S[slot] != EMPTY:
            number = table_S[slot] & _ID_MASK
            if number < _N_RESERVED:
                outcome = number
                break
        elif learns:
            if n_words + 2 > len(edges) or 2 * n_words > len(table_S):
                outcome = FULL
                break
            number = n_words
            _learn(data_B, (at, end), mixed, slot, number, table_S, blob_C, edges)
            n_words += 1
        ids[n_ids] = number
        n_ids += 1
        at = end
    state[0], state[1], state[2] = at, n_ids, n_words
    return outcome
