from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tokenizers.pre_tokenizers import BertPreTokenizer
from transformers import AutoTokenizer

from kblib.errors import TokenError
from kblib.tokens.normalise import normalise
from kblib.tokens.subwords import Tokenizer

UNSEEN = "Kronprinsessan reste med tåg till Ystad, sade man: »Ånej!«"


def naive_wordpiece(text: str, tokenizer: Tokenizer) -> list[int]:
    """Greedy longest match first, word by word (Wu et al. 2016)."""
    vocabulary = tokenizer.engine.get_vocab()
    ids = []
    for word, _ in BertPreTokenizer().pre_tokenize_str(normalise(text)):
        pieces, rest, mark = [], word, ""
        while rest:
            match = next((n for n in range(len(rest), 0, -1) if mark + rest[:n] in vocabulary), 0)
            if not match:
                pieces = [tokenizer.unknown_id]
                break
            pieces.append(vocabulary[mark + rest[:match]])
            rest, mark = rest[match:], "##"
        ids += pieces
    return ids


def test_wordpiece_ids_equal_a_naive_longest_match(
    wordpiece: Tokenizer, documents: tuple[str, ...]
) -> None:
    for text in (*documents, UNSEEN):
        assert wordpiece.encode(text, special=False) == naive_wordpiece(text, wordpiece)


def test_wordpiece_frames_a_text(wordpiece: Tokenizer) -> None:
    ids = wordpiece.encode("Kungen [MASK] Stockholm.")
    assert wordpiece.token(ids[0]) == "[CLS]"
    assert wordpiece.token(ids[-1]) == "[SEP]"
    assert ids.count(wordpiece.mask_id) == 1


def test_bpe_ends_a_text(bpe: Tokenizer) -> None:
    ids = bpe.encode("Kungen")
    assert ids[-1] == bpe.end_id
    assert ids[:-1] == bpe.encode("Kungen", special=False)


def test_bpe_gives_back_any_text(bpe: Tokenizer) -> None:
    for text in (UNSEEN, "日本語 👩‍🚀", "a  b" * 3):
        assert bpe.decode(bpe.encode(text)) == normalise(text)


def test_wordpiece_gives_back_a_sentence(wordpiece: Tokenizer, documents: tuple[str, ...]) -> None:
    assert wordpiece.decode(wordpiece.encode(documents[0])) == documents[0]


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
def test_training_depends_on_the_texts_alone(kind: str, documents: tuple[str, ...]) -> None:
    program = (
        "import sys, json; from kblib.tokens.subwords import Tokenizer; "
        "print(Tokenizer.train(json.load(sys.stdin), kind=sys.argv[1], vocab_size=280).fingerprint)"
    )
    other = subprocess.run(
        [sys.executable, "-c", program, kind],
        input=json.dumps(documents),
        capture_output=True,
        text=True,
        check=True,
    )
    here = Tokenizer.train(documents, kind=kind, vocab_size=280)  # type: ignore[arg-type]
    assert other.stdout.strip() == here.fingerprint


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
def test_training_on_a_generator_equals_training_on_a_list(
    kind: str, documents: tuple[str, ...]
) -> None:
    listed = Tokenizer.train(list(documents), kind=kind, vocab_size=280)  # type: ignore[arg-type]
    streamed = Tokenizer.train(iter(documents), kind=kind, vocab_size=280)  # type: ignore[arg-type]
    assert streamed.fingerprint == listed.fingerprint


def test_training_takes_anything_with_texts(documents: tuple[str, ...]) -> None:
    class Shelf:
        def texts(self) -> Iterator[str]:
            return iter(documents)

    shelf = Tokenizer.train(Shelf(), vocab_size=280)
    assert shelf.fingerprint == Tokenizer.train(documents, vocab_size=280).fingerprint


def test_vocabulary_is_no_larger_than_asked(wordpiece: Tokenizer, bpe: Tokenizer) -> None:
    assert wordpiece.vocab_size <= 300
    assert bpe.vocab_size <= 300


def test_special_ids_hold_every_special_piece(wordpiece: Tokenizer, bpe: Tokenizer) -> None:
    assert [wordpiece.token(i) for i in wordpiece.special_ids] == [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]",
    ]  # fmt: skip
    assert (wordpiece.pad_id, wordpiece.unknown_id, wordpiece.mask_id) == (0, 1, 4)
    assert bpe.special_ids == (bpe.end_id,)


