"""Twelve cues of three films, a home of one's own, and the real newsreels once a session."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from kblib.corpora import Corpus, load_sample, newsreel_filters

CUES = [
    ("SF1", "speech", 1931, "Kungen besöker Stockholm i dag."),
    ("SF1", "speech", 1931, "Ja."),
    ("SF1", "speech", 1931, "Tåget går från Stockholm."),
    ("SF1", "intertitle", 1931, "Kungen i Stockholm"),
    ("SF2", "speech", 1935, "Ja."),
    ("SF2", "speech", 1935, "Musik Musik Musik Musik"),
    ("SF2", "speech", 1935, "Nu går tåget till Göteborg."),
    ("SF2", "speech", 1935, "Nu går tåget till Göteborg."),
    ("SF2", "intertitle", 1935, "IeRsniut nepni dao Isms siste"),
    ("SF3", "speech", None, "Ja."),
    ("SF3", "speech", None, "Это не по-шведски."),
    ("SF3", "speech", None, "Kungen går till tåget i Stockholm."),
]


@pytest.fixture
def films():
    film, medium, year, texts = (list(column) for column in zip(*CUES, strict=True))
    return Corpus.from_texts(texts, name="films", film=film, medium=medium, year=year)


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "home"
    monkeypatch.setenv("KBNOTEBOOKS_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def newsreels(tmp_path_factory):
    """Read the real newsreels into a home that only this session has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KBNOTEBOOKS_HOME", str(tmp_path_factory.mktemp("newsreels")))
        yield load_sample("newsreels")


@pytest.fixture(scope="session")
def cleaned(newsreels):
    """Run the standard filters once."""
    return newsreels.filter(*newsreel_filters())


@pytest.fixture
def fresh_python(tmp_path):
    """Run code in a new interpreter and return the last line it prints."""

    def run(code, *arguments):
        environment = {**os.environ, "KBNOTEBOOKS_HOME": str(tmp_path / "home")}
        command = [sys.executable, "-c", code, *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[-1]

    return run
