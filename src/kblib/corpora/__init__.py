"""Floor 0: texts with where they come from. Documents, corpora, filters, readers, samples."""

from __future__ import annotations

from kblib.corpora.corpus import Corpus
from kblib.corpora.document import Document
from kblib.corpora.newsreels import newsreel_filters
from kblib.corpora.read_jsonl import read_jsonl
from kblib.corpora.read_subtitles import read_subtitles
from kblib.corpora.read_table import read_table
from kblib.corpora.read_text import read_text
from kblib.corpora.samples import load_sample

__all__ = [
    "Corpus",
    "Document",
    "load_sample",
    "newsreel_filters",
    "read_jsonl",
    "read_subtitles",
    "read_table",
    "read_text",
]
