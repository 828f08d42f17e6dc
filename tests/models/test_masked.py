from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional
from transformers import PreTrainedModel, pipeline

from kblib.errors import ModelError
from kblib.files import read_manifest
from kblib.models.masked import MaskedLM, build_masked, masked_logits
from kblib.models.shape import ModelShape
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer

SENTENCE = "Kungen och [MASK] besökte Stockholm."


@pytest.fixture
def model(masked_folder: Path) -> MaskedLM:
    return MaskedLM.open(masked_folder)


def test_fill_equals_the_pipeline_of_transformers(model: MaskedLM, masked_folder: Path) -> None:
    theirs = pipeline("fill-mask", model=str(masked_folder))(SENTENCE, top_k=50)
    special = model.tokenizer.special_ids
    wanted = [(row["token"], row["score"]) for row in theirs if row["token"] not in special][:10]
    found = model.fill(SENTENCE, k=10)
    vocabulary = model.tokenizer.engine.get_vocab()
    assert [vocabulary[guess.token] for guess in found.guesses] == [token for token, _ in wanted]
    assert [guess.probability for guess in found.guesses] == pytest.approx(
        [score for _, score in wanted], abs=1e-5
    )


def test_fill_of_more_than_there_are_gives_every_word_once(model: MaskedLM) -> None:
    found = model.fill(SENTENCE, k=10**6).table
    special = {model.tokenizer.token(i) for i in model.tokenizer.special_ids}
    assert len(found) == model.tokenizer.vocab_size - len(special)
    assert found["token"].is_unique
    assert not special & set(found["token"])
    assert found["probability"].is_monotonic_decreasing
    assert 0.9 < found["probability"].sum() < 1


@pytest.mark.parametrize("k", [0, 2.5, "3"])
def test_fill_refuses_no_candidates(model: MaskedLM, k: object) -> None:
    with pytest.raises(ModelError, match=f"k is {k!r}. At least 1 candidate was expected."):
        model.fill(SENTENCE, k=k)  # type: ignore[arg-type]


def test_fill_refuses_a_question_that_makes_no_sense(model: MaskedLM) -> None:
    with pytest.raises(ModelError, match=r"The text has no \[MASK\]"):
        model.fill("Kungen besökte Stockholm.")


def test_fill_says_which_weights_answered(model: MaskedLM, masked_folder: Path) -> None:
    weights = read_manifest(masked_folder)["files"]["model.safetensors"]["sha256"]
    assert model.fill(SENTENCE).provenance == {"model": "small", "weights": weights}


def test_accuracy_takes_a_corpus_or_its_tokens(
    model: MaskedLM, documents: tuple[str, ...], tmp_path: Path
) -> None:
    packed = TokenBlocks.pack(documents, model.tokenizer, tmp_path / "p")
    found = model.accuracy(packed, seed=3, mask_rate=0.3)
    assert model.accuracy(documents, seed=3, mask_rate=0.3) == found
    assert found.seq_len == 32  # all that this model reads
    assert (found.seed, found.mask_rate) == (3, 0.3)


def test_accuracy_depends_on_the_seed_alone(model: MaskedLM, documents: tuple[str, ...]) -> None:
    torch.manual_seed(1)
    one = model.accuracy(documents, seed=1)
    torch.manual_seed(2)
    assert model.accuracy(documents, seed=1) == one
    assert model.accuracy(documents, seed=2).loss != one.loss


def test_accuracy_refuses_tokens_of_another_tokenizer(
    model: MaskedLM, documents: tuple[str, ...], tmp_path: Path
) -> None:
    other = Tokenizer.train(documents, vocab_size=150)
    packed = TokenBlocks.pack(documents, other, tmp_path / "p")
    with pytest.raises(ModelError, match=f"packed by tokenizer {other.fingerprint[:12]}"):
        model.accuracy(packed, seed=1)


def test_accuracy_refuses_a_text_shorter_than_a_block(model: MaskedLM) -> None:
    with pytest.raises(ModelError, match=r"The text has 4 tokens. At least one block of 32"):
        model.accuracy(["i dag"], seed=1)


def test_accuracy_refuses_blocks_longer_than_the_model_reads(model: MaskedLM) -> None:
    with pytest.raises(ModelError, match=r"seq_len is 100. This model reads at most 32"):
        model.accuracy(["i dag"], seed=1, seq_len=100)


def learn(text: str, tokenizer: Tokenizer) -> MaskedLM:
    """Train a model on one sentence, each piece masked in turn, until it knows it by heart."""
    ids = tokenizer.encode(text)
    model = build_masked(
        ModelShape(1, 2, 32, vocab_size=tokenizer.vocab_size, seq_len=len(ids)), seed=1
    )
    places_BK = torch.arange(1, len(ids) - 1)[:, None]
    true_BT = torch.tensor([ids] * len(places_BK))
    masked_BT = true_BT.scatter(1, places_BK, tokenizer.mask_id)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        logits_BV = masked_logits(model, masked_BT, places_BK)[:, 0]
        functional.cross_entropy(logits_BV, true_BT.gather(1, places_BK)[:, 0]).backward()
        optimiser.step()
    return MaskedLM(model, tokenizer, name="learnt")


def test_model_that_learnt_a_sentence_fills_it(wordpiece: Tokenizer) -> None:
    text = "Tåget går från Stockholm till Malmö."
    model = learn(text, wordpiece)
    assert len(wordpiece.encode("Stockholm", special=False)) == 1
    assert model.fill(text.replace("Stockholm", "[MASK]"), k=1).guesses[0].word == "Stockholm"
    found = model.accuracy([text] * 8, seed=1, seq_len=model.seq_len, mask_rate=0.05)
    assert found.n == 8
    assert found.top1 == found.top5 == 1.0
    assert found.loss < 1.0  # one piece of 171 at random would be 5.1


def test_model_is_found_by_its_name(masked_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_MODELS", str(masked_folder.parent))
    assert MaskedLM.open("small").name == "small"


def test_description_names_layout_size_and_folder(model: MaskedLM, masked_folder: Path) -> None:
    said = model.describe()
    assert f"{model.model.num_parameters():,}" in said
    assert str(model.shape) in said
    assert str(masked_folder) in said
    assert str(model.shape) in repr(model)


def test_tokenizer_without_a_mask_is_refused(masked_model: PreTrainedModel, bpe: Tokenizer) -> None:
    with pytest.raises(ModelError, match="The tokenizer of 'x' has no mask"):
        MaskedLM(masked_model, bpe, name="x")
