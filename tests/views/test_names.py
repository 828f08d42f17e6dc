"""The front door: names come when they are asked for, and the stub says the same names."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import kbnotebooks as kb
from kbnotebooks import _words

HEAVY = (
    "torch",
    "transformers",
    "datasets",
    "peft",
    "dask",
    "matplotlib",
    "ipywidgets",
    "IPython",
    "polars",
    "pandas",
)


def test_import_brings_nothing_heavy_and_takes_under_a_second():
    code = (
        "import json, sys, time; began = time.perf_counter(); import kbnotebooks; "
        "print(json.dumps([time.perf_counter() - began, sorted(sys.modules)]))"
    )
    times = []
    for _ in range(3):  # the best of three: the first may read a cold disk
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        seconds, modules = json.loads(done.stdout)
        assert [name for name in HEAVY if name in modules] == []
        times.append(seconds)
    assert min(times) < 1.0


def test_stub_names_what_the_lazy_table_names():
    stub = Path(kb.__file__).with_name("__init__.pyi")
    imports = [
        node for node in ast.parse(stub.read_text("utf-8")).body if isinstance(node, ast.ImportFrom)
    ]
    named = {alias.asname: node.module for node in imports for alias in node.names}
    assert named == kb._HOME_OF
    assert all(alias.name == alias.asname for node in imports for alias in node.names)


@pytest.mark.parametrize("name", sorted(kb.__all__))
def test_every_name_is_there(name: str):
    value = getattr(kb, name)
    home = importlib.import_module(kb._HOME_OF[name])
    assert value is getattr(home, name)
    assert not isinstance(value, type(sys)), "a module would stand where a function was promised"


def test_names_are_offered_for_completion():
    assert {"load_sample", "FillMaskView", "submit"} <= set(dir(kb))


def test_typing_error_is_told_with_the_nearest_name():
    with pytest.raises(AttributeError, match=r"no 'FilMaskView'. Did you mean kb.FillMaskView"):
        kb.FilMaskView  # noqa: B018


def test_typing_error_is_told_in_the_language_of_the_notebook(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_words, "_chosen", ["sv"])
    with pytest.raises(AttributeError) as caught:
        kb.NgramLm  # noqa: B018
    assert str(caught.value) == "kbnotebooks har inget 'NgramLm'. Menade du kb.NgramLM?"


def test_other_case_is_told_with_the_nearest_name():
    with pytest.raises(AttributeError, match=r"kb\.load_sample"):
        kb.Load_Sample  # noqa: B018


def test_strange_name_is_answered_with_all_names():
    with pytest.raises(AttributeError, match=r"There are: Corpus, load_sample"):
        kb.qqqq  # noqa: B018
