"""Journals: files of JSON lines that one process appends to and many read while it does.

A line is whole or it is not there: the writer appends it with one call, the reader takes only what
ends in a newline.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_POLL_BYTES = 4 << 20


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Append one record as one line.

    Raises
    ------
    OSError
        If the disk is full; half a line is taken back.
    """
    line = (json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8")
    with open(path, "ab", buffering=0) as file:
        start = file.seek(0, os.SEEK_END)
        if file.write(line) < len(line):
            file.truncate(start)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def mend(path: Path) -> None:
    """Cut off a last line without its newline, which a killed writer left behind."""
    if not path.exists():
        return
    with open(path, "rb+") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - _POLL_BYTES)
        file.seek(start)
        whole = file.read().rfind(b"\n") + 1
        file.truncate(start + whole)


class Tail:
    """Read what is new in a journal since the last look; each look costs only the new bytes.

    Parameters
    ----------
    path
        The journal. It need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0

    def new(self) -> list[dict[str, Any]]:
        """Return the records that have come since the last call, oldest first."""
        return [json.loads(line) for line in self.lines() if line.strip()]

    def lines(self) -> list[str]:
        """Return the whole lines that have come since the last call, as they stand there."""
        lines: list[str] = []
        while True:
            try:
                with open(self.path, "rb") as file:
                    file.seek(self.offset)
                    data = file.read(_POLL_BYTES)
            except FileNotFoundError:
                return lines
            whole = data.rfind(b"\n") + 1
            if not whole:
                return lines
            self.offset += whole
            lines += data[: whole - 1].decode("utf-8", errors="replace").split("\n")


def last_lines(path: Path, n: int) -> str:
    """Return the last `n` lines of a text file, reading at most 256 KiB of it.

    Empty if there is none.
    """
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - (256 << 10)))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    lines = text.splitlines()
    return "\n".join(lines[max(0, len(lines) - n) :])
