"""What a saved model was made from, by its recipe: texts, and a model that was there before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kblib import settings
from kblib.corpora import Corpus
from kblib.corpora.rights import stated_rights
from kblib.errors import IntegrityError
from kblib.files import MANIFEST, read_manifest
from kblib.models.catalog import entry_of

_ONLY_LOOKED_AT = ("monitor",)
"""Texts that a training is scored on, and not trained on."""
_BASES = ("continue_from", "base")
_TO_TELL = "rights"


@dataclass(frozen=True)
class Source:
    """Something that a model was made from.

    Attributes
    ----------
    what
        ``texts``, or ``model``.
    name
        As the recipe calls it.
    fingerprint
        Of the texts; empty of a model.
    stated
        What its documents say: rows of licence, rights, documents. None if that is not known.
    """

    what: str
    name: str
    fingerprint: str
    stated: tuple[Mapping[str, Any], ...] | None


def sources_of(recipe: Mapping[str, Any], given: Sequence[Corpus] = ()) -> list[Source]:
    """Return what a recipe names, each once.

    Parameters
    ----------
    given
        Corpora in which the texts are looked for first; then among those that are saved here.
    """
    found = {}
    for key, said in _named(recipe):
        if key in _BASES:
            name = said if isinstance(said, str) else str(said["name"])
            found["model", name] = Source("model", name, "", _of_model(name))
        else:
            name, fingerprint = str(said["name"]), str(said["fingerprint"])
            stated = said.get(_TO_TELL) or _of_texts(fingerprint, given)
            known = None if stated is None else tuple(stated)
            found["texts", fingerprint] = Source("texts", name, fingerprint, known)
    return list(found.values())


def _named(content: object, key: str = "") -> Iterator[tuple[str, Any]]:
    """Give whatever has a name and a fingerprint, and each model to go on from."""
    if key in _BASES and isinstance(content, str | Mapping):
        yield key, content
    elif isinstance(content, Mapping):
        if "fingerprint" in content and "name" in content:
            yield key, content
            return
        for name, value in content.items():
            if name not in _ONLY_LOOKED_AT:
                yield from _named(value, str(name))
    elif isinstance(content, list):
        for value in content:
            yield from _named(value, key)


def _of_model(name: str) -> tuple[dict[str, Any], ...] | None:
    entry = entry_of(name)
    if entry is None:
        return None
    return ({"licence": entry.licence, "rights": "", "documents": None},)


def _of_texts(fingerprint: str, given: Sequence[Corpus]) -> list[dict[str, Any]] | None:
    for corpus in (*given, *_saved(fingerprint)):
        if corpus.fingerprint == fingerprint:
            return stated_rights(corpus)
    return None


def _saved(fingerprint: str) -> Iterator[Corpus]:
    for manifest in sorted(settings.corpora_folder().glob(f"*/{MANIFEST}")):
        try:
            if read_manifest(manifest.parent).get("fingerprint") == fingerprint:
                yield Corpus.open(manifest.parent)
        except IntegrityError:  # a damaged one says nothing
            continue
