"""Files that are whole or absent: atomic writes, and sealed folders with a manifest of checksums.

A *sealed folder* (a corpus, a set of token shards, a checkpoint, a saved model) is written under
another name beside its place, gets a ``manifest.json`` with the size and SHA-256 of each file, and
is renamed into place. A reader sees all of it or nothing, and can check what it sees. A folder that
gives way is renamed to ``.NAME.old`` before the new one takes its place, and removed after. Whoever
is killed in between leaves both: the next writer of the same folder puts the old one back first.

Files and folders get the permissions of the user's umask.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kblib.errors import IntegrityError, TakenError

MANIFEST = "manifest.json"
_CHUNK = 1 << 20
_LEFT_BEHIND_S = 24 * 3600.0


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` so that a reader, or a crash, meets the old file or the new one, never half."""
    write_pieces(path, (data,))


def write_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    """Write pieces one after the other, as `write_atomic` does, without holding all of them."""
    aside = _beside(path)
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` as readable JSON, atomically."""
    text = json.dumps(content, ensure_ascii=False, indent=2, sort_keys=False) + "\n"
    write_atomic(path, text.encode("utf-8"))


def write_json_once(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` if `path` is not there yet; who comes second changes nothing."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    write_json(aside, content)
    with suppress(FileExistsError):
        os.link(aside, path)
    aside.unlink()


def disk_is_full(error: BaseException) -> bool:
    """Say whether an error means that no space is left, also where a library has reworded it."""
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return True
    return "No space left" in str(error) or "os error 28" in str(error)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    IntegrityError
        If the file is missing, empty, not JSON, holds something else than an object, or cannot be
        read at all.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise IntegrityError(f"{path} is missing.", "It should hold a JSON object.") from None
    except OSError as error:
        raise _unreadable(path, error) from None
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


def one_digest(digests: Sequence[str]) -> str:
    """Return the SHA-256 of one file as it is; of several files that of their digests, in lines."""
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("\n".join(digests).encode("ascii")).hexdigest()


@contextmanager
def sealed_folder(
    target: Path,
    about: dict[str, Any],
    *,
    replace: bool = False,
    known: Mapping[str, Mapping[str, Any]] | None = None,
) -> Iterator[Path]:
    """Give a folder to write into; when the block ends well, seal it and rename it to `target`.

    Parameters
    ----------
    target
        Where the folder shall appear. Its parent is made if needed.
    about
        What the manifest says besides the files. May be changed inside the block.
    replace
        Whether a folder already at `target` gives way; otherwise it is an error.
    known
        Bytes and SHA-256 of files whose writers have computed them: they are not read again.

    Raises
    ------
    TakenError
        If `target` is there and `replace` is False, or somebody else made it in the meantime.
    """
    _put_back(target)
    if target.exists() and not replace:
        raise _taken(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target)
    aside = _beside(target)
    aside.mkdir()
    try:
        yield aside
        seal(aside, about, known=known or {})
        if replace:
            replace_folder(aside, target)
        else:
            _rename(aside, target)
        _sync_folder(target.parent)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def replace_folder(new: Path, target: Path) -> None:
    """Rename a folder to `target`; one that is there makes room, and is removed when it is done."""
    _put_back(target)
    old = _old(target)
    if target.exists():
        os.rename(target, old)
    try:
        _rename(new, target)
    except BaseException:
        _put_back(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def seal(
    folder: Path, about: Mapping[str, Any], *, known: Mapping[str, Mapping[str, Any]] | None = None
) -> None:
    """Write the manifest of a folder: `about`, then size and SHA-256 of every file below it."""
    files: dict[str, Mapping[str, Any]] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p != folder / MANIFEST):
        # As the folder allows: some libraries write files for their owner alone.
        path.chmod(folder.stat().st_mode & 0o666)
        name = path.relative_to(folder).as_posix()
        if known and name in known:
            files[name] = known[name]
            continue
        with open(path, "rb") as file:
            os.fsync(file.fileno())
        files[name] = {
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
        Naming the first file that is missing, too short, too long, changed, or cannot be read.
    """
    manifest = read_manifest(folder)
    if not isinstance(manifest.get("files"), dict):
        raise IntegrityError(f"{folder / MANIFEST} lists no files.", "It should list each of them.")
    for name, said in manifest["files"].items():
        try:
            _check_file(folder, name, said["bytes"], said["sha256"] if contents else None)
        except (KeyError, TypeError):
            raise IntegrityError(
                f"{folder / MANIFEST} says {said!r} of '{name}'.",
                "It should say its bytes and its sha256.",
            ) from None
    return manifest


def _check_file(folder: Path, name: str, n_bytes: int, digest: str | None) -> None:
    path = folder / name
    try:
        if not path.is_file():
            raise IntegrityError(f"{path} is missing.", f"{folder / MANIFEST} lists it.")
        size = path.stat().st_size
        if size != n_bytes:
            raise IntegrityError(f"{path} has {size} bytes.", f"Its manifest says {n_bytes}.")
        if digest is not None and sha256(path) != digest:
            raise IntegrityError(
                f"{path} has been changed or damaged.", "Its SHA-256 is not the manifest's."
            )
    except IntegrityError:
        raise
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> IntegrityError:
    return IntegrityError(
        f"{path} cannot be read: {error.strerror or error}.", "A file that opens was expected."
    )


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}")


def _old(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def _put_back(target: Path) -> None:
    """Undo, or finish, what somebody was killed in: the old folder is back in place, or gone."""
    old = _old(target)
    if not old.exists():
        return
    if target.exists():
        shutil.rmtree(old, ignore_errors=True)
    else:
        with suppress(OSError):
            os.rename(old, target)


def _sweep(target: Path) -> None:
    """Remove what writers of `target` left who were killed: nothing was written there for a day."""
    for path in target.parent.glob(f".{glob.escape(target.name)}.{'[0-9a-f]' * 8}"):
        with suppress(OSError):
            if path.is_dir() and time.time() - _last_written(path) > _LEFT_BEHIND_S:
                shutil.rmtree(path)


def _last_written(folder: Path) -> float:
    return max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))


def _taken(target: Path) -> TakenError:
    return TakenError(
        f"{target} is there already.",
        "Nothing is written over unasked: a name that is free was expected.",
        "Take another name, or write over it with replace=True.",
    )


def _rename(aside: Path, target: Path) -> None:
    try:
        os.rename(aside, target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise _taken(target) from None
        raise


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
