"""Sample corpora without a network: made once from an installed package, then opened from disk."""

from __future__ import annotations

import difflib

from kblib import settings
from kblib.corpora import newsreels
from kblib.corpora.columns import standard_frame
from kblib.corpora.corpus import Corpus
from kblib.corpora.selection import Selection
from kblib.corpora.steps import Step
from kblib.corpora.storage import Store
from kblib.errors import CorpusError, IntegrityError
from kblib.files import MANIFEST

SAMPLES = ("newsreels",)
LAYOUT = 1
"""Raised when the same package would be read into other rows: an older save is not taken for it."""


def load_sample(name: str, *, fresh: bool = False) -> Corpus:
    """Return a sample corpus, raw and complete; clean it with filters.

    Parameters
    ----------
    name
        ``newsreels``: every cue of the Journal Digital newsreels, speech and intertitles.
    fresh
        Whether to make it again even if it is saved already.

    Raises
    ------
    CorpusError
        If there is no such sample.
    MissingPartError
        If its package is not installed, with the command that brings it.
    """
    if name not in SAMPLES:
        near = difflib.get_close_matches(name, SAMPLES, n=1)
        raise CorpusError(
            f"No sample named '{name}'.",
            f"Samples: {', '.join(SAMPLES)}.",
            f"Did you mean kb.load_sample('{near[0]}')?" if near else "",
        )
    return _newsreels(fresh=fresh)


def _newsreels(*, fresh: bool) -> Corpus:
    version, files = newsreels.installed_files()
    folder = settings.corpora_folder() / f"sample-newsreels-{version}-{LAYOUT}"
    if (folder / MANIFEST).exists() and not fresh:
        try:
            return Corpus.open(folder)
        except IntegrityError as error:
            raise IntegrityError(
                error.happened,
                error.expected,
                "Make it again: kb.load_sample('newsreels', fresh=True)",
            ) from None
    settings.writable_home()
    frame, about = newsreels.newsreel_frame(files, version)
    rows = standard_frame(frame, "newsreels")
    step = Step("load_sample", {"sample": "newsreels", **about, "kept": rows.height})
    corpus = Corpus("newsreels", Selection(Store(rows.lazy()), (step,)))
    return corpus.save(folder, replace=fresh or folder.exists())
