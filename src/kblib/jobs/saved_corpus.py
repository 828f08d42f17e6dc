"""A corpus as a run folder names it: where it lies, and what it has to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kblib.corpora import Corpus
from kblib.errors import JobError


def corpus_to_dict(corpus: Corpus) -> dict[str, Any]:
    """Return name, fingerprints and folder of a corpus."""
    return {
        "name": corpus.name,
        "fingerprint": corpus.fingerprint,
        "content": corpus.content,
        "folder": None if corpus.folder is None else str(corpus.folder),
    }


def same_corpus(said: dict[str, Any]) -> Corpus:
    """Open the corpus that `corpus_to_dict` told of.

    Raises
    ------
    CorpusError
        If it is no longer there.
    JobError
        If anything in it is other than at submit.
    """
    corpus = Corpus.open(Path(said["folder"]))
    if corpus.fingerprint != said["fingerprint"]:
        raise JobError(
            f"The corpus in {said['folder']} has the fingerprint {corpus.fingerprint[:12]}.",
            f"The job was submitted for {said['fingerprint'][:12]}: the texts were changed since.",
            "Submit the job again with the corpus as it is now.",
        )
    if corpus.content != said.get("content", corpus.content):
        raise JobError(
            f"The corpus in {said['folder']} has the content {corpus.content[:12]}.",
            f"The job was submitted for {said['content'][:12]}: the texts are the same, "
            "but other columns were changed since.",
            "Submit the job again with the corpus as it is now.",
        )
    return corpus
