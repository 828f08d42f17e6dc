"""What a model that learnt from labels has to tell of them: which file, which texts, whose terms.

Two things may belong to different people: the texts, and what somebody said of them. Where labels
were joined to a corpus, its documents state the terms of the texts, and nothing those of the
labels; a table that has both states them for both, in its columns ``licence`` and ``rights``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from kblib.corpora.rights import COLUMNS, stated_in
from kblib.labels.given import version_of
from kblib.labels.labelled import Labels

NOTICE = "NOTICE"
_READ = ("train", "valid")
"""Parts that decide the weights; the test part is only looked at."""
_NO_TABLE = ("Corpus", "example_labels")
"""Where labels are from that nobody has written into a file: they were made of the texts."""


def told_labels(name: str, parts: Mapping[str, Labels]) -> dict[str, Any]:
    """Return who the labels are that a model has learnt from, as plain data without folders.

    Parameters
    ----------
    name
        What they are called.
    parts
        By name; of ``train`` and ``valid`` a model knows, of others it does not.

    Returns
    -------
    dict
        name, fingerprint, rows by part; where they are known file, sha256 and the versions of the
        guideline; rights, as rows of licence, rights, documents; texts, where they are a corpus's.
    """
    read = [part for key, part in parts.items() if key in _READ]
    about = read[0].provenance
    rows = pl.concat([_terms(part) for part in read], how="diagonal_relaxed")
    rights = _of_all(about.get("rights", ()), rows.height) or stated_in(rows.lazy())
    told = {
        "name": name,
        "fingerprint": about.get("fingerprint") or _fingerprint(read),
        "rows": {key: len(part) for key, part in parts.items()},
        **_file(about),
        **_guideline(about, read),
        "rights": rights,
        **({"cite": about["cite"]} if about.get("cite") else {}),
    }
    if "of_corpus" not in about or about.get("where") in _NO_TABLE:
        return told
    texts = {"name": about["corpus"], "fingerprint": about["of_corpus"], "rights": rights}
    own = {"licence": about.get("licence", ""), "rights": "", "documents": rows.height}
    return {**told, "rights": [own], "texts": texts}


def notice_of(told: Mapping[str, Any], base: Path | None) -> str | None:
    """Return the notice of a model's base, if its folder has one, and what is said of the labels.

    None where nothing is stated or to be cited.
    """
    before = ""
    if base is not None and (base / NOTICE).is_file():
        before = (base / NOTICE).read_text(encoding="utf-8").rstrip()
    lines = [*filter(None, [before]), *(one for one in _lines(told) if one not in before)]
    return "".join(f"{line}\n" for line in lines) if lines else None


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    texts = told.get("texts")
    if licences := _licences(told):
        yield f"Learnt from the labels '{told['name']}' under: {', '.join(licences)}."
    if texts and (licences := _licences(texts)):
        yield f"The labelled texts are of '{texts['name']}' under: {', '.join(licences)}."
    yield from (f"Cite: {one}." for one in told.get("cite", ()))


def _licences(told: Mapping[str, Any]) -> list[str]:
    said = (one["licence"] or one["rights"] for one in told["rights"])
    return list(dict.fromkeys(one for one in said if one))


def _of_all(rights: Sequence[Mapping[str, Any]], n: int) -> list[dict[str, Any]]:
    """Return what the corpus states that labels were made of; how many of each if there is one."""
    return [{**one, "documents": n if len(rights) == 1 else None} for one in rights]


def _terms(part: Labels) -> pl.DataFrame:
    """Return what a part's rows say of their terms."""
    there = [name for name in COLUMNS if name in part.rows.columns]
    return part.rows.select("id", *there)


def _file(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the name of the file that the labels were read from, and its SHA-256."""
    if not about.get("sha256"):
        return {}
    return {"file": Path(str(about["where"])).name, "sha256": about["sha256"]}


def _guideline(about: Mapping[str, Any], parts: Sequence[Labels]) -> dict[str, Any]:
    """Return which versions of a guideline the labels follow, by their provenance or columns."""
    if about.get("guideline_versions"):
        return {"guideline_versions": str(about["guideline_versions"])}
    if about.get("guideline"):
        return {"guideline_versions": version_of(str(about["guideline"]))}
    if not {"guideline", "version"} <= set(parts[0].rows.columns):
        return {}
    said = {str(one) for part in parts for one in part.rows["version"].drop_nulls()}
    return {"guideline_versions": ", ".join(sorted(said))} if said else {}


def _fingerprint(parts: Sequence[Labels]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.rows.select("id", "text", "label").write_ndjson().encode())
    return digest.hexdigest()
