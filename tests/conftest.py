"""Shared by all tests: a home of their own, a small corpus, a tiny shape."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kblib.hpc.emulator import Emulator

from kblib.corpora import Corpus
from kblib.models.shape import ModelShape
from tests.emulated import emulated
from tests.watching import SLOW_S

_SUBJECTS = "kungen drottningen båten tåget skolan laget bonden fabriken orkestern flickan"
_VERBS = "besöker lämnar bygger ser hör vinner möter visar öppnar söker"
_OBJECTS = "Stockholm Göteborg hamnen fjällen matchen bron åkern staden havet skogen"
_WHEN = ["i dag", "i går", "på söndag", "om våren", "under natten", "år efter år"]

_CHROMIUM = (
    os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
)
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


_LONGEST = ("test_execution.py", "tests/browser/", "tests/cluster/", "tests/hpc/")
"""Files that take minutes: begun first, so that no process is left alone with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; within a file the order stays."""
    places = {name: number for number, name in enumerate(_LONGEST)}

    def place(item: pytest.Item) -> int:
        path = item.path.as_posix()
        return next((n for name, n in places.items() if name in path), len(places))

    items.sort(key=place)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Start the one Chromium of all tests; it finds no host but this one."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not _CHROMIUM:
        pytest.skip("no Chromium: sudo apt-get install chromium, or set CHROMIUM to its path")
    playwright.expect.set_options(timeout=SLOW_S * 1000)
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=_CHROMIUM, headless=True, args=_ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="session", autouse=True)
def _session_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep every test, and every process it starts, away from the home of whoever runs them."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KBNOTEBOOKS_HOME", str(home))
        patch.setenv("XDG_CONFIG_HOME", str(home / "config"))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield home


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """Give the one emulated cluster of all tests: four nodes, all idle."""
    with emulated() as cluster:
        yield cluster


@pytest.fixture
def tmp_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home folder that only this test uses."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("KBNOTEBOOKS_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def films() -> Corpus:
    """Give 400 short Swedish sentences of 40 films, always the same."""
    return invented_films()


def invented_films() -> Corpus:
    """Return the corpus of the fixture `films`."""
    draw = random.Random(1)
    subjects, verbs, objects = (words.split() for words in (_SUBJECTS, _VERBS, _OBJECTS))
    texts = [
        f"{draw.choice(subjects).capitalize()} {draw.choice(verbs)} {draw.choice(objects)} "
        f"{draw.choice(_WHEN)}, och {draw.choice(subjects)} {draw.choice(verbs)} inte."
        for _ in range(400)
    ]
    numbers = [f"SF{number // 10}" for number in range(400)]
    return Corpus.from_texts(texts, name="films", film=numbers, language="sv", licence="CC0-1.0")


@pytest.fixture(scope="session")
def tiny_shape() -> ModelShape:
    """Give a shape that trains in seconds."""
    return ModelShape(n_layer=2, n_head=2, n_embd=32, vocab_size=300, seq_len=32)
