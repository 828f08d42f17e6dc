"""Event files: read back record by record, with checksums and fields decoded by hand."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kblib.runs.event_file import crc32c, write_events

LINES: list[dict[str, Any]] = [
    {"event": "started", "step": 0, "steps": 2, "attempt": 1},
    {"step": 1, "loss": 2.5, "tokens": 300, "time": 17.25, "attempt": 1},
    {"step": 300, "eval_loss_old": 0.125, "note": "text", "attempt": 1},
]


def records(data: bytes) -> Iterator[bytes]:
    """Yield the messages of an event file; both checksums of each are compared."""
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        message, rest = data[12 : 12 + length], data[12 + length :]
        assert data[8:12] == masked(data[:8])
        assert rest[:4] == masked(message)
        yield message
        data = rest[4:]


def masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def decoded(message: bytes) -> dict[int, Any]:
    """Return the fields of a protocol buffer by number; nested ones as bytes."""
    found: dict[int, Any] = {}
    while message:
        key, message = whole(message)
        field, kind = key >> 3, key & 7
        if kind == 0:
            found[field], message = whole(message)
        elif kind in (1, 5):
            size, form = (8, "<d") if kind == 1 else (4, "<f")
            (found[field],) = struct.unpack(form, message[:size])
            message = message[size:]
        else:
            size, message = whole(message)
            found[field], message = message[:size], message[size:]
    return found


def whole(data: bytes) -> tuple[int, bytes]:
    value, shift = 0, 0
    for place, byte in enumerate(data):
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, data[place + 1 :]
    raise AssertionError("a number has no end")


def test_numbers_are_written_by_name_and_step(tmp_path: Path) -> None:
    version, *events = records(write_events(LINES, tmp_path / "here").read_bytes())
    assert decoded(version)[3] == b"brain.Event:2"
    told = []
    for event in map(decoded, events):
        value = decoded(decoded(event[5])[1])
        told.append((event[1], event[2], value[1].decode(), value[2]))
    assert told == [
        (17.25, 1, "loss", 2.5),
        (17.25, 1, "tokens", 300.0),
        (0.0, 300, "eval_loss_old", 0.125),
    ]


def test_name_of_the_file_is_one_that_tensorboard_looks_for(tmp_path: Path) -> None:
    assert ".tfevents." in write_events([], tmp_path).name


def test_file_is_written_as_a_whole_again(tmp_path: Path) -> None:
    write_events(LINES, tmp_path)
    path = write_events(LINES[:2], tmp_path)
    assert len(list(records(path.read_bytes()))) == 3
    assert list(tmp_path.iterdir()) == [path]
