"""Attention beside the effect of hiding words; the second source is a slow loop of forwards."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from kblib.errors import ModelError
from kblib.models.explaining import attention_control, spearman
from kblib.models.masked import MaskedLM

SENTENCE = "Kungen och [MASK] besökte järnvägsstationen i Stockholm."


@pytest.fixture
def model(masked_folder: Path) -> MaskedLM:
    return MaskedLM.open(masked_folder, device="cpu")


def bits(model: MaskedLM, ids: list[int], place: int, answer: int) -> float:
    with torch.no_grad():
        logits_V = model.model(input_ids=torch.tensor([ids])).logits[0, place].double()
    return -math.log2(torch.softmax(logits_V, -1)[answer].item())


def ranked(one: Iterable[float], other: Iterable[float]) -> float:
    """Correlate pandas' ranks: what Spearman's rank correlation is."""
    ranks = pd.DataFrame({"one": list(one), "other": list(other)}).rank()
    return float(ranks["one"].corr(ranks["other"]))


def test_effect_is_what_the_answer_loses(model: MaskedLM) -> None:
    found = attention_control(model, SENTENCE)
    mask, ids = model.tokenizer.mask_id, model.tokenizer.encode(SENTENCE)
    place = ids.index(mask)
    answer = model.tokenizer.engine.token_to_id(found.answer)
    base = bits(model, ids, place, answer)
    units = [unit for unit in found.seen.units if unit.kind in ("word", "mark")]
    for unit, effect in zip(units, found.effects, strict=True):
        hidden = [mask if at in unit.places else one for at, one in enumerate(ids)]
        lost = bits(model, hidden, place, answer) - base
        assert effect.effect_bits == pytest.approx(lost, abs=1e-3)
        assert effect.word == unit.text


def test_answer_is_the_first_guess(model: MaskedLM) -> None:
    found, guess = attention_control(model, SENTENCE), model.fill(SENTENCE, k=1).guesses[0]
    assert found.answer == guess.token
    assert found.probability == pytest.approx(guess.probability, rel=1e-4)


def test_answer_of_ones_own_is_followed(model: MaskedLM) -> None:
    assert attention_control(model, SENTENCE, answer="i").answer == "i"


def test_answer_of_several_pieces_is_refused(model: MaskedLM) -> None:
    with pytest.raises(ModelError, match=r"The answer 'järnvägsstationen' is \d+ pieces"):
        attention_control(model, SENTENCE, answer="järnvägsstationen")


def test_columns_stand_for_the_same_words(model: MaskedLM) -> None:
    found = attention_control(model, SENTENCE)
    blank = next(n for n, unit in enumerate(found.seen.units) if unit.kind == "blank")
    for number, unit in enumerate(found.seen.units):
        rows = [row for row in found.table.itertuples() if row.word == unit.text]
        if unit.kind in ("word", "mark"):
            assert rows[0].attention == pytest.approx(float(found.seen.of(blank)[number]))
            assert rows[0].rollout == pytest.approx(float(found.seen.rollout[blank, number]))


def test_heads_agree_as_their_own_weights_do(model: MaskedLM) -> None:
    found = attention_control(model, SENTENCE)
    columns = [n for n, u in enumerate(found.seen.units) if u.kind in ("word", "mark")]
    size = found.table["effect_bits"].abs()
    weights = found.seen.of(3, layer=1, head=2)[columns]
    wanted = ranked(weights, size)
    assert found.heads.shape == (2, 2)
    assert found.heads[0, 1] == pytest.approx(wanted, abs=1e-6)


def test_rank_correlation_is_that_of_pandas() -> None:
    draw = np.random.default_rng(1)
    one, other = draw.integers(0, 5, 12), draw.random(12)
    wanted = ranked(one, other)
    assert spearman(one, other) == pytest.approx(wanted)


@pytest.mark.parametrize("column", [[1, 2, 3], [1, 1, 1, 1]])
def test_nothing_to_rank_gives_no_number(column: list[int]) -> None:
    assert math.isnan(spearman(np.array(column), np.arange(len(column))))


def test_sentence_without_a_blank_is_refused(model: MaskedLM) -> None:
    with pytest.raises(ModelError, match=r"The text has no \[MASK\]"):
        attention_control(model, "Kungen kom.")


def test_name_of_a_model_and_answer_that_is_no_text_are_refused(model: MaskedLM) -> None:
    with pytest.raises(ModelError, match="An opened model was expected"):
        attention_control("kb-mini-masked", SENTENCE)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="The text is 3"):
        attention_control(model, SENTENCE, answer=3)  # type: ignore[arg-type]
