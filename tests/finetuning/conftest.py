"""Tiny models of each layout, saved once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.finetuning.labelled import tiny_model

Tiny = Callable[[str], str]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Give a function that returns the folder of a tiny model of a layout."""
    home = Path(tmp_path_factory.mktemp("tiny"))

    @cache
    def made(architecture: str) -> str:
        return str(tiny_model(home, architecture))

    return made
