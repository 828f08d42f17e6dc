"""What a saved model was made from, by its recipe: texts, labels, a model that was there before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kblib import settings
from kblib.corpora import Corpus
from kblib.corpora.rights import stated_rights
from kblib.errors import IntegrityError
from kblib.files import MANIFEST, read_manifest
from kblib.models.catalog import entry_of, local_folder
from kblib.models.origin import origin_fingerprint
from kblib.publishing.terms import stricter_of, terms_of

_ONLY_LOOKED_AT = ("monitor",)
"""Texts that a training is scored on, and not trained on."""
_BASES = ("continue_from", "base", "extended_from")
_LABELS = "labels"
_LABELLED = {"texts"}
"""What labels name besides themselves."""
_TO_TELL = "rights"


@dataclass(frozen=True)
class Source:
    """Something that a model was made from.

    Attributes
    ----------
    what
        ``texts``, ``labels`` or ``model``.
    name
        As the recipe calls it.
    fingerprint
        Of the texts or labels; empty of a model.
    stated
        What is said of it: rows of licence, rights, documents. None if that is not known.
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
    found: dict[tuple[str, str], Source] = {}
    for key, said in _named(recipe):
        for one in _of_base(said, given) if key in _BASES else (_of_data(key, said, given),):
            found.setdefault((one.what, one.fingerprint or one.name), one)
    return list(found.values())


def _named(content: object, key: str = "") -> Iterator[tuple[str, Any]]:
    """Give whatever has a name and a fingerprint, and each model that was there before."""
    if key in _BASES and isinstance(content, str | Mapping):
        yield key, content
    elif isinstance(content, Mapping):
        if "fingerprint" in content and "name" in content:
            yield key, content
            if key != _LABELS:
                return
            content = {name: content[name] for name in _LABELLED & content.keys()}
        for name, value in content.items():
            if name not in _ONLY_LOOKED_AT:
                yield from _named(value, str(name))
    elif isinstance(content, list):
        for value in content:
            yield from _named(value, key)


def _of_data(key: str, said: Mapping[str, Any], given: Sequence[Corpus]) -> Source:
    """Return texts or labels; what they say of themselves comes first."""
    name, fingerprint = str(said["name"]), str(said["fingerprint"])
    if key == _LABELS:
        return Source(_LABELS, name, fingerprint, tuple(said.get(_TO_TELL) or ()))
    stated = said.get(_TO_TELL) or _of_texts(fingerprint, given)
    return Source("texts", name, fingerprint, None if stated is None else tuple(stated))


def _of_base(said: str | Mapping[str, Any], given: Sequence[Corpus]) -> Iterator[Source]:
    """Give a base under its licence; one that no catalog knows as what it was made from itself.

    Where its recipe states stricter terms than the licence, both are given: a folder can be called
    as a model of the catalog is, and hold another.
    """
    if isinstance(said, str):
        yield Source("model", said, "", _of_model(said))
        return
    name = str(said.get("name") or said.get("model"))
    licence = said.get("licence") or _licence_here(name, said.get("fingerprint"))
    inner = sources_of(said.get("recipe") or {}, given)
    if licence is not None:
        yield Source("model", name, "", (_row(licence),))
        yield from (one for one in inner if _is_stricter(one, licence))
        return
    yield from inner or (Source("model", name, "", None if _is_told(said) else _of_model(name)),)


def _is_stricter(source: Source, licence: str) -> bool:
    """Say whether what is stated of a source allows less than a licence does."""
    stated = [stricter_of(one["licence"], one["rights"]) for one in source.stated or ()]
    return any(one.strictness > terms_of(licence).strictness for one in stated)


def _is_told(said: Mapping[str, Any]) -> bool:
    """Say whether a recipe tells of its base itself: then a name alone says nothing."""
    return "recipe" in said or "licence" in said


def _licence_here(name: str, fingerprint: object) -> str | None:
    """Return the licence by the catalog of a model that is the same on this machine."""
    entry, folder = entry_of(name), local_folder(name)
    if entry is None or folder is None or origin_fingerprint(folder) != fingerprint:
        return None
    return entry.licence


def _of_model(name: str) -> tuple[dict[str, Any], ...] | None:
    entry = entry_of(name)
    return None if entry is None else (_row(entry.licence),)


def _row(licence: str) -> dict[str, Any]:
    return {"licence": licence, "rights": "", "documents": None}


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
