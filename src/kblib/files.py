"""Files that are whole or absent: atomic writes, and sealed folders with a manifest of checksums.

A *sealed folder* (a corpus, a set of token shards, a checkpoint, a saved model) is written under
another name beside its place, gets a ``manifest.json`` with the size and SHA-256 of each file, and
is renamed into place. A reader sees all of it or nothing, and can check what it sees.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kblib.errors import IntegrityError

MANIFEST = "manifest.json"
_CHUNK = 1 << 20


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` so that a reader, or a crash, meets the old file or the new one, never half."""
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` as readable JSON, atomically."""
    text = json.dumps(content, ensure_ascii=False, indent=2, sort_keys=False) + "\n"
    write_atomic(path, text.encode("utf-8"))


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    IntegrityError
        If the file is missing, empty, not JSON, or holds something else than an object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise IntegrityError(f"{path} is missing.", "It should hold a JSON object.") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise IntegrityError(
            f"{path} is damaged: {error}.", "It should hold a JSON object."
        ) from None
    if not isinstance(content, dict):
        raise IntegrityError(
            f"{path} holds a JSON {type(content).__name__}.", "It should hold an object."
        )
    return content


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal, read in pieces of 1 MiB."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def sealed_folder(target: Path, about: dict[str, Any], *, replace: bool = False) -> Iterator[Path]:
    """Give a folder to write into; when the block ends well, seal it and rename it to `target`.

    Parameters
    ----------
    target
        Where the folder shall appear. Its parent is made if needed.
    about
        What the manifest says besides the files. May be changed inside the block.
    replace
        Whether a folder already at `target` gives way; otherwise it is an error.

    Raises
    ------
    FileExistsError
        If `target` is there and `replace` is False, or somebody else made it in the meantime.
    """
    if target.exists() and not replace:
        raise FileExistsError(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    aside.chmod(0o755)
    try:
        yield aside
        seal(aside, about)
        if replace and target.exists():
            shutil.rmtree(target)
        _rename(aside, target)
        _sync_folder(target.parent)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def seal(folder: Path, about: Mapping[str, Any]) -> None:
    """Write the manifest of a folder: `about`, then size and SHA-256 of every file below it."""
    files = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p != folder / MANIFEST):
        with open(path, "rb") as file:
            os.fsync(file.fileno())
        files[path.relative_to(folder).as_posix()] = {
            "bytes": path.stat().st_size,
            "sha256": sha256(path),
        }
    write_json(folder / MANIFEST, {**about, "files": files})


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a sealed folder."""
    return read_json(folder / MANIFEST)


def check_folder(folder: Path, *, contents: bool) -> dict[str, Any]:
    """Compare a sealed folder with its manifest and return the manifest.

    Parameters
    ----------
    contents
        Whether to read every file and compare its SHA-256; otherwise only names and sizes.

    Raises
    ------
    IntegrityError
        Naming the first file that is missing, too short, too long, or changed.
    """
    manifest = read_manifest(folder)
    if not isinstance(manifest.get("files"), dict):
        raise IntegrityError(f"{folder / MANIFEST} lists no files.", "It should list each of them.")
    for name, said in manifest["files"].items():
        path = folder / name
        if not path.is_file():
            raise IntegrityError(f"{path} is missing.", f"{folder / MANIFEST} lists it.")
        size = path.stat().st_size
        if size != said["bytes"]:
            raise IntegrityError(f"{path} has {size} bytes.", f"Its manifest says {said['bytes']}.")
        if contents and sha256(path) != said["sha256"]:
            raise IntegrityError(
                f"{path} has been changed or damaged.", "Its SHA-256 is not the manifest's."
            )
    return manifest


def _rename(aside: Path, target: Path) -> None:
    try:
        os.rename(aside, target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise FileExistsError(target) from None
        raise


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
