"""Numbers of a run as TensorBoard reads them, written without TensorBoard.

An event file is a row of records; a record is a length, its checksum, a message and its checksum.
The message is a protocol buffer of which a number by name and step needs five fields:
``Event(wall_time=1, step=2, summary=5)``, ``Summary(value=1)``, ``Value(tag=1, simple_value=2)``
(tensorflow: core/util/event.proto, core/framework/summary.proto, core/lib/io/record_writer.h).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kblib.files import write_atomic

FILE = "events.out.tfevents.0.kbnotebooks"
"""One file a run, written as a whole each time: the name says that TensorBoard may read it."""
_POLYNOMIAL = 0x82F63B78  # CRC-32C, bits reversed (RFC 3720, appendix B.4)
_MASK_DELTA = 0xA282EAD8  # of the record format
_NO_SCALARS = ("step", "time", "attempt")


def write_events(records: Iterable[Mapping[str, Any]], folder: Path) -> Path:
    """Write the numbers of a run's journal into a folder; return the file.

    Parameters
    ----------
    records
        Lines of the journal; those with a step are written, each number under its own name.
    folder
        Where TensorBoard shall look: ``tensorboard --logdir FOLDER``.
    """
    messages = [_message(_double(1, 0.0) + _bytes(3, b"brain.Event:2"))]
    for record in records:
        if "step" in record and "event" not in record:
            at = float(record.get("time", 0.0))
            messages += [
                _message(_event(at, int(record["step"]), name, value))
                for name, value in scalars(record)
            ]
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / FILE, b"".join(messages))
    return folder / FILE


def scalars(record: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the numbers of a line of the journal, by name."""
    for name, value in record.items():
        if name not in _NO_SCALARS and isinstance(value, int | float):
            yield name, float(value)


def crc32c(data: bytes) -> int:
    """Return the CRC-32C (Castagnoli) of bytes.

    Examples
    --------
    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _table() -> list[int]:
    found = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
        found.append(byte)
    return found


_TABLE = _table()


def _message(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + _checksum(length) + data + _checksum(data)


def _checksum(data: bytes) -> bytes:
    crc = crc32c(data)
    rotated = (crc >> 15 | crc << 17) & 0xFFFFFFFF
    return struct.pack("<I", (rotated + _MASK_DELTA) & 0xFFFFFFFF)


def _event(at: float, step: int, name: str, value: float) -> bytes:
    number = _bytes(1, name.encode()) + _key(2, 5) + struct.pack("<f", value)
    return _double(1, at) + _key(2, 0) + _whole(step) + _bytes(5, _bytes(1, number))


def _key(field: int, kind: int) -> bytes:
    return _whole(field << 3 | kind)


def _double(field: int, value: float) -> bytes:
    return _key(field, 1) + struct.pack("<d", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _key(field, 2) + _whole(len(value)) + value


def _whole(value: int) -> bytes:
    """Write a whole number as protocol buffers do: seven bits a byte, the lowest first."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
