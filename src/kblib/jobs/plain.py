"""Plain data: what JSON can say, so that a file holds it and every machine reads the same."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from kblib.errors import JobError

_SHOWN = 60


def plain(value: Any, where: str) -> Any:
    """Return texts, numbers, lists and mappings as JSON reads them back.

    Parameters
    ----------
    where
        What the value is called in a message.

    Raises
    ------
    JobError
        If something in it is not plain.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list | tuple):
        return [plain(one, f"{where}[{number}]") for number, one in enumerate(value)]
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {name: plain(one, f"{where}['{name}']") for name, one in value.items()}
    raise JobError(
        f"{where} is {_shown(value)}, a {type(value).__name__}.",
        "Plain data was expected: text, numbers, true, false, None, lists, and mappings with "
        "texts as their keys. It is written into the run folder.",
        "Give the path of a file as str(path), a number of NumPy as value.item().",
    )


def plain_items(items: Any, where: str) -> list[Any]:
    """Return a list of items, each plain.

    Raises
    ------
    JobError
        If it is no list, or something in it is not plain.
    """
    if isinstance(items, str | bytes | dict) or not isinstance(items, Iterable):
        raise JobError(
            f"{where} is {_shown(items)}, a {type(items).__name__}.",
            "A list was expected, with one item a shard, or a corpus.",
            f"{where}=[{_shown(items)}]",
        )
    return [plain(one, f"{where}[{number}]") for number, one in enumerate(items)]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
