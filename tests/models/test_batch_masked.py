"""A masked model asked about many texts: the answers of one text at a time, and what is said."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from kblib.models.batch_masked import fill_all, surprisal_all
from kblib.models.fill import as_word
from kblib.models.masked import MaskedLM
from kblib.tokens.subwords import Tokenizer


@pytest.fixture
def model(masked_model: PreTrainedModel, wordpiece: Tokenizer) -> MaskedLM:
    return MaskedLM(masked_model, wordpiece, name="small")


def test_blanks_are_filled_as_one_by_one(model: MaskedLM, documents: tuple[str, ...]) -> None:
    texts = [text.replace(text.split()[1], "[MASK]", 1) for text in documents]
    table = fill_all(model, texts, k=4)
    for text, row in zip(texts, table.to_dicts(), strict=True):
        alone = model.fill(text, k=4).table
        assert row["words"] == list(alone["word"])
        np.testing.assert_allclose(row["probabilities"], alone["probability"], atol=1e-5)
        assert row["note"] is None
    assert table["n_tokens"].to_list() == [len(model.tokenizer.encode(t)) - 2 for t in texts]


def test_surprisal_is_that_of_one_by_one(model: MaskedLM, documents: tuple[str, ...]) -> None:
    table = surprisal_all(model, documents)
    for text, row in zip(documents, table.to_dicts(), strict=True):
        alone = model.surprisal(text)
        assert row["bits"] == pytest.approx(alone.bits, rel=1e-5)
        asked = [word for word in alone.words if not np.isnan(word.bits)]
        assert row["n_pieces"] == sum(len(word.pieces) for word in asked)
        assert row["pseudo_perplexity"] == pytest.approx(2 ** (alone.bits / row["n_pieces"]))
        assert row["n_windows"] == 1


def test_long_text_is_read_around_its_blank(model: MaskedLM) -> None:
    text = " ".join(["Kungen"] * 60 + ["[MASK]"] + ["Stockholm"] * 60)
    ids = model.tokenizer.encode(text, special=False)
    row = fill_all(model, [text], k=1).to_dicts()[0]
    assert row["note"] == f"30 of {len(ids)} tokens were read, those around the blank."
    assert row["n_tokens"] == len(ids)
    place = ids.index(model.tokenizer.mask_id)
    window = [model.tokenizer.first_id, *ids[place - 15 : place + 15], model.tokenizer.end_id]
    with torch.inference_mode():
        logits = model.model(input_ids=torch.tensor([window])).logits[0, 16]
    best = logits.softmax(-1)[: model.tokenizer.vocab_size]
    best[list(model.tokenizer.special_ids)] = 0
    assert row["probabilities"] == pytest.approx([float(best.max())], abs=1e-5)
    assert row["words"] == [as_word(model.tokenizer.token(int(best.argmax())))]


def test_forty_thousand_tokens_are_cut_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    model, asked = MaskedLM.open("kb-mini-masked"), []
    monkeypatch.setattr(
        "kblib.models.batch_masked._nats",
        lambda _, questions: asked.extend(questions) or np.ones(len(questions)),
    )
    row = surprisal_all(model, ["kungen " * 40_000]).to_dicts()[0]
    assert row["n_tokens"] == row["n_pieces"] == len(asked) == 40_000
    assert row["n_windows"] == math.ceil(40_000 / (model.seq_len - 2))
    assert row["note"] == f"Read in {row['n_windows']} windows."
    assert max(len(question.window) for question in asked) == model.seq_len


def test_windows_end_between_words_and_know_nothing_of_each_other(model: MaskedLM) -> None:
    word = "Stockholm"
    n_pieces = len(model.tokenizer.encode(word, special=False))
    fitting = (model.seq_len - 2) // n_pieces  # words of a window
    whole, full, rest = surprisal_all(
        model, [" ".join([word] * n) for n in (2 * fitting + 1, fitting, 1)]
    ).to_dicts()
    assert whole["bits"] == pytest.approx(2 * full["bits"] + rest["bits"], rel=1e-5)
    assert (whole["n_windows"], full["n_windows"]) == (3, 1)
    assert whole["n_pieces"] == (2 * fitting + 1) * n_pieces


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  ", "The text is empty."),
        ("Kungen kom.", "The text has no [MASK]: 'Kungen kom.'."),
        ("[MASK] och [MASK]", "The text has 2 [MASK]: '[MASK] och [MASK]'."),
        ("järn[MASK] kom", "[MASK] stands inside a word: 'järn[MASK]'."),
    ],
)
def test_text_without_one_blank_has_nulls_and_a_reason(
    model: MaskedLM, text: str, said: str
) -> None:
    first, second = fill_all(model, [text, "Kungen [MASK] Stockholm."]).to_dicts()
    assert first["note"] == said
    assert first["words"] is first["probabilities"] is first["n_tokens"] is None
    assert len(second["words"]) == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" \n", "The text is empty."),
        ("...", "The text '...' holds no word."),
        ("Kungen [MASK].", "The text has a [MASK]."),
        ("Kungen [SEP].", "The model reads '[SEP]' as a sign of its own, not as a word."),
        ("Ω", "The vocabulary can spell no word of it."),
    ],
)
def test_text_that_cannot_be_read_has_nulls_and_a_reason(
    model: MaskedLM, text: str, said: str
) -> None:
    row = surprisal_all(model, [text]).to_dicts()[0]
    assert row["note"] == said
    assert row["bits"] is row["bits_per_piece"] is row["pseudo_perplexity"] is None


def test_word_that_cannot_be_spelt_is_left_out_and_told(model: MaskedLM) -> None:
    row = surprisal_all(model, ["Kungen såg Ω i Stockholm."]).to_dicts()[0]
    assert row["note"] == "Left out, since the vocabulary cannot spell it: Ω."
    assert row["bits"] == pytest.approx(model.surprisal("Kungen såg Ω i Stockholm.").bits, rel=1e-5)
