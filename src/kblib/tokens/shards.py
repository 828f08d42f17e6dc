"""Token ids on disk: flat shards, and a checksum for each MiB of them.

``shard-00000.bin`` and so on hold little-endian unsigned integers and nothing else.
``checksums.bin`` holds one CRC-32 (four bytes, little-endian) for each MiB of each shard, in order,
so that a part can be checked without reading the whole, and a folder of any size opens at once.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kblib.errors import IntegrityError

CHECKED_BYTES = 1 << 20
SHARD_BYTES = 256 << 20
CHECKSUMS_FILE = "checksums.bin"
SMALL_VOCABULARY = 1 << 16  # below this, an id fits two bytes


def dtype_for(vocab_size: int) -> np.dtype[Any]:
    """Return the integer type for a vocabulary: two bytes below 65,536 pieces, else four."""
    return np.dtype("<u2" if vocab_size < SMALL_VOCABULARY else "<u4")


class ShardWriter:
    """Write ids to shards, a piece at a time.

    Parameters
    ----------
    folder
        Where the shards go; it must exist.
    dtype
        Integer type of the ids.
    shard_bytes
        Size at which a new shard begins; a multiple of 1 MiB.
    """

    def __init__(
        self, folder: Path, dtype: np.dtype[Any], *, shard_bytes: int = SHARD_BYTES
    ) -> None:
        self.folder = folder
        self.dtype = dtype
        self.shard_bytes = shard_bytes
        self.shards: list[dict[str, Any]] = []
        self.n_tokens = 0
        self._checksums: list[int] = []
        self._waiting = bytearray()

    def write(self, ids: npt.ArrayLike) -> None:
        """Append ids."""
        array = np.asarray(ids).astype(self.dtype, copy=False)
        self.n_tokens += array.size
        self._waiting += array.tobytes()
        whole = len(self._waiting) // CHECKED_BYTES * CHECKED_BYTES
        if whole:
            self._flush(whole)

    def close(self) -> list[dict[str, Any]]:
        """Write what is left and the checksums; return the list of shards for the manifest."""
        self._flush(len(self._waiting))
        (self.folder / CHECKSUMS_FILE).write_bytes(np.array(self._checksums, dtype="<u4").tobytes())
        for shard in self.shards:
            shard["tokens"] = shard.pop("bytes") // self.dtype.itemsize
        return self.shards

    def _flush(self, size: int) -> None:
        for start in range(0, size, CHECKED_BYTES):
            piece = bytes(self._waiting[start : min(start + CHECKED_BYTES, size)])
            if not self.shards or self.shards[-1]["bytes"] >= self.shard_bytes:
                self.shards.append({"name": f"shard-{len(self.shards):05d}.bin", "bytes": 0})
            with open(self.folder / self.shards[-1]["name"], "ab") as file:
                file.write(piece)
            self.shards[-1]["bytes"] += len(piece)
            self._checksums.append(zlib.crc32(piece))
        del self._waiting[:size]


class ShardReader:
    """Read spans of the concatenated shards; each MiB is checked when it is first touched.

    Parameters
    ----------
    folder
        Where the shards are.
    shards
        The manifest's list: name and tokens of each.
    dtype
        Integer type of the ids.
    """

    def __init__(
        self, folder: Path, shards: Sequence[dict[str, Any]], dtype: np.dtype[Any]
    ) -> None:
        self.folder = folder
        self.dtype = dtype
        self.names = [str(shard["name"]) for shard in shards]
        self.starts = [0, *accumulate(int(shard["tokens"]) for shard in shards)]
        self._maps: list[npt.NDArray[Any] | None] = [None] * len(shards)
        pieces = [_n_checked(int(shard["tokens"]) * dtype.itemsize) for shard in shards]
        self._first_check = np.cumsum([0, *pieces])
        self._checked = np.zeros(int(self._first_check[-1]), dtype=bool)
        self._checksums: npt.NDArray[Any] | None = None

    @property
    def n_tokens(self) -> int:
        """Ids in all shards."""
        return self.starts[-1]

    def span(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return ids `start` to `stop` of the stream; a view of the file if they lie in one shard.

        Raises
        ------
        IntegrityError
            Naming shard and offset, if the bytes are not those that were written.
        """
        first = bisect_right(self.starts, start) - 1
        parts = []
        while start < stop:
            end = min(stop, self.starts[first + 1])
            offset = self.starts[first]
            parts.append(self._within(first, start - offset, end - offset))
            start, first = end, first + 1
        return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, self.dtype), *parts])

    def pieces(self) -> Iterable[npt.NDArray[Any]]:
        """Iterate over all ids in pieces of at most 1 MiB."""
        step = CHECKED_BYTES // self.dtype.itemsize
        for start in range(0, self.n_tokens, step):
            yield self.span(start, min(start + step, self.n_tokens))

    def _within(self, shard: int, start: int, stop: int) -> npt.NDArray[Any]:
        ids = self._maps[shard]
        if ids is None:
            path = self.folder / self.names[shard]
            try:
                ids = np.asarray(np.memmap(path, dtype=self.dtype, mode="r"))
            except (OSError, ValueError) as error:
                raise IntegrityError(f"{path} cannot be read: {error}.") from None
            self._maps[shard] = ids
        size = self.dtype.itemsize
        for piece in range(start * size // CHECKED_BYTES, _n_checked(stop * size)):
            if not self._checked[self._first_check[shard] + piece]:
                self._check(shard, piece, ids)
        return ids[start:stop]

    def _check(self, shard: int, piece: int, ids: npt.NDArray[Any]) -> None:
        if self._checksums is None:
            self._checksums = self._read_checksums()
        step = CHECKED_BYTES // self.dtype.itemsize
        place = int(self._first_check[shard]) + piece
        found = zlib.crc32(ids[piece * step : (piece + 1) * step].tobytes())
        if found != int(self._checksums[place]):
            start = piece * CHECKED_BYTES
            raise IntegrityError(
                f"{self.folder / self.names[shard]} is damaged between bytes {start} and "
                f"{min(start + CHECKED_BYTES, ids.size * self.dtype.itemsize)}.",
                f"Their CRC-32 is {found:08x}, not {int(self._checksums[place]):08x} as written.",
                "Pack the corpus again, or copy the folder again from where it was made.",
            )
        self._checked[place] = True

    def _read_checksums(self) -> npt.NDArray[Any]:
        path = self.folder / CHECKSUMS_FILE
        try:
            checksums: npt.NDArray[Any] = np.memmap(path, dtype="<u4", mode="r")
        except (OSError, ValueError) as error:
            raise IntegrityError(f"{path} cannot be read: {error}.") from None
        if checksums.size != self._checked.size:
            raise IntegrityError(
                f"{path} holds {checksums.size} checksums.",
                f"The shards need {self._checked.size}.",
            )
        return checksums


def _n_checked(size: int) -> int:
    """Return how many pieces of 1 MiB cover so many bytes."""
    return -(-size // CHECKED_BYTES)
