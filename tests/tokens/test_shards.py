from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from kblib.errors import IntegrityError
from kblib.tokens import shards
from kblib.tokens.shards import CHECKSUMS_FILE, ShardReader, ShardWriter, dtype_for

MIB = 1 << 20


def written(
    folder: Path, ids: npt.NDArray[Any], dtype: np.dtype[Any], piece: int = 100_003
) -> list[dict[str, Any]]:
    writer = ShardWriter(folder, dtype, shard_bytes=MIB)
    for start in range(0, len(ids), piece):
        writer.write(ids[start : start + piece])
    return writer.close()


@pytest.fixture
def ids() -> npt.NDArray[np.int64]:
    """A little more than two and a half shards of 1 MiB at two bytes an id."""
    return np.random.default_rng(1).integers(0, 60_000, 1_400_001)


@pytest.mark.parametrize(("vocab_size", "bytes_per"), [(8192, 2), (65_535, 2), (65_536, 4)])
def test_id_takes_two_bytes_below_65536_pieces(vocab_size: int, bytes_per: int) -> None:
    assert dtype_for(vocab_size).itemsize == bytes_per


@pytest.mark.parametrize("vocab_size", [60_000, 70_000])
def test_spans_equal_what_was_written(
    vocab_size: int, ids: npt.NDArray[np.int64], tmp_path: Path
) -> None:
    dtype = dtype_for(vocab_size)
    reader = ShardReader(tmp_path, written(tmp_path, ids, dtype), dtype)
    seam = MIB // dtype.itemsize
    assert len(list(tmp_path.glob("shard-*.bin"))) == -(-ids.size * dtype.itemsize // MIB)
    for start, stop in [(0, 5), (seam - 3, seam + 4), (seam, seam), (seam - 1, 2 * seam + 1)]:
        assert np.array_equal(reader.span(start, stop), ids[start:stop])
    assert np.array_equal(np.concatenate(list(reader.pieces())), ids)


def test_damaged_byte_is_found_and_named(ids: npt.NDArray[np.int64], tmp_path: Path) -> None:
    listed = written(tmp_path, ids, dtype_for(60_000))
    path = tmp_path / "shard-00001.bin"
    content = bytearray(path.read_bytes())
    content[700_000] ^= 0x10
    path.write_bytes(content)
    reader = ShardReader(tmp_path, listed, dtype_for(60_000))
    seam = MIB // 2
    assert np.array_equal(reader.span(0, seam), ids[:seam])  # the first shard is whole
    with pytest.raises(IntegrityError) as found:
        reader.span(seam + 3, seam + 5)
    assert f"{path} is damaged between bytes 0 and {MIB}." in str(found.value)


def test_block_is_checked_once(
    ids: npt.NDArray[np.int64], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = ShardReader(tmp_path, written(tmp_path, ids, dtype_for(60_000)), dtype_for(60_000))
    checked = []
    real = shards.zlib.crc32
    monkeypatch.setattr(shards.zlib, "crc32", lambda data: checked.append(1) or real(data))
    for start in range(0, 1000, 10):
        reader.span(start, start + 10)
    assert len(checked) == 1


def test_missing_checksums_are_noticed(ids: npt.NDArray[np.int64], tmp_path: Path) -> None:
    listed = written(tmp_path, ids, dtype_for(60_000))
    (tmp_path / CHECKSUMS_FILE).write_bytes(b"1234")
    with pytest.raises(IntegrityError, match=r"holds 1 checksums. The shards need 3."):
        ShardReader(tmp_path, listed, dtype_for(60_000)).span(0, 1)


def test_shard_that_vanished_is_noticed(ids: npt.NDArray[np.int64], tmp_path: Path) -> None:
    listed = written(tmp_path, ids, dtype_for(60_000))
    (tmp_path / "shard-00002.bin").unlink()
    with pytest.raises(IntegrityError, match=r"shard-00002.bin cannot be read"):
        ShardReader(tmp_path, listed, dtype_for(60_000)).span(ids.size - 1, ids.size)
