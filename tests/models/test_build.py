from __future__ import annotations

import pytest
import torch
from torch.nn import functional
from transformers import PreTrainedModel

from kblib.errors import ModelError
from kblib.models.build import build_causal, build_masked, build_model, masked_logits
from kblib.models.shape import ARCHITECTURES, ModelShape

SHAPE = ModelShape(2, 2, 32, vocab_size=100, seq_len=32)


def questions(model: PreTrainedModel) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    ids_BT = torch.randint(5, model.config.vocab_size, (3, 20), generator=generator)
    order_BT = torch.rand((3, 20), generator=generator).argsort(1)
    return ids_BT, order_BT[:, :4].sort(1).values


def test_masked_logits_equal_the_full_forward(masked_model: PreTrainedModel) -> None:
    ids_BT, positions_BK = questions(masked_model)
    full_BTV = masked_model(input_ids=ids_BT).logits
    wanted_BKV = torch.stack([full_BTV[b, positions_BK[b]] for b in range(3)])
    found_BKV = masked_logits(masked_model, ids_BT, positions_BK)
    assert torch.allclose(found_BKV, wanted_BKV, atol=1e-5)


def test_masked_logits_heed_padding(masked_model: PreTrainedModel) -> None:
    ids_BT, positions_BK = questions(masked_model)
    mask_BT = torch.ones_like(ids_BT)
    mask_BT[:, 12:] = 0
    full_BTV = masked_model(input_ids=ids_BT, attention_mask=mask_BT).logits
    found_BKV = masked_logits(masked_model, ids_BT, positions_BK, mask_BT)
    assert torch.allclose(found_BKV[1], full_BTV[1, positions_BK[1]], atol=1e-5)


def test_loss_and_gradients_equal_those_of_transformers(masked_model: PreTrainedModel) -> None:
    ids_BT, positions_BK = questions(masked_model)
    targets_BK = ids_BT.gather(1, positions_BK)
    labels_BT = torch.full_like(ids_BT, -100).scatter(1, positions_BK, targets_BK)
    embedding = masked_model.get_input_embeddings().weight
    theirs = masked_model(input_ids=ids_BT, labels=labels_BT).loss
    (their_gradient,) = torch.autograd.grad(theirs, embedding)
    logits_BKV = masked_logits(masked_model, ids_BT, positions_BK)
    ours = functional.cross_entropy(logits_BKV.flatten(0, 1), targets_BK.flatten())
    (our_gradient,) = torch.autograd.grad(ours, embedding)
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)
    assert torch.allclose(our_gradient, their_gradient, atol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_equal_seeds_give_equal_weights(architecture: str) -> None:
    shape = ModelShape(1, 2, 16, architecture, vocab_size=50)  # type: ignore[arg-type]
    one, same, other = (build_model(shape, seed=seed) for seed in (1, 1, 2))
    embedding = one.get_input_embeddings().weight
    assert torch.equal(embedding, same.get_input_embeddings().weight)
    assert not torch.equal(embedding, other.get_input_embeddings().weight)


def test_building_leaves_the_generator_alone() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    build_masked(SHAPE, seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_model_is_native_and_uses_the_fused_attention() -> None:
    config = build_masked(SHAPE, seed=1).config
    assert config.model_type == "modernbert"
    assert config._attn_implementation == "sdpa"
    assert (config.pad_token_id, config.cls_token_id, config.sep_token_id) == (0, 2, 3)
    assert config.layer_types == ["full_attention", "sliding_attention"]


def test_dropout_reaches_every_part() -> None:
    modern = build_masked(SHAPE, dropout=0.1, seed=1).config
    assert {modern.embedding_dropout, modern.attention_dropout, modern.mlp_dropout} == {0.1}
    bert = build_masked(ModelShape(1, 1, 16, "bert"), dropout=0.1, seed=1).config
    assert {bert.hidden_dropout_prob, bert.attention_probs_dropout_prob} == {0.1}

    neox = build_model(ModelShape(1, 1, 16, "gpt_neox"), dropout=0.1, seed=1).config
    assert {neox.hidden_dropout, neox.attention_dropout} == {0.1}


def test_causal_model_drops_while_it_trains_only() -> None:
    model = build_causal(ModelShape(2, 2, 32, "gpt_neox", vocab_size=100), dropout=0.5, seed=1)
    ids_BT = torch.arange(20).reshape(2, 10)
    one, other = (model.train()(input_ids=ids_BT).logits for _ in range(2))
    assert not torch.equal(one, other)
    one, other = (model.train(False)(input_ids=ids_BT).logits for _ in range(2))
    assert torch.equal(one, other)


def test_llama_has_no_place_for_dropout() -> None:
    with pytest.raises(ModelError, match=r"dropout is 0\.1 for a llama\."):
        build_causal(ModelShape(1, 1, 16, "llama"), dropout=0.1, seed=1)


def test_dropout_that_is_no_share_is_refused() -> None:
    with pytest.raises(ModelError, match=r"dropout is 1.0"):
        build_masked(SHAPE, dropout=1.0, seed=1)
    with pytest.raises(ModelError, match=r"dropout is -0.1"):
        build_causal(ModelShape(1, 1, 16, "gpt_neox"), dropout=-0.1, seed=1)


def test_architecture_of_the_other_kind_is_refused() -> None:
    with pytest.raises(ModelError, match="'llama' is a causal architecture"):
        build_masked(ModelShape(1, 1, 16, "llama"), seed=1)
    with pytest.raises(ModelError, match="'bert' is a masked architecture"):
        build_causal(ModelShape(1, 1, 16, "bert"), seed=1)


def test_masked_logits_refuse_a_causal_model(causal_model: PreTrainedModel) -> None:
    with pytest.raises(ModelError, match="is no masked model this project knows"):
        masked_logits(causal_model, torch.zeros(1, 4, dtype=torch.long), torch.zeros(1, 1).long())
