"""Whole words and whole sentences, against one slow reading a candidate."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kblib.errors import ModelError
from kblib.models.causal import CausalLM
from kblib.models.causal_candidates import CausalCandidates
from kblib.models.next_words import PieceTable
from kblib.models.reading import begin_id
from kblib.tokens.subwords import Tokenizer

BEFORE, AFTER = "Kungen besökte ", " i dag."
WORDS = ("Stockholm", "Kiruna", "Göteborg", "järnvägen", "biblioteket", "i", "Malmös")


@pytest.fixture
def model(causal_model, bpe) -> CausalLM:
    return CausalLM(causal_model, bpe, name="small")


def logs_after(model: CausalLM, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        return model.model(torch.tensor([ids])).logits[0].double().log_softmax(-1)


def text_log(model: CausalLM, text: str, *, end: bool) -> float:
    """Return log P of a text as the model's tokenizer cuts it, read on its own."""
    end_id = model.tokenizer.end_id
    ids = [end_id, *model.tokenizer.encode(text, special=False), *[end_id] * end]
    logs = logs_after(model, ids)
    return sum(float(logs[t, piece]) for t, piece in enumerate(ids[1:]))


def word_end_log(model: CausalLM, text: str) -> float:
    """Return log P that a text's last word ends there, piece by piece."""
    tokenizer = model.tokenizer
    ids = [tokenizer.end_id, *tokenizer.encode(text, special=False)]
    share = logs_after(model, ids)[-1].exp()
    begun = tokenizer.encode("a", special=False)
    added = [tokenizer.decode([*begun, p], special=True)[1:2] for p in range(len(share))]
    # The first bytes of a letter, which are no sign as yet, go on with the word as well.
    ends = [p for p, sign in enumerate(added) if not sign.isalnum() and sign != "\ufffd"]
    return float(share[ends].sum().log())


def slow(model: CausalLM, word: str, before: str, after: str, sides: str) -> float:
    whole = f"{before}{word}"
    left = text_log(model, before.rstrip(), end=False)
    if sides == "both":
        return text_log(model, whole + after, end=True) - left
    return text_log(model, whole, end=False) - left + word_end_log(model, whole)


@pytest.mark.parametrize("sides", ["left", "both"])
@pytest.mark.parametrize(
    ("before", "after"), [(BEFORE, AFTER), ("", " besökte Malmö."), ("I går (", ")."), (BEFORE, "")]
)
def test_scores_are_those_of_a_slow_loop(
    model: CausalLM, before: str, after: str, sides: str
) -> None:
    found = CausalCandidates(model, WORDS).scores(before, after, sides=sides)
    wanted = [slow(model, word, before, after, sides) for word in WORDS]
    assert found == pytest.approx(wanted, abs=2e-3)


def test_a_word_is_not_credited_with_its_longer_relatives(model: CausalLM) -> None:
    """All words that begin alike, and the rest of what may follow, are no more than the piece."""
    first = CausalCandidates(model, ("i",)).scores(BEFORE, "", sides="left")
    pieces = text_log(model, BEFORE + "i", end=False) - text_log(model, "Kungen besökte", end=False)
    assert first[0] < pieces


def test_examined_words_are_exact_and_the_others_moved_alike(model: CausalLM) -> None:
    exact = CausalCandidates(model, WORDS).scores(BEFORE, AFTER, sides="both")
    some = CausalCandidates(model, WORDS, examined=3)
    found = some.scores(BEFORE, AFTER, sides="both")
    equal = np.isclose(found, exact, atol=1e-4)
    assert equal.sum() >= 3
    screened = CausalCandidates(model, WORDS, examined=1).scores(BEFORE, AFTER, sides="both")
    others = np.argsort(-found)[3:]
    # Two numbers of examined words move the rest by one shift each.
    gaps = (found - screened)[others]
    assert np.ptp(gaps[~equal[others]]) == pytest.approx(0.0, abs=1e-4)


def test_many_words_are_read_in_several_batches(
    model: CausalLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = CausalCandidates(model, WORDS).scores(BEFORE, AFTER, sides="both")
    monkeypatch.setattr("kblib.models.remembered._TOKENS", 1)
    one_by_one = CausalCandidates(model, WORDS).scores(BEFORE, AFTER, sides="both")
    assert np.allclose(whole, one_by_one, atol=1e-3)


def test_sentence_longer_than_the_model_reads_is_refused(model: CausalLM) -> None:
    with pytest.raises(ModelError, match="'small' reads at most 32 at once"):
        CausalCandidates(model, WORDS).scores("Kungen och " * 20, ".", sides="left")


@pytest.mark.parametrize("sides", ["left", "both"])
def test_words_besides_the_list_count_like_those_in_it(model: CausalLM, sides: str) -> None:
    whole = CausalCandidates(model, WORDS, examined=4).scores(BEFORE, AFTER, sides=sides)
    listed = CausalCandidates(model, WORDS[:5], examined=4)
    found = listed.scores(BEFORE, AFTER, sides=sides, also=WORDS[5:])
    assert found == pytest.approx(whole, abs=1e-4)


def test_begin_mark_and_a_head_that_is_rounded_up(model: CausalLM) -> None:
    """As hub models have them: a begin mark of their own, and rows of the head without a piece."""
    wanted = CausalCandidates(model, WORDS, examined=3).scores(BEFORE, AFTER, sides="both")
    model.model.resize_token_embeddings(model.tokenizer.vocab_size + 5)
    with torch.no_grad():
        model.model.get_output_embeddings().weight[model.tokenizer.vocab_size :] = 9.0
    wide = CausalCandidates(model, WORDS, examined=3).scores(BEFORE, AFTER, sides="both")
    assert np.allclose(wide, wanted, atol=1e-3)
    marked = Tokenizer(model.tokenizer.engine, {**model.tokenizer.roles, "bos_token": "K"})
    other = CausalLM(model.model, marked, name="marked")
    exact = CausalCandidates(other, ("i",)).scores(BEFORE, "", sides="left")
    ids = [begin_id(marked), *marked.encode(BEFORE.rstrip(), special=False)]
    whole = [*ids, *marked.encode(f"{BEFORE}i", special=False)[len(ids) - 1 :]]
    size = marked.vocab_size
    with torch.inference_mode():
        logs = model.model(torch.tensor([whole])).logits[0, :, :size].double().log_softmax(-1)
    piece = float(sum(logs[t, whole[t + 1]] for t in range(len(ids) - 1, len(whole) - 1)))
    ends = torch.tensor(~PieceTable.of(marked).goes_on)
    assert exact[0] == pytest.approx(piece + float(logs[-1][ends].logsumexp(0)), abs=2e-3)
