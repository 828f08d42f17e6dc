"""Staging: all that a job will need lies where its nodes see it, whole, before it is queued.

Corpus, models, tokenizer, the copy of the code and the Python are looked at when a run is sent.
Sizes and checksums go into ``staged.json``; the driver compares them once more when the job begins.
A file is read in full once, and again only when its size or its time has changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import kblib
from kblib import files
from kblib.cluster import environment, snapshot
from kblib.cluster.access import Shell
from kblib.cluster.job_parts import asked_models, corpora_in, models_in
from kblib.errors import IntegrityError, SiteError
from kblib.finetuning.recipe import PARTS_OF_METHODS
from kblib.models import catalog, hub
from kblib.models.sentence_encoder_packaged import PACKAGE
from kblib.runs import RunFolder
from kblib.sites import Cluster

_READERS = 4
_SHOWN = 12  # letters of a checksum in a message


@dataclass(frozen=True)
class Seen:
    """A file as it was when it was staged."""

    bytes: int
    sha256: str
    mtime_ns: int


@dataclass(frozen=True)
class Piece:
    """A folder that a job needs.

    Parameters
    ----------
    what
        As a message calls it: ``corpus 'films'``.
    folder
        Where it lies, on a disk that all nodes see.
    next_step
        What to do when it is not whole.
    files
        What is in it, by name.
    """

    what: str
    folder: Path
    next_step: str
    files: Mapping[str, Seen]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**asdict(self), "folder": str(self.folder)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Piece:
        """Read it from a run folder."""
        seen = {name: Seen(**said) for name, said in content["files"].items()}
        return cls(content["what"], Path(content["folder"]), content["next_step"], seen)


def stage(run: RunFolder, cluster: Cluster, shell: Shell) -> list[Piece]:
    """Look at all that a run needs, and write down what was seen.

    Whoever begins a run holds its lock, so that one stages at a time.

    Raises
    ------
    IntegrityError
        If a file of it is missing, or is not what its own manifest says.
    SiteError
        If a model is not on this machine and the nodes have no internet, or the site's Python
        cannot carry out the job.
    """
    job = run.config()["job"]
    code = snapshot.take(run)
    environment.check_python(cluster, shell, code=code, packages=_packages(job))
    known = {
        piece.folder / name: seen for piece in staged(run) for name, seen in piece.files.items()
    }
    pieces = [_piece(*needed, known) for needed in _needed(run, job, cluster)]
    about = {"kblib": kblib.__version__, "pieces": [piece.to_dict() for piece in pieces]}
    files.write_json(run.staged_file, about)
    return pieces


def staged(run: RunFolder) -> list[Piece]:
    """Return what was staged for a run; nothing if that was never done."""
    if not run.staged_file.exists():
        return []
    return [Piece.from_dict(content) for content in files.read_json(run.staged_file)["pieces"]]


def check_staged(run: RunFolder) -> None:
    """Compare what was staged with what is there now, as the driver does when its job begins.

    Raises
    ------
    IntegrityError
        Naming the first file that is missing or changed, and what to do; or if the library was
        replaced where it is installed.
    """
    _check_library(run)
    for piece in staged(run):
        for name, now in _looked_at(piece.folder, piece.files, piece.files, piece).items():
            said = piece.files[name]
            if (now.bytes, now.sha256) != (said.bytes, said.sha256):
                raise _changed(piece, name, said, now)


def _check_library(run: RunFolder) -> None:
    said = files.read_json(run.staged_file).get("kblib") if run.staged_file.exists() else None
    if said not in (None, kblib.__version__):
        raise IntegrityError(
            f"The Python of this job has kblib {kblib.__version__}.",
            f"The run was staged with {said}: another one was installed while it waited.",
            f"kb.Run.open('{run.name}').resume() stages it with the new one",
        )


def _packages(job: Mapping[str, Any]) -> tuple[str, ...]:
    if job.get("kind") == "batch":
        asked = environment.TRAINING if asked_models(job) else ()
        return (*environment.CORE, *asked, *_packaged(job), "dask", "distributed")
    more = PARTS_OF_METHODS.get(str(job.get("method")), ())
    if job.get("engine") == "deepspeed":
        more = ("deepspeed",)
    return (*environment.CORE, *environment.TRAINING, *more)


def _packaged(job: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the package whose vectors a classifier reads, by words or from a few labels."""
    arguments = job.get("arguments") or {}
    judge = arguments.get("judge") or {}
    return (PACKAGE,) if PACKAGE in (judge.get("name"), arguments.get("beside")) else ()