def test_letter_never_seen_is_unknown(wordpiece: Tokenizer) -> None:
    assert wordpiece.encode("日", special=False) == [wordpiece.unknown_id]


def test_batch_equals_one_by_one(wordpiece: Tokenizer, documents: tuple[str, ...]) -> None:
    assert wordpiece.encode_batch(documents) == [wordpiece.encode(text) for text in documents]


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
def test_saved_tokenizer_opens_with_equal_ids(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    tokenizer: Tokenizer = request.getfixturevalue(kind)
    opened = Tokenizer.open(tokenizer.save(tmp_path / "t"))
    assert opened.fingerprint == tokenizer.fingerprint
    assert opened.special_ids == tokenizer.special_ids
    assert opened.encode(UNSEEN) == tokenizer.encode(UNSEEN)


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
def test_saved_tokenizer_opens_in_transformers_with_equal_ids(
    kind: str, tmp_path: Path, documents: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    tokenizer: Tokenizer = request.getfixturevalue(kind)
    other = AutoTokenizer.from_pretrained(tokenizer.save(tmp_path / "t", seq_len=64))
    for text in (*documents, UNSEEN):
        assert other(text)["input_ids"] == tokenizer.encode(text)
    assert other.model_max_length == 64
    assert len(other) == tokenizer.vocab_size


def test_saved_wordpiece_keeps_its_roles_in_transformers(
    wordpiece: Tokenizer, tmp_path: Path
) -> None:
    other = AutoTokenizer.from_pretrained(wordpiece.save(tmp_path / "t"))
    assert other.mask_token_id == wordpiece.mask_id
    assert other.pad_token_id == wordpiece.pad_id
    assert set(other("Kungen")) == {"input_ids", "attention_mask"}


def test_folder_with_a_word_list_only_opens_through_transformers(
    wordpiece: Tokenizer, tmp_path: Path
) -> None:
    vocabulary = [wordpiece.token(i) for i in range(wordpiece.vocab_size)]
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": false}', encoding="utf-8")
    opened = Tokenizer.open(tmp_path)
    assert opened.encode("Kungen [MASK] Göteborg.") == wordpiece.encode("Kungen [MASK] Göteborg.")
    assert opened.mask_id == wordpiece.mask_id


def test_too_small_vocabulary_is_refused_with_what_is_needed() -> None:
    with pytest.raises(TokenError) as refused:
        Tokenizer.train(["abc ab"], vocab_size=10)
    # a, b, c; each also inside a word; five special pieces
    assert str(refused.value) == (
        "A vocabulary of 10 pieces is too small for these texts. "
        "Their 3 different characters and the 5 special pieces already need 11.\n"
        "  vocab_size=8192"
    )


def test_one_string_is_refused() -> None:
    with pytest.raises(TokenError, match="one string of 6 characters"):
        Tokenizer.train("Kungen")


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
@pytest.mark.parametrize("texts", [[], ["", "  \n"]])
def test_no_text_is_refused(kind: str, texts: list[str]) -> None:
    with pytest.raises(TokenError, match="no text to learn"):
        Tokenizer.train(texts, kind=kind)  # type: ignore[arg-type]


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(TokenError, match="No kind of tokenizer is called 'sentencepiece'"):
        Tokenizer.train(["a"], kind="sentencepiece")  # type: ignore[arg-type]


def test_role_that_is_not_filled_is_refused(bpe: Tokenizer) -> None:
    with pytest.raises(TokenError, match="This bpe tokenizer has no mask_token"):
        _ = bpe.mask_id


def test_id_outside_the_vocabulary_is_refused(wordpiece: Tokenizer) -> None:
    with pytest.raises(TokenError, match=f"ids 0 to {wordpiece.vocab_size - 1}"):
        wordpiece.token(wordpiece.vocab_size)


def test_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="There is no tokenizer in"):
        Tokenizer.open(tmp_path)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("damage", ["truncated", "missing config"])
def test_damaged_tokenizer_is_refused(
    name: str, damage: str, wordpiece: Tokenizer, tmp_path: Path
) -> None:
    folder = wordpiece.save(tmp_path / "t")
    if damage == "truncated":
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])
    else:
        shutil.move(folder / "tokenizer_config.json", tmp_path)
    with pytest.raises(TokenError, match="cannot be read"):
        Tokenizer.open(folder)
