from __future__ import annotations

import json
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kblib.errors import IntegrityError, TokenError
from kblib.files import MANIFEST, write_json
from kblib.tokens import pack
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer

MIB = 1 << 20


@pytest.fixture
def packed(wordpiece: Tokenizer, documents: tuple[str, ...], tmp_path: Path) -> TokenBlocks:
    return TokenBlocks.pack(documents, wordpiece, tmp_path / "packed")


@pytest.fixture
def stream(wordpiece: Tokenizer, documents: tuple[str, ...]) -> list[int]:
    return [i for text in documents for i in wordpiece.encode(text)]


def test_blocks_cut_the_stream_of_documents(packed: TokenBlocks, stream: list[int]) -> None:
    naive = [stream[i * 7 : (i + 1) * 7] for i in range(len(stream) // 7)]
    assert packed.n_tokens == len(stream)
    assert packed.n_blocks(7) == len(naive)
    blocks_BT = packed.blocks(range(len(naive)), 7)
    assert blocks_BT.dtype == np.int64
    assert blocks_BT.tolist() == naive


def test_blocks_come_in_the_order_asked(packed: TokenBlocks) -> None:
    assert packed.blocks([3, 0, 3], 5).tolist() == [
        packed.blocks([i], 5)[0].tolist() for i in (3, 0, 3)
    ]


def test_counts_equal_a_naive_count(packed: TokenBlocks, stream: list[int]) -> None:
    naive = Counter(stream)
    assert packed.counts().tolist() == [naive[i] for i in range(packed.vocab_size)]


def test_counts_refuse_an_id_beyond_the_vocabulary(packed: TokenBlocks, stream: list[int]) -> None:
    with pytest.raises(TokenError, match=f"The token id {max(stream)} occurs"):
        packed.counts(max(stream))


def test_manifest_says_what_was_packed(
    packed: TokenBlocks, wordpiece: Tokenizer, documents: tuple[str, ...]
) -> None:
    assert packed.n_documents == len(documents)
    assert packed.tokenizer_fingerprint == wordpiece.fingerprint
    assert packed.vocab_size == wordpiece.vocab_size
    assert packed.manifest["dtype"] == "<u2"


def test_pack_takes_a_corpus_and_keeps_its_fingerprint(
    wordpiece: Tokenizer, documents: tuple[str, ...], tmp_path: Path, stream: list[int]
) -> None:
    class Shelf:
        fingerprint = "c0ffee"

        def texts(self) -> Iterator[str]:
            return iter(documents)

        def __len__(self) -> int:
            return len(documents)

    told: list[tuple[int, int | None]] = []
    blocks = TokenBlocks.pack(
        Shelf(), wordpiece, tmp_path / "p", progress=lambda done, total: told.append((done, total))
    )
    assert blocks.corpus_fingerprint == "c0ffee"
    assert blocks.n_tokens == len(stream)
    assert told == [(12, 12)]


def test_pack_holds_one_batch_at_a_time(
    wordpiece: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack, "_BATCH", 10)
    given, told = [], []

    def texts() -> Iterator[str]:
        for number in range(35):
            given.append(number)
            yield "Kungen besökte Stockholm."

    TokenBlocks.pack(
        texts(),
        wordpiece,
        tmp_path / "p",
        progress=lambda done, total: told.append((done, len(given))),
    )
    assert told == [(10, 10), (20, 20), (30, 30), (35, 35)]


def test_packing_twice_gives_equal_bytes(
    wordpiece: Tokenizer, documents: tuple[str, ...], tmp_path: Path
) -> None:
    one, two = (TokenBlocks.pack(documents, wordpiece, tmp_path / name) for name in "ab")
    assert one.manifest["files"] == two.manifest["files"]


def test_empty_corpus_is_refused_and_leaves_nothing(wordpiece: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="The corpus has no documents"):
        TokenBlocks.pack([], wordpiece, tmp_path / "p")
    assert list(tmp_path.iterdir()) == []


def test_corpus_that_breaks_off_leaves_nothing(wordpiece: Tokenizer, tmp_path: Path) -> None:
    def texts() -> Iterator[str]:
        yield "Kungen"
        raise OSError("the disk went away")

    with pytest.raises(OSError, match="went away"):
        TokenBlocks.pack(texts(), wordpiece, tmp_path / "p")
    assert list(tmp_path.iterdir()) == []


def test_id_beyond_the_vocabulary_is_refused(
    wordpiece: Tokenizer, documents: tuple[str, ...], tmp_path: Path
) -> None:
    broken = Tokenizer(wordpiece.engine, wordpiece.roles)
    broken.__dict__["vocab_size"] = 20  # as if its vocabulary file had been cut
    with pytest.raises(TokenError, match="A vocabulary of 20 pieces has ids 0 to 19"):
        TokenBlocks.pack(documents, broken, tmp_path / "p")


def test_one_string_is_refused(wordpiece: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="one string"):
        TokenBlocks.pack("Kungen", wordpiece, tmp_path / "p")


def test_folder_that_is_there_is_kept(packed: TokenBlocks, wordpiece: Tokenizer) -> None:
    with pytest.raises(FileExistsError):
        TokenBlocks.pack(["annat"], wordpiece, packed.folder)
    assert TokenBlocks.open(packed.folder).n_tokens == packed.n_tokens


@pytest.mark.parametrize("index", [-1, 10_000])
def test_block_that_is_not_there_is_refused(index: int, packed: TokenBlocks) -> None:
    with pytest.raises(TokenError, match=f"Block {index} of 8 tokens was asked for"):
        packed.blocks([index], 8)


def test_block_of_no_length_is_refused(packed: TokenBlocks) -> None:
    with pytest.raises(TokenError, match="A block of 0 tokens"):
        packed.n_blocks(0)


def test_open_refuses_a_folder_without_tokens(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="There are no packed tokens in"):
        TokenBlocks.open(tmp_path)


def test_open_refuses_another_kind_of_folder(tmp_path: Path) -> None:
    write_json(tmp_path / MANIFEST, {"kind": "model", "files": {}})
    with pytest.raises(TokenError, match="holds 'model', not packed tokens"):
        TokenBlocks.open(tmp_path)


def test_open_notices_a_truncated_shard(packed: TokenBlocks) -> None:
    shard = packed.folder / "shard-00000.bin"
    shard.write_bytes(shard.read_bytes()[:-2])
    with pytest.raises(IntegrityError, match=r"shard-00000.bin has \d+ bytes"):
        TokenBlocks.open(packed.folder)


def test_damaged_byte_is_noticed_when_read_and_by_check(packed: TokenBlocks) -> None:
    shard = packed.folder / "shard-00000.bin"
    content = bytearray(shard.read_bytes())
    content[10] ^= 1
    shard.write_bytes(content)
    opened = TokenBlocks.open(packed.folder)
    with pytest.raises(IntegrityError, match=r"shard-00000.bin is damaged between bytes 0 and"):
        opened.blocks([0], 4)
    with pytest.raises(IntegrityError, match="has been changed or damaged"):
        opened.check()


def test_huge_folder_opens_at_once(tmp_path: Path) -> None:
    shards, size = 16, 1 << 30  # sparse: 16 GiB that take no room
    files = {}
    for number in range(shards):
        with open(tmp_path / f"shard-{number:05d}.bin", "wb") as file:
            file.truncate(size)
        files[f"shard-{number:05d}.bin"] = {"bytes": size, "sha256": ""}
    checksum = np.array(zlib.crc32(bytes(MIB)), dtype="<u4")
    checksums = np.full(shards * size // MIB, checksum, dtype="<u4").tobytes()
    (tmp_path / "checksums.bin").write_bytes(checksums)
    files["checksums.bin"] = {"bytes": len(checksums), "sha256": ""}
    listed = [{"name": name, "tokens": size // 2} for name in sorted(files) if "shard" in name]
    about = {"kind": "tokens", "dtype": "<u2", "vocab_size": 8, "n_tokens": 0, "n_documents": 1}
    (tmp_path / MANIFEST).write_text(json.dumps({**about, "shards": listed, "files": files}))
    start = time.perf_counter()
    blocks = TokenBlocks.open(tmp_path)
    last = blocks.blocks([blocks.n_blocks(512) - 1], 512)
    assert time.perf_counter() - start < 0.25
    assert blocks.n_tokens == shards * size // 2
    assert not last.any()
