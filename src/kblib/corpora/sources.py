"""Lines for all readers, of bounded length, and faults that are raised or listed."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Literal, cast

from kblib.errors import CorpusError

OnError = Literal["raise", "collect"]
MAX_LINE_MIB = 16.0
_MIB = 1 << 20
_WIDE = re.compile(r"utf[-_]?(16|32)", re.IGNORECASE)
_WIDE_MARKS = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
COLLECT = "To go on and list what is left out: on_error='collect'."


@dataclass(frozen=True)
class Fault:
    """Something in a file that cannot be used.

    Attributes
    ----------
    file, line
        Where; the line is None if the fault is the whole file's.
    reason
        What is wrong, with the value.
    advice
        What was expected, or what to do.
    unit
        What `line` counts: a line of text, or a row of a Parquet file.
    """

    file: Path
    line: int | None
    reason: str
    advice: str = ""
    unit: str = "line"

    @property
    def where(self) -> str:
        """File and line."""
        return str(self.file) if self.line is None else f"{self.file}, {self.unit} {self.line}"

    def but(self, reason: str) -> Fault:
        """Return this fault with another reason."""
        return replace(self, reason=reason)

    def error(self) -> CorpusError:
        """Return the error that says this."""
        return CorpusError(f"{self.where}: {self.reason}.", self.advice, COLLECT)

    def to_dict(self) -> dict[str, Any]:
        """Return what the manifest says about it."""
        return {"file": str(self.file), "line": self.line, "reason": self.reason}


@dataclass(frozen=True)
class Line:
    """One line of a file, without its end.

    Attributes
    ----------
    number
        From 1.
    text
        What stands there; of a line with a fault, what can be read of it, for its commas and quotes
        only. Empty if `too_long`.
    fault
        Why the line cannot be used.
    too_long
        Whether it was passed over.
    """

    number: int
    text: str
    fault: Fault | None = None
    too_long: bool = False


class Faulty(Exception):  # noqa: N818  a carrier, caught in this folder and never met by a user
    """Carries a fault from deep in a reader to where it is raised or listed."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


@dataclass
class Faults:
    """Raises the first fault, or lists them all."""

    on_error: OnError = "raise"
    listed: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.on_error not in ("raise", "collect"):
            raise CorpusError(
                f"on_error is {self.on_error!r}.", "'raise' or 'collect' was expected."
            )

    def add(self, fault: Fault) -> None:
        """Raise the fault, or list it."""
        if self.on_error == "raise":
            raise fault.error()
        self.listed.append(fault)


def lines_of_file(
    path: Path, *, encoding: str = "utf-8", max_line_mib: float = MAX_LINE_MIB
) -> Iterator[Line]:
    """Yield the lines of a file, all of them right.

    Raises
    ------
    CorpusError
        Naming the line, if it is too long or not in the encoding; or the file, if it is missing,
        empty or cut short.
    """
    try:
        for line in raw_lines(path, encoding=encoding, max_line_mib=max_line_mib):
            if line.fault is not None:
                raise line.fault.error()
            yield line
    except Faulty as faulty:
        raise faulty.fault.error() from None


def raw_lines(
    path: Path, *, encoding: str = "utf-8", max_line_mib: float = MAX_LINE_MIB
) -> Iterator[Line]:
    """Yield the lines of a file; one too long, binary or in another encoding carries its fault.

    No more than `max_line_mib` of a line is ever held.

    Raises
    ------
    Faulty
        If the file cannot be read on: missing, empty, a folder, cut short.
    """
    limit = int(max_line_mib * _MIB)
    number = 0
    with _opened(path) as file:
        _refuse_other_marks(path, file, encoding)
        readline = _wide_readline(file, encoding) if _WIDE.match(encoding) else file.readline
        try:
            while piece := readline(limit + 1):
                number += 1
                if len(piece) > limit:
                    yield Line(number, "", _too_long(path, number, max_line_mib), too_long=True)
                    _pass_over(readline)
                    continue
                yield _line(path, number, piece, encoding)
        except UnicodeDecodeError as error:
            raise Faulty(
                Fault(
                    path, number + 1, f"not {encoding}: {error.reason}", _encoding_advice(encoding)
                )
            ) from None
        except (EOFError, zlib.error, OSError) as error:
            raise Faulty(_cut_short(path, number, error)) from None
    if number == 0:
        raise Faulty(
            Fault(
                path,
                None,
                "the file is empty",
                "Get it again from where it came from, or take it away.",
            )
        )


