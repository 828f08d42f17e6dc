"""Texts read together: what is cut, what stands in a batch, what is padded."""

from __future__ import annotations

import pytest
import torch

from kblib.models.batches import Frame, cut, padded, together
from kblib.tokens.subwords import Tokenizer


def test_frame_is_what_a_tokenizer_puts_around_a_text(wordpiece: Tokenizer, bpe: Tokenizer) -> None:
    first, end = wordpiece.first_id, wordpiece.end_id
    assert Frame.of(wordpiece) == Frame((first,), (end,))
    assert Frame.of(bpe) == Frame((), (bpe.end_id,))
    ids = wordpiece.encode("Kungen kom.", special=False)
    assert Frame.of(wordpiece).around(ids) == wordpiece.encode("Kungen kom.")


@pytest.mark.parametrize("room", [1, 2, 3, 7, 8, 100])
def test_windows_fit_and_nothing_is_lost(room: int) -> None:
    ids = list(range(23))
    windows = cut(ids, room)
    assert [one for window in windows for one in window] == ids
    assert max(map(len, windows)) <= room
    assert len(windows) == -(-len(ids) // room)
    assert cut([], room) == []


def test_batches_hold_each_text_once_within_their_tokens() -> None:
    lengths = [7, 3, 50, 3, 9, 1, 12, 3]
    batches = list(together(lengths, tokens=20))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= 20
    flat = [lengths[i] for batch in batches for i in batch]
    assert flat == sorted(flat)


def test_longest_of_a_batch_is_not_much_longer_than_the_shortest() -> None:
    lengths = [10, 100, 11, 12, 50, 13]
    assert list(together(lengths, longer=1.2)) == [[0, 2, 3], [5], [4], [1]]


def test_only_shorter_rows_are_padded() -> None:
    device = torch.device("cpu")
    assert padded([[1, 2], [3, 4]], 0, device)[1] is None
    ids, mask = padded([[1], [2, 3, 4]], 9, device)
    assert mask is not None
    assert ids.tolist() == [[1, 9, 9], [2, 3, 4]]
    assert mask.tolist() == [[1, 0, 0], [1, 1, 1]]
