"""The examples in docstrings do what they say."""

from __future__ import annotations

import ast
import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def modules() -> list[str]:
    """Return the modules that hold an example, found without importing any."""
    found = []
    for base, package in ((ROOT / "src", "kblib"), (ROOT, "kbnotebooks")):
        for path in sorted((base / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if ">>> " in text and ast.parse(text):
                parts = path.relative_to(base).with_suffix("").parts
                found.append(".".join(parts).removesuffix(".__init__"))
    return found


@pytest.mark.parametrize("name", modules())
def test_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    result = doctest.testmod(importlib.import_module(name), optionflags=options)
    assert result.failed == 0, f"{result.failed} of {result.attempted}: see the output above"
