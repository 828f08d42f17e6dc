"""Pseudo-surprisal; the second source is one slow full forward for each hidden piece."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from kblib.errors import ModelError
from kblib.models.masked import MaskedLM
from kblib.models.surprisal import hidden_words
from kblib.models.words import read_words

SENTENCE = "Kungen besökte järnvägsstationen i Malmö i går."


@pytest.fixture
def model(masked_folder: Path) -> MaskedLM:
    return MaskedLM.open(masked_folder, device="cpu")


def slow_bits(model: MaskedLM, text: str, *, group: list[list[int]]) -> list[float]:
    """Score groups of places left to right, one forward of the whole model at a time."""
    ids = model.tokenizer.encode(text)
    found = []
    for places in group:
        total = 0.0
        for number, place in enumerate(places):
            hidden = [
                model.tokenizer.mask_id if at in places[number:] else i for at, i in enumerate(ids)
            ]
            with torch.no_grad():
                logits_V = model.model(input_ids=torch.tensor([hidden])).logits[0, place].double()
            total -= math.log2(torch.softmax(logits_V, -1)[ids[place]].item())
        found.append(total)
    return found


def word_ids(model: MaskedLM, text: str) -> list[list[int]]:
    """Group places by the tokenizer's own word numbers, as minicons does."""
    encoding = model.tokenizer.engine.encode(text)
    groups: dict[int, list[int]] = {}
    for place, number in enumerate(encoding.word_ids):
        if number is not None:
            groups.setdefault(number, []).append(place)
    return list(groups.values())


def test_bits_are_those_of_one_masking_at_a_time(model: MaskedLM) -> None:
    found = model.surprisal(SENTENCE)
    groups = word_ids(model, SENTENCE)
    assert max(map(len, groups)) > 2, "a word of several pieces was meant to be in it"
    assert [word.bits for word in found.words] == pytest.approx(
        slow_bits(model, SENTENCE, group=groups), abs=1e-3
    )
    assert found.bits == pytest.approx(sum(word.bits for word in found.words))


def test_later_pieces_of_a_word_are_hidden_too(model: MaskedLM) -> None:
    """One piece hidden at a time, the older way, gives other numbers for a long word."""
    ids = model.tokenizer.encode(SENTENCE)
    single = slow_bits(model, SENTENCE, group=[[place] for place in range(1, len(ids) - 1)])
    together = [bits for word in model.surprisal(SENTENCE).words for bits in word.piece_bits]
    alone = [
        left == 0 for group in word_ids(model, SENTENCE) for left in reversed(range(len(group)))
    ]
    differs = [abs(one - two) > 1e-4 for one, two in zip(single, together, strict=True)]
    assert differs == [not last for last in alone]


def test_questions_hide_what_is_left_of_the_word(model: MaskedLM) -> None:
    read = read_words("Järnvägen", model.tokenizer)
    ids_BT, places_B, targets_B = hidden_words(read, model.tokenizer)
    n = len(read.ids) - 2
    assert n > 1
    mask = model.tokenizer.mask_id
    hidden = [[at for at, one in enumerate(row) if one == mask] for row in ids_BT.tolist()]
    assert hidden == [list(range(at, n + 1)) for at in range(1, n + 1)]
    assert places_B.tolist() == list(range(1, n + 1))
    assert targets_B.tolist() == list(read.ids[1:-1])


def test_word_with_a_hyphen_is_one_word(model: MaskedLM) -> None:
    table = model.surprisal("Kungen kom på 1890-talet.").table
    assert table["word"].tolist() == ["Kungen", "kom", "på", "1890-talet", "."]
    assert table["kind"].tolist()[-1] == "mark"


def test_word_the_vocabulary_cannot_spell_has_no_number(model: MaskedLM) -> None:
    found = model.surprisal("Kungen ☃ kom.")
    assert math.isnan(found.words[1].bits)
    assert math.isfinite(found.bits)


def test_result_says_what_was_asked(model: MaskedLM) -> None:
    about = model.surprisal("Kungen kom.").provenance
    assert about["method"] == "PLL-word-l2r"
    assert about["model"] == "small"


def test_blank_is_refused(model: MaskedLM) -> None:
    with pytest.raises(ModelError, match=r"The text has a \[MASK\]: 'Kungen \[MASK\].'"):
        model.surprisal("Kungen [MASK].")


def test_text_longer_than_the_model_reads_is_refused(model: MaskedLM) -> None:
    with pytest.raises(ModelError, match="This model reads at most 32 at once"):
        model.surprisal("och " * 40)
