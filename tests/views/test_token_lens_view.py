"""TokenLensView: pieces in borders, and pieces a word of a corpus."""

from __future__ import annotations

import pytest

from kblib.corpora import Corpus
from kblib.models.token_lens import token_lens
from kblib.ngrams.resampling import Band
from kblib.tokens.subwords import Tokenizer
from kbnotebooks.token_lens_view import TokenLensView
from tests.views.tiny_model import TEXTS, tiny_model, tiny_tokenizer

WORDS = "Hvarje drottning ☃"


@pytest.fixture
def view() -> TokenLensView:
    return TokenLensView(WORDS, tiny_tokenizer())


@pytest.fixture
def both() -> dict[str, Tokenizer]:
    return {"words": tiny_tokenizer(), "bytes": Tokenizer.train(TEXTS, kind="bpe", vocab_size=280)}


def test_each_piece_has_a_border_of_its_own(view, structure):
    spans = [one.get("class") for one in structure(view._answers.value).all("span")]
    assert spans.count("kb-piece") == view.table["n_pieces"].sum()
    assert spans.count("kb-cut") + spans.count("kb-cut kb-unknown") == 3


def test_word_that_cannot_be_spelt_is_marked_and_said(view):
    assert "kb-unknown" in view._answers.value
    assert view.table["known"].tolist()[-1] is False


def test_typing_cuts_other_words(view):
    view.selection = "Kungen"
    assert view.table["word"].tolist() == ["Kungen"]


def test_tokenizers_stand_beneath_each_other(both):
    view = TokenLensView(WORDS, both)
    assert view.table["tokenizer"].unique().tolist() == ["words", "bytes"]
    for name in both:
        assert f"{name}: {view.cuts.per_word(name):.2f} pieces a word" in view._answers.value


def test_tokenizer_of_a_model_is_taken():
    assert TokenLensView(WORDS, tiny_model()).table["tokenizer"].unique().tolist() == ["tiny"]


def test_empty_text_is_answered_in_a_sentence(view):
    view.selection = " "
    assert "The text is empty" in view._message.value
    assert view.table.empty


def test_failing_tokenizer_is_told_below_the_view(view, monkeypatch):
    monkeypatch.setattr("kblib.models.token_cuts.read_words", lambda *_: 1 / 0)
    view._button.click()
    assert "ZeroDivisionError" in view._message.value


def test_lens_of_a_corpus_is_drawn_with_its_numbers(both, structure):
    texts = list(TEXTS) * 20
    corpus = Corpus.from_texts(
        texts, year=[1930 + 10 * (n % 2) for n in range(60)], film=[f"SF{n}" for n in range(60)]
    )
    lens = token_lens(corpus, both, band=Band(resamples=200))
    view = TokenLensView(WORDS, both, lens=lens)
    (image,) = structure(view._answers.value).all("img")
    most = lens.table["pieces_per_word"].max()
    assert f"Most: {most:.2f}" in image["alt"]
    row = lens.table.iloc[0]
    assert f"{row.low:.2f}–{row.high:.2f}" in view._answers.value
    assert view.png().startswith(b"\x89PNG")


def test_lens_of_too_many_tokenizers_is_refused_in_a_sentence(both):
    corpus = Corpus.from_texts(["sol och regn"], year=1931)
    lens = token_lens(
        corpus, {str(n): tiny_tokenizer() for n in range(5)}, band=Band(resamples=200)
    )
    view = TokenLensView(WORDS, both, lens=lens)
    assert "This lens has 5 tokenizers." in view._message.value
