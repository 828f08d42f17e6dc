"""Batches side by side: each computed by one thread, and none changed by the others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from transformers import PreTrainedModel

from kblib.models import lanes
from kblib.models.batch_masked import surprisal_all
from kblib.models.lanes import asked_together
from kblib.models.masked import MaskedLM
from kblib.tokens.subwords import Tokenizer

CPU = torch.device("cpu")


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_each_text_is_asked_about_once(two_threads: None) -> None:
    lengths = [7, 900, 3, 400, 650, 3, 90, 80]
    batches, answers = asked_together(lengths, lambda chosen: [lengths[i] for i in chosen], CPU)
    assert sorted(i for chosen in batches for i in chosen) == list(range(len(lengths)))
    assert answers == [[lengths[i] for i in chosen] for chosen in batches]


def test_batches_are_computed_by_one_thread_each(two_threads: None) -> None:
    def ask(_: list[int]) -> tuple[int, bool]:
        return torch.get_num_threads(), torch.is_inference_mode_enabled()

    batches, answers = asked_together([1024] * 5, ask, CPU)
    assert batches == [[0], [1], [2], [3], [4]]
    assert answers == [(1, True)] * 5
    assert torch.get_num_threads() == 2
    assert asked_together([10], ask, CPU)[1] == [(2, True)]  # nothing to stand beside


def test_error_of_a_batch_is_raised_and_threads_are_as_before(two_threads: None) -> None:
    def ask(chosen: list[int]) -> None:
        raise ValueError(f"torn: {chosen}")

    with pytest.raises(ValueError, match="torn"):
        asked_together([1024] * 3, ask, CPU)
    assert torch.get_num_threads() == 2
    assert asked_together([], ask, CPU) == ([], [])


def test_number_of_threads_changes_no_bit(
    masked_model: PreTrainedModel,
    wordpiece: Tokenizer,
    documents: tuple[str, ...],
    two_threads: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes, "CPU_TOKENS", 64)
    model = MaskedLM(masked_model, wordpiece, name="small")
    together = surprisal_all(model, documents)
    torch.set_num_threads(1)
    assert surprisal_all(model, documents).equals(together)
