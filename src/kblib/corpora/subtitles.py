"""Subtitle files cut into cues: SRT and WebVTT, strictly, each fault with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kblib.corpora.sources import Fault, Faults, Line, lines_of_file

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[,.](\d{3})"
TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:[ \t].*)?$")
TAGS = re.compile(r"</?(?:[ibusc]|font|ruby|rt|lang|v)(?:[ .][^>]*)?>|<\d[\d:.]*>|\{\\[^}]*\}")
NO_CUE = ("NOTE", "STYLE", "REGION")


@dataclass(frozen=True)
class Cue:
    """One cue: when it is shown, its text (lines joined by a space), and where it stands.

    Attributes
    ----------
    number
        As the file numbers it.
    line
        The line it begins in, from 1.
    position
        Which block of the file it is, from 1; those that cannot be used count too.
    """

    number: str
    start_s: float
    end_s: float
    text: str
    line: int
    position: int


def cues_of_file(path: Path) -> list[Cue]:
    """Return the cues of a UTF-8 file as they are: tags kept, and cues that run backwards.

    Raises
    ------
    CorpusError
        Naming file and line of the first fault.
    """
    return list(cues(path, lines_of_file(path), backwards=True))


def cues(
    path: Path,
    lines: Iterable[Line],
    *,
    faults: Faults | None = None,
    strip_tags: bool = False,
    backwards: bool = False,
) -> Iterator[Cue]:
    r"""Cut lines into cues.

    Parameters
    ----------
    faults
        What takes blocks that cannot be used; if None, the first is raised.
    strip_tags
        Whether ``<i>``, ``<v Name>``, ``{\an8}`` and the like are taken out.
    backwards
        Whether a cue may end before it begins.

    Raises
    ------
    CorpusError
        For the first block that is no cue, if `faults` is None.
    """
    for position, block in enumerate(_blocks(lines)):
        if any(line.fault is not None for line in block) or _is_comment(block, first=position == 0):
            continue
        found = _cue(path, block, position + 1, strip_tags=strip_tags, backwards=backwards)
        if isinstance(found, Cue):
            yield found
        elif faults is None:
            raise found.error()
        else:
            faults.add(found)


def _blocks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    block: list[Line] = []
    for line in lines:
        if line.text.strip() or line.fault is not None:
            block.append(line)
        elif block:
            yield block
            block = []
    if block:
        yield block


def _is_comment(block: list[Line], *, first: bool) -> bool:
    opening = block[0].text
    if first and opening.startswith("WEBVTT"):
        return True
    return "-->" not in opening and opening.split(maxsplit=1)[0] in NO_CUE


def _cue(
    path: Path, block: list[Line], position: int, *, strip_tags: bool, backwards: bool
) -> Cue | Fault:
    at = 0 if "-->" in block[0].text else 1
    number = str(position) if at == 0 else block[0].text.strip()
    if at >= len(block):
        return Fault(
            path, block[0].number, f"a block without times: {block[0].text[:60]!r}", _ADVICE
        )
    times = TIMES.match(block[at].text)
    if times is None:
        return Fault(
            path, block[at].number, f"times that cannot be read: {block[at].text[:60]!r}", _ADVICE
        )
    start_s, end_s = _seconds(times.groups()[:4]), _seconds(times.groups()[4:])
    if end_s < start_s and not backwards:
        return Fault(
            path, block[at].number, f"a cue that ends before it begins: {block[at].text!r}", _ADVICE
        )
    text = " ".join(line.text.strip() for line in block[at + 1 :])
    text = TAGS.sub("", text).strip() if strip_tags else text
    if not text:
        return Fault(
            path, block[at].number, "a cue without text; the file may have been cut short", _ADVICE
        )
    return Cue(number, start_s, end_s, text, block[0].number, position)


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, thousandths = (int(part or 0) for part in parts)
    return (((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths) / 1000


_ADVICE = "A cue is a number, a line '00:00:01,000 --> 00:00:02,500', and its text."
