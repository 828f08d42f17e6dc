from __future__ import annotations

import math

import pytest
import torch
from transformers import PreTrainedModel

from kblib.errors import ModelError
from kblib.models.causal import CausalLM
from kblib.tokens.subwords import Tokenizer

TEXT = "Kungen och drottningen, i Malmö."


@pytest.fixture
def model(causal_model: PreTrainedModel, bpe: Tokenizer) -> CausalLM:
    return CausalLM(causal_model, bpe, name="small")


def test_bits_of_words_are_those_of_their_pieces(model: CausalLM) -> None:
    ids = model.tokenizer.encode(TEXT, special=False)
    stream = [model.tokenizer.end_id, *ids, model.tokenizer.end_id]
    bits = []
    for place in range(1, len(stream)):
        with torch.no_grad():
            logits = model.model(input_ids=torch.tensor([stream[:place]])).logits[0, -1]
        bits.append(-logits.log_softmax(-1)[stream[place]].item() / math.log(2))
    found = model.surprisal(TEXT)
    assert [word.word for word in found.words] == [
        "Kungen", "och", "drottningen", ",", "i", "Malmö", ".", "(end)",
    ]  # fmt: skip
    assert [word.kind for word in found.words[3:]] == ["mark", "word", "word", "mark", "end"]
    start = 0
    for word in found.words[:-1]:
        stop = start + len(word.pieces)
        assert word.bits == pytest.approx(sum(bits[start:stop]), rel=1e-4)
        start = stop
    assert start == len(ids)
    assert found.words[-1].bits == pytest.approx(bits[-1], rel=1e-4)


def test_bits_sum_to_those_of_the_text(model: CausalLM) -> None:
    found = model.surprisal(TEXT)
    measured = model.perplexity([TEXT])
    assert found.bits == pytest.approx(measured.bits_per_byte * measured.n_bytes, rel=1e-5)
    assert found.table["bits"].sum() == pytest.approx(found.bits)


def test_long_text_is_read_in_windows(model: CausalLM) -> None:
    text = " ".join([TEXT] * 5)
    measured = model.perplexity([text])
    assert measured.n_tokens > 2 * model.seq_len
    found = model.surprisal(text)
    assert found.bits == pytest.approx(measured.bits_per_byte * measured.n_bytes, rel=1e-5)
    assert [word.word for word in found.words].count("drottningen") == 5


@pytest.mark.parametrize("text", ["", "  \n"])
def test_empty_text_is_refused(model: CausalLM, text: str) -> None:
    with pytest.raises(ModelError) as refused:
        model.surprisal(text)
    assert str(refused.value) == (
        "The text is empty. A sentence was expected.\n"
        '  model.surprisal("Kungen besökte Stockholm.")'
    )