def _needed(
    run: RunFolder, job: Mapping[str, Any], cluster: Cluster
) -> Iterator[tuple[str, Path, str]]:
    """Yield what a job needs: what it is, its folder, and what to do when it is not whole."""
    if snapshot.place_of(run) is not None:
        yield "the code", run.code, f"kb.Run.open('{run.name}').resume() takes a new copy"
    for corpus in corpora_in(job):
        what = f"corpus '{corpus.get('name', '')}'"
        yield what, Path(corpus["folder"]), "Save it again, and submit the job with the new one."
    for name, place in models_in(job):
        folder = _model(name, place, cluster)
        if folder is not None:
            yield f"model '{name}'", folder, f"Fetch or save it again: {folder}"


def _model(name: str, place: str, cluster: Cluster) -> Path | None:
    """Return the folder of a model on this machine; None if the job may fetch it from the hub."""
    folder = catalog.local_folder(place)
    if folder is not None:
        return folder
    if hub.looks_like_hub_name(name) and cluster.internet:
        return None
    fetch = f"python -c \"from kblib.models.catalog import find_model; find_model('{name}')\""
    raise SiteError(
        f"Model '{name}' is not on this machine, and nodes of site '{cluster.name}' "
        f"{'find it nowhere else' if cluster.internet else 'have no internet'}.",
        "What a job needs must be there before it is queued.",
        f"Where there is internet, on the same disk: {fetch}",
    )


def _piece(what: str, folder: Path, next_step: str, known: Mapping[Path, Seen]) -> Piece:
    """Look at a folder; one with a manifest must be what that says."""
    piece = Piece(what, folder, next_step, {})
    said = _manifest(piece)
    names = said or dict.fromkeys(_names_in(folder))
    before = {name: known[folder / name] for name in names if folder / name in known}
    seen = _looked_at(folder, names, before, piece)
    for name, one in (said or {}).items():
        if (seen[name].bytes, seen[name].sha256) != (one.bytes, one.sha256):
            raise _changed(piece, name, one, seen[name])
    return Piece(what, folder, next_step, seen)


def _manifest(piece: Piece) -> dict[str, Seen] | None:
    """Return what the manifest of a sealed folder says of its files; None if it has none."""
    if not piece.folder.is_dir():
        raise IntegrityError(
            f"{_capital(piece.what)} is missing: there is no folder {piece.folder}.",
            "A job needs it on a disk that all nodes see.",
            piece.next_step,
        )
    if not (piece.folder / files.MANIFEST).is_file():
        return None
    said = files.check_folder(piece.folder, contents=False)["files"]
    return {name: Seen(one["bytes"], one["sha256"], 0) for name, one in said.items()}


def _names_in(folder: Path) -> list[str]:
    """Return the files of a folder; what Python keeps beside its sources is no part of it."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return sorted(
        path.relative_to(folder).as_posix() for path in paths if snapshot.CACHE not in path.parts
    )


def _looked_at(
    folder: Path, names: Mapping[str, object], known: Mapping[str, Seen], piece: Piece
) -> dict[str, Seen]:
    """Return what files are now; several are read at a time."""

    def look(name: str) -> Seen:
        path = folder / name
        try:
            status = path.stat()
            before = known.get(name)
            if before and (before.bytes, before.mtime_ns) == (status.st_size, status.st_mtime_ns):
                return before
            return Seen(status.st_size, files.sha256(path), status.st_mtime_ns)
        except OSError as error:
            raise IntegrityError(
                f"{_capital(piece.what)} is not whole: {path} cannot be read "
                f"({error.strerror or error}).",
                "It was there, or is named in the manifest.",
                piece.next_step,
            ) from None

    with ThreadPoolExecutor(_READERS) as readers:
        return dict(zip(names, readers.map(look, names), strict=True))


def _changed(piece: Piece, name: str, said: Seen, now: Seen) -> IntegrityError:
    return IntegrityError(
        f"{_capital(piece.what)} is not what it was: {piece.folder / name} has {now.bytes} bytes, "
        f"SHA-256 {now.sha256[:_SHOWN]}.",
        f"Written down were {said.bytes} bytes, {said.sha256[:_SHOWN]}.",
        piece.next_step,
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
