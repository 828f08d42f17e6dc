"""Normalisation as named steps, the same in Python and inside a saved tokenizer.

A step changes characters only; it never drops a text. The tables below are spelled out, not taken
from a regular expression class, so that the tokenizer's engine and Python agree on every character.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

from tokenizers import Regex, normalizers

from kblib.errors import TokenError

DEFAULT_STEPS = ("nfc", "controls", "spaces")

# Unicode categories Cc (without the white space among them) and Cf: control characters, soft
# hyphen, zero-width characters, direction marks, byte order mark.
_CONTROLS = (
    (0x00, 0x08), (0x0E, 0x1F), (0x7F, 0x84), (0x86, 0x9F), (0xAD, 0xAD), (0x200B, 0x200F),
    (0x202A, 0x202E), (0x2060, 0x2064), (0x2066, 0x206F), (0xFEFF, 0xFEFF),
)  # fmt: skip
# The Unicode property White_Space.
_SPACES = (
    (0x09, 0x0D), (0x20, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A),
    (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000),
)  # fmt: skip


def _python_class(ranges: Iterable[tuple[int, int]]) -> str:
    return "".join(f"\\u{first:04x}-\\u{last:04x}" for first, last in ranges)


def _oniguruma_class(ranges: Iterable[tuple[int, int]]) -> str:
    return "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in ranges)


_CONTROL = re.compile(f"[{_python_class(_CONTROLS)}]+")
_SPACE = re.compile(f"[{_python_class(_SPACES)}]+")


def _in_engine(ranges: Iterable[tuple[int, int]], content: str) -> normalizers.Normalizer:
    return normalizers.Replace(Regex(f"[{_oniguruma_class(ranges)}]+"), content)


_IN_PYTHON: dict[str, Callable[[str], str]] = {
    "nfc": lambda text: unicodedata.normalize("NFC", text),
    "nfkc": lambda text: unicodedata.normalize("NFKC", text),
    "controls": lambda text: _CONTROL.sub("", text),
    "spaces": lambda text: _SPACE.sub(" ", text).strip(" "),
    "lowercase": str.lower,
}
_IN_ENGINE: dict[str, Callable[[], normalizers.Normalizer]] = {
    "nfc": normalizers.NFC,
    "nfkc": normalizers.NFKC,
    "controls": lambda: _in_engine(_CONTROLS, ""),
    "spaces": lambda: normalizers.Sequence([_in_engine(_SPACES, " "), normalizers.Strip()]),
    "lowercase": normalizers.Lowercase,
}
STEPS = tuple(_IN_PYTHON)


def check_steps(steps: Iterable[str]) -> tuple[str, ...]:
    """Return the steps as a tuple.

    Raises
    ------
    TokenError
        If a step is unknown.
    """
    if isinstance(steps, str):
        steps = (steps,)
    chosen = tuple(steps)
    for step in chosen:
        if step not in _IN_PYTHON:
            raise TokenError(
                f"No normalisation step is called '{step}'.",
                f"The steps are: {', '.join(STEPS)}.",
                f"normalisation={DEFAULT_STEPS}",
            )
    return chosen


def normalise(text: str, steps: Iterable[str] = DEFAULT_STEPS) -> str:
    r"""Apply named steps to a text, in the order given.

    Parameters
    ----------
    steps
        ``nfc`` and ``nfkc``: the Unicode composition forms (``nfkc`` also turns ligatures and the
        long s into plain letters); ``controls``: drop control, soft-hyphen and zero-width
        characters; ``spaces``: each run of white space becomes one space, none at the ends;
        ``lowercase``.

    Raises
    ------
    TokenError
        If a step is unknown.

    Examples
    --------
    >>> normalise("  Kungliga\n biblio\u00adteket ")
    'Kungliga biblioteket'
    """
    for step in check_steps(steps):
        text = _IN_PYTHON[step](text)
    return text


def engine_normaliser(steps: Iterable[str] = DEFAULT_STEPS) -> normalizers.Normalizer:
    """Return the same steps as a normaliser of the ``tokenizers`` library, saved in a tokenizer."""
    return normalizers.Sequence([_IN_ENGINE[step]() for step in check_steps(steps)])
