"""How texts are drawn, beside what transformers does itself and beside the exact shares."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from kblib.errors import ModelError
from kblib.models.causal import CausalLM
from kblib.models.sampling import Sampling, continued
from kblib.tokens.subwords import Tokenizer


@pytest.fixture
def model(causal_model: PreTrainedModel, bpe: Tokenizer) -> CausalLM:
    return CausalLM(causal_model, bpe, name="small")


def shares_after(model: CausalLM, ids: list[int], temperature: float) -> torch.Tensor:
    with torch.no_grad():
        logits = model.model(input_ids=torch.tensor([ids])).logits[0, -1]
    return (logits / temperature).softmax(-1)


def first_pieces(model: CausalLM, ids: list[int], n: int, **numbers: Any) -> Counter[int]:
    how = Sampling(max_tokens=1, **numbers)
    rows = continued(model.model, model.tokenizer, [ids] * n, range(n), how)
    return Counter(row[0] if row else model.tokenizer.end_id for row in rows)


def test_pieces_come_as_often_as_the_model_says(model: CausalLM) -> None:
    ids = model.prompt_ids("Kungen", 1)
    found = first_pieces(model, ids, 2000, temperature=2.0)
    share = shares_after(model, ids, 2.0)
    for piece in share.topk(5).indices.tolist():
        p = float(share[piece])
        assert abs(found[piece] / 2000 - p) < 4 * math.sqrt(p * (1 - p) / 2000)


@pytest.mark.parametrize("k", [1, 3])
def test_top_k_leaves_the_k_likeliest(model: CausalLM, k: int) -> None:
    ids = model.prompt_ids("Kungen", 1)
    best = shares_after(model, ids, 5.0).topk(k).indices.tolist()
    assert set(first_pieces(model, ids, 200, temperature=5.0, top_k=k)) <= set(best)


def test_top_p_leaves_the_least_number_that_holds_the_share(model: CausalLM) -> None:
    ids = model.prompt_ids("Kungen", 1)
    share, order = shares_after(model, ids, 5.0).sort(descending=True)
    n = int((share.cumsum(0) < 0.5).sum()) + 1
    found = set(first_pieces(model, ids, 300, temperature=5.0, top_p=0.5))
    assert found <= set(order[:n].tolist())
    assert len(found) > n // 2


def test_text_is_the_same_alone_and_beside_others(model: CausalLM) -> None:
    prompts = ["Kungen", "Tåget går från", ""]
    how = Sampling(max_tokens=8, temperature=1.2)
    beside = model.continuations(prompts, seeds=[3, 4], sampling=how)
    alone = [model.generate_with(p, how, seed=seed) for p in prompts for seed in (3, 4)]
    assert [one.continuation for one in beside.texts] == [one.continuation for one in alone]
    assert beside.table["seed"].tolist() == [3, 4, 3, 4, 3, 4]
    assert beside.table["prompt"].tolist() == [p for p in prompts for _ in range(2)]


def test_stop_word_ends_the_text_and_is_left_out(model: CausalLM) -> None:
    whole = model.generate("Kungen", seed=1, max_tokens=12, temperature=1.0)
    stop = whole.continuation[4:6]
    cut = model.generate("Kungen", seed=1, max_tokens=12, temperature=1.0, stop=stop)
    assert cut.continuation == whole.continuation[: whole.continuation.index(stop)]
    assert (cut.ended, whole.ended) == ("stop", "length")
    assert "".join(word.text for word in cut.words) == cut.continuation


def test_words_have_the_probability_the_model_gives_them(model: CausalLM) -> None:
    """Not that after temperature and cuts; the pieces one by one, each with its own reading."""
    found = model.generate("Kungen", seed=1, max_tokens=10, temperature=0.5, top_k=3)
    ids = model.prompt_ids("Kungen", 10)
    (new,) = continued(
        model.model, model.tokenizer, [ids], [1], Sampling(10, temperature=0.5, top_k=3)
    )
    logs = 0.0
    for piece in new:
        logs += math.log(float(shares_after(model, ids, 1.0)[piece]))
        ids = [*ids, piece]
    assert math.fsum(math.log(word.probability) for word in found.words) == pytest.approx(
        logs, rel=1e-4
    )
    assert sum(word.n_pieces for word in found.words) == len(new)
    assert found.table["probability"].tolist() == [word.probability for word in found.words]


def test_rows_of_the_head_without_a_piece_are_never_written(
    model: CausalLM, bpe: Tokenizer
) -> None:
    model.model.resize_token_embeddings(bpe.vocab_size + 5)
    with torch.no_grad():
        model.model.get_output_embeddings().weight[bpe.vocab_size :] = 0.0
        model.model.get_output_embeddings().weight[: bpe.vocab_size] *= -0.0
    found = first_pieces(model, model.prompt_ids("Kungen", 1), 50, temperature=1.0)
    assert max(found) < bpe.vocab_size


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"max_tokens": 0}, "max_tokens is 0. At least 1 token was expected.\n  max_tokens=40"),
        (
            {"temperature": -1.0},
            "temperature is -1.0. 0 (always the most likely piece) or more was expected;",
        ),
        ({"temperature": "warm"}, "temperature is 'warm'. 0 (always the most likely piece)"),
        ({"temperature": None}, "temperature is None. 0 (always the most likely piece)"),
        ({"top_p": "all"}, "top_p is 'all'. A share above 0 and at most 1 was expected."),
        ({"stop": 5}, "stop is 5. Words or signs that end the text were expected."),
        ({"top_k": 0}, "top_k is 0. At least 1 piece must be left to draw from.\n  top_k=40"),
        (
            {"top_p": 1.5},
            "top_p is 1.5. A share above 0 and at most 1 was expected.\n  top_p=0.9",
        ),
        ({"top_p": 0.0}, "top_p is 0.0. A share above 0 and at most 1 was expected."),
        ({"stop": ("",)}, "stop is ('',). Each stop word needs at least one letter or sign."),
    ],
)
def test_numbers_that_make_no_sense_are_refused(
    model: CausalLM, numbers: dict[str, Any], said: str
) -> None:
    with pytest.raises(ModelError) as refused:
        model.generate("Kungen", seed=1, **numbers)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize("seeds", [[], [-1], [1.5], [True], [2**63], None, 3])
def test_seeds_that_are_none_are_refused(model: CausalLM, seeds: Any) -> None:
    with pytest.raises(ModelError, match=r"At least one whole number of 0 or more"):
        model.continuations("Kungen", seeds=seeds)


def test_no_prompts_are_refused(model: CausalLM) -> None:
    with pytest.raises(ModelError, match=r"There are no prompts"):
        model.continuations([], seeds=[1])
