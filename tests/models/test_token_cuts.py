from __future__ import annotations

from pathlib import Path

import pytest
from transformers import PreTrainedModel

from kblib.corpora import Corpus
from kblib.errors import ModelError
from kblib.models.masked import MaskedLM
from kblib.models.token_cuts import named_tokenizers, token_cuts
from kblib.tokens.subwords import Tokenizer

TEXT = "Hvarje jernvägsstation, år 1890."


def test_pieces_are_those_of_the_tokenizers(wordpiece: Tokenizer, bpe: Tokenizer) -> None:
    found = token_cuts(TEXT, {"pieces": wordpiece, "bytes": bpe})
    for name, tokenizer in (("pieces", wordpiece), ("bytes", bpe)):
        rows = found.table[found.table["tokenizer"] == name]
        assert rows["n_pieces"].sum() == len(tokenizer.encode(TEXT, special=False))
        words = rows[rows["kind"] == "word"]
        assert words["word"].tolist() == ["Hvarje", "jernvägsstation", "år", "1890"]
        assert found.per_word(name) == pytest.approx(words["n_pieces"].mean())


def test_provenance_tells_tokenizers_apart(wordpiece: Tokenizer, bpe: Tokenizer) -> None:
    found = token_cuts("sol", [wordpiece, bpe])
    assert found.provenance == {"wordpiece": wordpiece.fingerprint, "bpe": bpe.fingerprint}


def test_text_of_marks_has_no_mean(wordpiece: Tokenizer) -> None:
    assert token_cuts("...", wordpiece).per_word("wordpiece") != 0
    assert str(token_cuts("...", wordpiece)).startswith("wordpiece (nan")


def test_tokenizer_is_found_by_name_and_in_models(
    masked_folder: Path, masked_model: PreTrainedModel, wordpiece: Tokenizer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("KBNOTEBOOKS_MODELS", str(masked_folder.parent))
    opened = MaskedLM(masked_model, wordpiece, name="opened")
    found = named_tokenizers(["small", masked_folder, opened])
    assert list(found) == ["small", "small (2)", "opened"]
    assert {one.fingerprint for one in found.values()} == {wordpiece.fingerprint}


@pytest.mark.parametrize("nothing", [[], {}])
def test_no_tokenizer_is_refused(nothing: object) -> None:
    with pytest.raises(ModelError, match="No tokenizer was given"):
        token_cuts("sol", nothing)


def test_thing_without_a_tokenizer_is_refused() -> None:
    with pytest.raises(ModelError, match="3 has no tokenizer"):
        token_cuts("sol", [3])


def test_empty_text_is_refused(wordpiece: Tokenizer) -> None:
    with pytest.raises(ModelError, match="The text is empty"):
        token_cuts("  ", wordpiece)


def test_corpus_in_the_place_of_a_tokenizer_does_not_fill_the_screen() -> None:
    corpus = Corpus.from_texts(["sol och regn"] * 9, name="weather")
    with pytest.raises(ModelError) as refused:
        token_cuts("sol", corpus)
    assert refused.value.happened == f"{repr(corpus).splitlines()[0]} has no tokenizer."


def test_what_is_no_text_is_refused(wordpiece: Tokenizer) -> None:
    with pytest.raises(ModelError, match=r"The text is None\."):
        token_cuts(None, wordpiece)  # type: ignore[arg-type]
