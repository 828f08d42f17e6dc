"""Compiled loops: kept where they can be, said where they cannot."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kblib.ngrams import compiled as module


def test_what_cannot_be_kept_is_compiled_all_the_same_and_said_once(monkeypatch, caplog):
    real = module.njit

    def unwritable(**options):
        if options.get("cache"):
            raise RuntimeError("no locator available for file 'x.py'")
        return real(**options)

    monkeypatch.setattr(module, "njit", unwritable)
    module._tell.cache_clear()
    for _ in range(2):
        assert module.compiled(lambda n: n + 1)(2) == 3
    assert len(caplog.records) == 1
    assert "no locator available" in caplog.text
    assert "export NUMBA_CACHE_DIR=FOLDER" in caplog.text


@pytest.mark.parametrize("name", ["kblib", "kblib.ngrams.language_model"])
def test_numba_is_loaded_at_the_first_use_only(name):
    code = f"import sys, {name}; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "False"
