"""Whole next words, beside a search through every way to spell them."""

from __future__ import annotations

from collections import defaultdict

import pytest
import torch
from transformers import PreTrainedModel

from kblib.errors import ModelError
from kblib.models.causal import CausalLM
from kblib.models.generated import in_words, piece_texts
from kblib.models.next_words import END
from kblib.tokens.subwords import Tokenizer


@pytest.fixture
def model(causal_model: PreTrainedModel, bpe: Tokenizer) -> CausalLM:
    """Give a model that is sure of itself, as a trained one is: few ways to go on are likely."""
    with torch.no_grad():
        causal_model.get_output_embeddings().weight.mul_(4.0)
    return CausalLM(causal_model, bpe, name="small")


def shares(model: CausalLM, ids: list[int]) -> list[float]:
    with torch.no_grad():
        return model.model(input_ids=torch.tensor([ids])).logits[0, -1].softmax(-1).tolist()


def naive(model: CausalLM, text: str, least: float) -> dict[str, float]:
    """Follow every piece after every beginning that is likelier than `least`."""
    tokenizer = model.tokenizer
    inside = text[-1:].isalnum()
    found: dict[str, float] = defaultdict(float)
    start = model.prompt_ids(text, 1)
    shown = len(tokenizer.decode(start))

    alone = [tokenizer.decode([*start, piece])[shown:] for piece in range(tokenizer.vocab_size)]
    letter = [text[:1].isalnum() or text[:1] == "�" for text in alone]  # "�": its first byte

    def follow(ids: list[int], reached: float) -> None:
        written = tokenizer.decode([*start, *ids])[shown:]
        if "�" in written[:-1]:
            return
        share = shares(model, [*start, *ids])
        whole = written[-1:].isalnum()
        if whole:
            ends = sum(p for piece, p in enumerate(share) if not letter[piece])
            word = written.strip()
            found[f"-{word}" if inside and written[0].isalnum() else word] += reached * ends
        elif written.strip() and not written.endswith("�"):
            found[written.strip()] += reached
            return
        for piece, p in enumerate(share):
            if piece == tokenizer.end_id:
                if not ids:
                    found[END] += reached * p
            elif reached * p > least and (not whole or letter[piece]):
                follow([*ids, piece], reached * p)

    follow([], 1.0)
    return found


@pytest.mark.parametrize("text", ["Kungen", "Kungen och", "På biblioteket läser vi."])
def test_words_are_those_of_a_search_through_all(model: CausalLM, text: str) -> None:
    found = model.next_words(text, k=6)
    everything = naive(model, text, least=found.words[-1].probability / 5)
    best = sorted(everything.values(), reverse=True)[:6]
    assert [word.probability for word in found.words] == pytest.approx(best, rel=0.05)
    for word in found.words:  # spellings in fainter pieces are not followed to their end
        assert everything[word.word] == pytest.approx(word.probability, rel=0.05)


def test_probabilities_are_shares_of_one(model: CausalLM) -> None:
    found = model.next_words("Kungen", k=200)
    assert 0.1 < sum(word.probability for word in found.words) < 1.0
    assert found.table["probability"].is_monotonic_decreasing
    assert len({(word.word, word.kind) for word in found.words}) == len(found.words)


def test_word_is_what_is_appended(model: CausalLM) -> None:
    for word in model.next_words("Kungen", k=40).words:
        written = "Kungen" + word.append
        if word.kind == "ending":
            assert written == f"Kungen{word.word[1:]}"
        elif word.kind == "end":
            assert written == "Kungen"
        else:
            assert written.endswith(word.word)


def test_blank_at_the_end_makes_no_difference(model: CausalLM) -> None:
    assert model.next_words("Kungen ").words == model.next_words("Kungen").words


@pytest.mark.parametrize("k", [0, 1001, 2.5, "ten"])
def test_number_of_words_out_of_bounds_is_refused(model: CausalLM, k: object) -> None:
    with pytest.raises(ModelError) as refused:
        model.next_words("Kungen", k=k)
    assert str(refused.value) == f"k is {k!r}. From 1 to 1000 were expected.\n  k=10"


def test_text_that_is_too_long_is_refused(model: CausalLM) -> None:
    with pytest.raises(ModelError, match=r"This model reads at most 32 at once"):
        model.next_words("Kungen " * 40)


def test_pieces_of_a_letter_come_with_its_last(bpe: Tokenizer) -> None:
    ids = bpe.encode("Zoë Ž", special=False)  # letters that no piece of this tokenizer spells whole
    pieces = piece_texts([bpe.end_id], ids, bpe)
    assert "".join(pieces) == "Zoë Ž"
    assert "" in pieces
    words = ["".join(pieces[n] for n in group) for group in in_words(pieces)]
    assert words == ["Zoë", " Ž"]


def test_signs_stand_by_themselves() -> None:
    pieces = ["Kung", "en", ",", " (", "som", " Å", "r", "sta", ")", "."]
    groups = ["".join(pieces[n] for n in group) for group in in_words(pieces)]
    assert groups == ["Kungen", ",", " (", "som", " Årsta", ")", "."]
