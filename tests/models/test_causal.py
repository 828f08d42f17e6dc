from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

from kblib.errors import ModelError
from kblib.models.causal import CausalLM
from kblib.models.folder import save_model
from kblib.models.reading import begin_id, windows_of
from kblib.tokens.subwords import Tokenizer


@pytest.fixture
def model(causal_model: PreTrainedModel, bpe: Tokenizer) -> CausalLM:
    return CausalLM(causal_model, bpe, name="small")


def naive_nats(model: CausalLM, text: str) -> float:
    """One token after the other, each with a forward pass of its own."""
    end = model.tokenizer.end_id
    stream = [end, *model.tokenizer.encode(text, special=False), end]
    nats = 0.0
    for place in range(1, len(stream)):
        with torch.no_grad():
            logits = model.model(input_ids=torch.tensor([stream[:place]])).logits[0, -1]
        nats -= logits.log_softmax(-1)[stream[place]].item()
    return nats


def test_perplexity_equals_a_naive_loop(model: CausalLM, documents: tuple[str, ...]) -> None:
    short = [text for text in documents if len(model.tokenizer.encode(text)) < 30]
    assert len(short) > 5
    nats = sum(naive_nats(model, text) for text in short)
    n_tokens = sum(len(model.tokenizer.encode(text)) for text in short)
    n_words = sum(len(text.split()) for text in short)
    n_bytes = sum(len(text.encode()) for text in short)
    found = model.perplexity(short)
    assert (found.n_tokens, found.n_words, found.n_bytes) == (n_tokens, n_words, n_bytes)
    assert found.per_token == pytest.approx(math.exp(nats / n_tokens), rel=1e-4)
    assert found.per_word == pytest.approx(math.exp(nats / n_words), rel=1e-4)
    assert found.bits_per_byte == pytest.approx(nats / math.log(2) / n_bytes, rel=1e-4)


def test_long_document_is_read_in_windows_that_overlap_by_half(
    model: CausalLM, documents: tuple[str, ...]
) -> None:
    text = " ".join(documents)
    end, size = model.tokenizer.end_id, model.seq_len
    stream = [end, *model.tokenizer.encode(text, special=False), end]
    nats, counted, start = 0.0, 0, 0
    while counted < len(stream) - 1:
        inputs = stream[start : start + size][: len(stream) - 1 - start]
        with torch.no_grad():
            shares = model.model(input_ids=torch.tensor([inputs])).logits[0].log_softmax(-1)
        for place in range(counted - start, len(inputs)):
            nats -= shares[place, stream[start + place + 1]].item()
        counted = start + len(inputs)
        start += size // 2
    found = model.perplexity([text])
    assert found.n_tokens == len(stream) - 1 > 3 * size
    assert found.per_token == pytest.approx(math.exp(nats / found.n_tokens), rel=1e-4)


def test_model_that_knows_nothing_has_the_perplexity_of_its_vocabulary(
    model: CausalLM, documents: tuple[str, ...]
) -> None:
    with torch.no_grad():
        model.model.get_output_embeddings().weight.zero_()
    found = model.perplexity(iter(documents))
    assert found.per_token == pytest.approx(model.tokenizer.vocab_size, rel=1e-5)
    assert found.n_documents == len(documents)


@pytest.mark.parametrize("corpus", [[], ["", " "]])
def test_perplexity_of_no_words_is_refused(corpus: list[str], model: CausalLM) -> None:
    with pytest.raises(ModelError, match="There are no words to measure"):
        model.perplexity(corpus)


def test_greedy_continuation_equals_that_of_transformers(model: CausalLM) -> None:
    ids = [model.tokenizer.end_id, *model.tokenizer.encode("Kungen", special=False)]
    theirs = model.model.generate(
        torch.tensor([ids]),
        attention_mask=torch.ones(1, len(ids), dtype=torch.long),
        do_sample=False,
        max_new_tokens=12,
    )[0, len(ids) :].tolist()
    if model.tokenizer.end_id in theirs:
        theirs = theirs[: theirs.index(model.tokenizer.end_id)]
    found = model.generate("Kungen", max_tokens=12, seed=1, temperature=0)
    assert found.continuation == model.tokenizer.decode(theirs)


def test_equal_seeds_give_equal_texts(model: CausalLM) -> None:
    one, same, other = (
        model.generate("Kungen", max_tokens=12, seed=seed, temperature=1.5) for seed in (1, 1, 2)
    )
    assert one == same
    assert one.text != other.text
    assert one.text.startswith("Kungen")
    assert one.provenance["seed"] == 1


def test_generation_leaves_the_generator_alone(model: CausalLM) -> None:
    before = torch.random.get_rng_state()
    model.generate("", max_tokens=3, seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_generation_stops_at_the_end_mark(model: CausalLM) -> None:
    with torch.no_grad():
        model.model.get_output_embeddings().weight.zero_()  # all alike: the first piece is the end
    assert model.tokenizer.end_id == 0
    assert model.generate("Kungen", seed=1, max_tokens=5, temperature=0).continuation == ""


def test_prompt_too_long_is_refused_with_what_fits(model: CausalLM) -> None:
    with pytest.raises(ModelError) as refused:
        model.generate("Kungen", max_tokens=40, seed=1)
    n = 1 + len(model.tokenizer.encode("Kungen", special=False))
    assert f"The prompt has {n} tokens and 40 shall follow." in str(refused.value)
    assert f"max_tokens={model.seq_len - n}" in str(refused.value)


def test_saved_model_continues_as_before(model: CausalLM, bpe: Tokenizer, tmp_path: Path) -> None:
    folder = save_model(
        tmp_path / "c", model=model.model, tokenizer=bpe, recipe={}, scores={}, card=""
    )
    opened = CausalLM.open(folder)
    wanted = model.generate("Kungen", max_tokens=8, seed=1).text
    assert opened.generate("Kungen", max_tokens=8, seed=1).text == wanted
    assert opened.shape == model.shape
    assert "small" not in repr(opened)


def test_text_begins_with_the_begin_mark_where_it_is_another_than_the_end(
    bpe: Tokenizer,
) -> None:
    """As in Llama's own tokenizers; ours begin with the end of the text before."""
    assert begin_id(bpe) == bpe.end_id
    marked = Tokenizer(bpe.engine, {**bpe.roles, "bos_token": "K"})
    assert begin_id(marked) == bpe.encode("K", special=False)[0] != marked.end_id
    windows = list(windows_of([7, 8], marked, 16))
    assert windows == [([begin_id(marked), 7, 8], [7, 8, marked.end_id])]
