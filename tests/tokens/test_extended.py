"""New pieces for a vocabulary: learnt where it ended, and of no matter where they do not occur."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import tokenizers

from kblib.errors import TokenError
from kblib.tokens.extended import extended, extensions
from kblib.tokens.subwords import Tokenizer

OLD = ["sol och regn över land och hav", "solen går ned"] * 5
NEW = ["järnväg järnvägen järnvägar", "järnväg till flygplatsen", "flygplats, flygplan."] * 4
KINDS: list[Any] = ["bpe", "wordpiece"]


@pytest.fixture(scope="module", params=KINDS)
def old(request: pytest.FixtureRequest) -> Tokenizer:
    size = {"bpe": 280, "wordpiece": 90}[request.param]
    return Tokenizer.train(
        [*OLD, "".join("abcdefghijklmnopqrstuvwxyzåäö,.")], kind=request.param, vocab_size=size
    )


def naive_pairs(tokenizer: Tokenizer, texts: list[str]) -> Counter[tuple[str, str]]:
    """Count neighbours within words, in ten lines: what the first new piece is made of."""
    space = " " if tokenizer.kind == "bpe" else ""
    found: Counter[tuple[str, str]] = Counter()
    for text in texts:
        for word in text.split():
            encoding = tokenizer.engine.encode(space + word, add_special_tokens=False)
            groups, pieces = encoding.word_ids, encoding.tokens
            for at in range(len(pieces) - 1):
                if groups[at] == groups[at + 1]:
                    found[pieces[at], pieces[at + 1]] += 1
    return found


def test_most_frequent_neighbours_become_a_piece(old: Tokenizer) -> None:
    counted = naive_pairs(old, NEW)
    (piece,) = extended(old, NEW, 1).pieces
    assert piece.count == max(counted.values())
    pair = tuple(old.token(part) for part in piece.parts)
    assert counted[pair] == piece.count  # type: ignore[index]
    assert piece.piece == pair[0] + pair[1].removeprefix("##")


def test_new_texts_are_shorter_and_read_the_same(old: Tokenizer) -> None:
    new = extended(old, NEW, 40).tokenizer
    before, after = (sum(len(ids) for ids in one.encode_batch(NEW)) for one in (old, new))
    assert after < 0.7 * before
    assert [new.decode(new.encode(text)) for text in NEW] == [
        old.decode(old.encode(text)) for text in NEW
    ]


def test_texts_without_new_pieces_are_cut_as_ever(old: Tokenizer) -> None:
    found = extended(old, NEW, 40)
    added = {piece.id for piece in found.pieces}
    texts = [*OLD, "regn över hav", "landet"]
    cut = found.tokenizer.encode_batch(texts)
    without = [n for n, ids in enumerate(cut) if not added & set(ids)]
    assert len(without) >= len(OLD)
    assert [cut[n] for n in without] == [old.encode(texts[n]) for n in without]


def test_old_pieces_keep_their_ids_and_new_ones_follow(old: Tokenizer) -> None:
    found = extended(old, NEW, 20)
    vocabulary = found.tokenizer.engine.get_vocab()
    assert {piece: vocabulary[piece] for piece in old.engine.get_vocab()} == old.engine.get_vocab()
    assert [piece.id for piece in found.pieces] == list(
        range(old.vocab_size, found.tokenizer.vocab_size)
    )
    assert found.tokenizer.special_ids == old.special_ids
    spelt = {piece.id: piece for piece in found.pieces}
    for piece in found.pieces:
        assert all(part < old.vocab_size for part in piece.parts)
        whole = "".join(old.token(part).removeprefix("##") for part in piece.parts)
        assert piece.piece.removeprefix("##") == whole
    assert len(spelt) == len(found.pieces)


def test_same_texts_give_the_same_pieces(old: Tokenizer) -> None:
    one, other = (extended(old, texts, 20) for texts in (NEW, list(reversed(NEW))))
    assert one.tokenizer.fingerprint == other.tokenizer.fingerprint
    again = Tokenizer(tokenizers.Tokenizer.from_str(one.tokenizer.engine.to_str()), old.roles)
    assert again.encode(NEW[0]) == one.tokenizer.encode(NEW[0])


def test_punctuation_is_not_joined_to_words(old: Tokenizer) -> None:
    pieces = [piece.piece for piece in extended(old, NEW, 60).pieces]
    assert not any("," in piece or "." in piece for piece in pieces)


def test_few_texts_yield_fewer(old: Tokenizer) -> None:
    assert 0 < len(extended(old, ["järnväg"] * 2, 1000).pieces) < 10


def test_several_sizes_at_once_are_those_one_by_one(old: Tokenizer) -> None:
    found = extensions(old, NEW, [7, 20, 1])
    assert list(found) == [7, 20, 1]
    for n, one in found.items():
        alone = extended(old, NEW, n)
        assert one.pieces == alone.pieces
        assert one.tokenizer.fingerprint == alone.tokenizer.fingerprint


def test_nothing_to_add_is_said(old: Tokenizer) -> None:
    with pytest.raises(TokenError, match="are neighbours twice in these texts"):
        extended(old, ["a b c"], 5)


@pytest.mark.parametrize("number", [0, -1, 2.5, True])
def test_impossible_numbers_are_refused(old: Tokenizer, number: Any) -> None:
    with pytest.raises(TokenError, match="new pieces were asked for"):
        extended(old, NEW, number)


def test_other_kinds_are_refused() -> None:
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"sol": 0}, unk_token="sol"))
    with pytest.raises(TokenError, match="of the kind 'wordlevel'"):
        extended(Tokenizer(words, {}), NEW, 5)
