from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from kblib.errors import ModelError
from kblib.models.masking import mask_blocks
from kblib.models.scores import MaskedScores, ranks_of, score_masked
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer


def score(
    model: PreTrainedModel, blocks: TokenBlocks, tokenizer: Tokenizer, **how: int
) -> MaskedScores:
    return score_masked(
        model,
        blocks,
        tokenizer,
        seq_len=16,
        mask_rate=0.25,
        seed=1,
        **how,
    )


def test_scores_equal_a_naive_loop_over_the_full_forward(
    masked_model: PreTrainedModel, blocks: TokenBlocks, wordpiece: Tokenizer
) -> None:
    losses, ranks = [], []
    for number in range(blocks.n_blocks(16)):
        ids = blocks.blocks([number], 16)
        masked = mask_blocks(
            ids, rate=0.25, seed=1, keys=[number], special_ids=wordpiece.special_ids, mask_id=4
        )
        with torch.no_grad():
            full_TV = masked_model(input_ids=torch.from_numpy(masked.input_ids)).logits[0]
        for place, weight in zip(masked.positions[0], masked.weights[0], strict=True):
            if weight:
                truth = int(ids[0, place])
                losses.append(-full_TV[place].log_softmax(-1)[truth].item())
                ranks.append(full_TV[place].argsort(descending=True).tolist().index(truth))
    found = score(masked_model, blocks, wordpiece)
    assert found.n == len(losses)
    assert found.n_blocks == blocks.n_blocks(16)
    assert found.loss == pytest.approx(np.mean(losses), abs=1e-5)
    assert found.top1 == pytest.approx(np.mean([rank < 1 for rank in ranks]))
    assert found.top5 == pytest.approx(np.mean([rank < 5 for rank in ranks]))


def test_size_of_the_batch_changes_nothing(
    masked_model: PreTrainedModel, blocks: TokenBlocks, wordpiece: Tokenizer
) -> None:
    one = score(masked_model, blocks, wordpiece, batch_size=1)
    many = score(masked_model, blocks, wordpiece, batch_size=50)
    assert (one.n, one.top1, one.top5) == (many.n, many.top1, many.top5)
    assert one.loss == pytest.approx(many.loss, abs=1e-5)


def test_model_that_knows_nothing_scores_the_log_of_its_vocabulary(
    masked_model: PreTrainedModel, blocks: TokenBlocks, wordpiece: Tokenizer
) -> None:
    decoder = masked_model.get_output_embeddings()
    with torch.no_grad():
        decoder.weight.zero_()
        decoder.bias.zero_()
    found = score(masked_model, blocks, wordpiece)
    assert found.loss == pytest.approx(math.log(wordpiece.vocab_size), abs=1e-5)
    assert found.top1 == 0.0  # all alike: the first guess is piece 0, padding


def test_most_blocks_are_spread_over_the_text(
    masked_model: PreTrainedModel, blocks: TokenBlocks, wordpiece: Tokenizer
) -> None:
    assert score(masked_model, blocks, wordpiece, most_blocks=5).n_blocks == 5
    assert score(masked_model, blocks, wordpiece, most_blocks=10_000).n_blocks == blocks.n_blocks(
        16
    )
    with pytest.raises(ModelError, match="most_blocks is 0"):
        score(masked_model, blocks, wordpiece, most_blocks=0)


def test_scoring_leaves_the_model_as_it_was(
    masked_model: PreTrainedModel, blocks: TokenBlocks, wordpiece: Tokenizer
) -> None:
    masked_model.train()
    score(masked_model, blocks, wordpiece, most_blocks=2)
    assert masked_model.training


def test_ranks_equal_a_stable_sort() -> None:
    logits = torch.tensor([[1.0, 3.0, 3.0, 2.0], [0.0, 0.0, 0.0, 0.0], [5.0, 4.0, 3.0, 2.0]])
    targets = torch.tensor([2, 3, 0])
    order = np.argsort(-logits.numpy(), axis=1, kind="stable")
    naive = [order[row].tolist().index(int(targets[row])) for row in range(3)]
    assert ranks_of(logits, targets).tolist() == naive == [1, 3, 0]
