"""The paragraph of a lesson speaks the reader's language."""

from __future__ import annotations

import pytest

from kblib.corpora import Corpus
from kbnotebooks import _words
from kbnotebooks.data_and_methods import methods


def test_paragraph_follows_the_language(monkeypatch: pytest.MonkeyPatch):
    letters = Corpus.from_texts(["sol"], name="letters")
    monkeypatch.setattr(_words, "_chosen", ["sv"])
    assert methods(letters).text.startswith("Data. Korpus ”letters”")
    monkeypatch.setattr(_words, "_chosen", ["en"])
    assert methods(letters)._repr_markdown_().startswith("**Data.** Corpus “letters”")