def known_encoding(encoding: str) -> str:
    """Return the name of an encoding if Python knows it.

    Raises
    ------
    CorpusError
        If not.
    """
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise CorpusError(
            f"There is no encoding '{encoding}'.",
            "Known are utf-8, utf-16, latin-1, cp1252, cp850 and many more.",
        ) from None
    return encoding


def _line(path: Path, number: int, piece: bytes | str, encoding: str) -> Line:
    fault = None
    try:
        text = piece if isinstance(piece, str) else piece.decode(encoding)
    except UnicodeDecodeError as error:
        fault = _foreign_byte(path, number, error, encoding)
        text = error.object.decode(encoding, "replace")
    if "\x00" in text:
        fault = Fault(path, number, "NUL bytes; this is not a text file", "Text was expected.")
    text = text.rstrip("\r\n").removeprefix("\ufeff" if number == 1 else "")
    return Line(number, text, fault)


def _foreign_byte(path: Path, number: int, error: UnicodeDecodeError, encoding: str) -> Fault:
    before = error.object[: error.start].decode(encoding, "replace")
    byte = error.object[error.start]
    reason = f"not {encoding}: byte 0x{byte:02x} at character {len(before) + 1}"
    return Fault(path, number, reason, _encoding_advice(encoding))


def _pass_over(readline: Callable[[int], bytes | str]) -> None:
    while piece := readline(_MIB):
        if piece[-1:] in (b"\n", "\n"):
            return


def _opened(path: Path) -> IO[bytes]:
    if path.is_dir():
        raise Faulty(
            Fault(path, None, "a folder stands where a file was expected", "Name the files in it.")
        )
    try:
        if path.suffix == ".gz":
            return cast(IO[bytes], gzip.GzipFile(path, "rb"))
        return open(path, "rb")
    except FileNotFoundError:
        advice = f"Look in {path.parent}."
        raise Faulty(Fault(path, None, "there is no such file", advice)) from None
    except OSError as error:
        reason = f"the file cannot be opened: {error.strerror}"
        raise Faulty(Fault(path, None, reason, "Look at its rights.")) from None


def _wide_readline(file: IO[bytes], encoding: str) -> Callable[[int], str]:
    return io.TextIOWrapper(file, encoding=encoding, newline="\n").readline


def _refuse_other_marks(path: Path, file: IO[bytes], encoding: str) -> None:
    if _WIDE.match(encoding) or not isinstance(file, io.BufferedReader):
        return
    start = file.peek(4)
    for mark, name in _WIDE_MARKS.items():
        if start.startswith(mark):
            raise Faulty(
                Fault(
                    path, 1, f"the file begins with the mark of {name}", f"Pass encoding='{name}'."
                )
            )


def _too_long(path: Path, number: int, max_line_mib: float) -> Fault:
    return Fault(
        path,
        number,
        f"the line is longer than max_line_mib={max_line_mib:g} MiB",
        "Text with line ends was expected: divide it into lines, or pass a larger max_line_mib.",
    )


def _cut_short(path: Path, number: int, error: Exception) -> Fault:
    if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
        return Fault(
            path,
            number + 1,
            f"the file cannot be read on: {error.strerror or error}",
            "Look at the disk.",
        )
    return Fault(
        path,
        number + 1,
        f"the compressed file is cut short or damaged ({error})",
        "Get it again; the lines before are whole, but the file is not.",
    )


def _encoding_advice(encoding: str) -> str:
    other = "latin-1" if encoding.lower().replace("_", "-").startswith("utf") else "utf-8"
    return f"If the file is in another encoding, pass it: encoding='{other}'."
