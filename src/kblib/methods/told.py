"""What is said of one result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kblib.methods.speech import Speech

SIGNS = 12
"""How much of a fingerprint is printed: enough to tell any two corpora apart."""


@dataclass(frozen=True)
class Told:
    """Sentences on one result, and whom to cite for its method."""

    sentences: tuple[str, ...]
    references: tuple[str, ...] = ()


Teller = Callable[[Speech, Mapping[str, Any]], Told]
