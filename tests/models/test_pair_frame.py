"""Two texts read together: the frame that transformers' own tokenizer puts around them."""

from __future__ import annotations

from pathlib import Path

import pytest
import tokenizers
from transformers import AutoTokenizer

from kblib.errors import ModelError
from kblib.models.pair_frame import PairFrame
from kblib.tokens.subwords import Tokenizer


def test_frame_is_that_of_transformers(wordpiece: Tokenizer, tmp_path: Path) -> None:
    frame = PairFrame.of(wordpiece)
    one, other = "Kungen besökte Stockholm.", "Tåget går."
    first, second = (wordpiece.encode(text, special=False) for text in (one, other))
    whole = AutoTokenizer.from_pretrained(wordpiece.save(tmp_path))(one, other)
    assert frame.first(first) + frame.second(second) == whole["input_ids"]
    assert len(frame) == 3
    assert frame.types == (0, 1)


def test_frame_of_two_marks_between_is_found(wordpiece: Tokenizer) -> None:
    engine = tokenizers.Tokenizer.from_str(wordpiece.engine.to_str())
    ids = {name: engine.token_to_id(name) for name in ("[CLS]", "[SEP]")}
    engine.post_processor = tokenizers.processors.RobertaProcessing(
        ("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"])
    )
    frame = PairFrame.of(Tokenizer(engine, wordpiece.roles))
    end = ids["[SEP]"]
    assert (frame.before, frame.between, frame.after) == ((ids["[CLS]"],), (end, end), (end,))
    assert frame.types == (0, 0)


def test_tokenizer_that_tells_no_two_texts_apart_is_refused(bpe: Tokenizer) -> None:
    assert len(PairFrame.of(bpe)) == 2  # an end mark after each
    engine = tokenizers.Tokenizer.from_str(bpe.engine.to_str())
    engine.post_processor = tokenizers.processors.Sequence([])
    with pytest.raises(ModelError, match="puts nothing between two texts"):
        PairFrame.of(Tokenizer(engine, bpe.roles))
