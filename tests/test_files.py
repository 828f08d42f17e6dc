from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import save_file

from kblib import files
from kblib.errors import IntegrityError
from kblib.files import disk_is_full, read_json, sha256, write_atomic
from tests.disks import fill, mounted
from tests.folders import names

# write_atomic, write_json, read_json


def test_write_atomic_replaces_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_atomic(path, b"old and long")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["state"]


def test_write_atomic_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    in_the_way = tmp_path / "state"
    in_the_way.mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomic(in_the_way, b"new")
    assert names(tmp_path) == ["state"]


def test_write_atomic_killed_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")
    code = (
        "import os, sys; from pathlib import Path; from kblib import files\n"
        "os.fsync = lambda handle: os._exit(9)\n"
        "files.write_atomic(Path(sys.argv[1]), b'new')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == 9
    assert path.read_bytes() == b"old"


def test_reader_never_meets_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    files.write_json(path, {"round": -1, "filling": "x"})
    over = threading.Event()
    seen: list[int] = []

    def read() -> None:
        while not over.is_set():
            content = read_json(path)
            assert len(content["filling"]) in (1, 50_000)
            seen.append(content["round"])

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(60):
        files.write_json(path, {"round": number, "filling": "x" * 50_000})
    over.set()
    reader.join()
    assert seen == sorted(seen)
    assert len(seen) > 0


def test_write_json_keeps_swedish_letters_and_order(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, {"ö": 1, "a": "järnväg"})
    assert path.read_text(encoding="utf-8") == '{\n  "ö": 1,\n  "a": "järnväg"\n}\n'
    assert read_json(path) == {"ö": 1, "a": "järnväg"}


def test_read_json_says_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with pytest.raises(IntegrityError) as caught:
        read_json(path)
    assert str(caught.value) == f"{path} is missing. It should hold a JSON object."


def test_read_json_says_where_a_cut_file_ends(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text('{"phase": ')
    with pytest.raises(IntegrityError) as caught:
        read_json(path)
    assert str(caught.value) == (
        f"{path} is damaged: Expecting value: line 1 column 11 (char 10). "
        "It should hold a JSON object."
    )


@pytest.mark.parametrize("content", [b"", b"\xff\xfe{}", b"{'phase': 1}"])
def test_read_json_refuses_what_is_no_json(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match="is damaged: "):
        read_json(path)


def test_read_json_refuses_what_is_no_object(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text("[1, 2]")
    with pytest.raises(IntegrityError) as caught:
        read_json(path)
    assert str(caught.value) == f"{path} holds a JSON list. It should hold an object."


def test_read_json_names_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="cannot be read: Is a directory"):
        read_json(tmp_path)


# sha256


def test_sha256_of_the_published_example(tmp_path: Path) -> None:
    """The example "abc" of FIPS 180-4."""
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_sha256_of_a_file_larger_than_a_piece(tmp_path: Path) -> None:
    path, data = tmp_path / "big", os.urandom((2 << 20) + 17)
    path.write_bytes(data)
    assert sha256(path) == hashlib.sha256(data).hexdigest()


# disk_is_full


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), True),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), True),
        (SafetensorError("I/O error: No space left on device (os error 28)"), True),
        (OSError(errno.EACCES, os.strerror(errno.EACCES)), False),
        (RuntimeError("a bug"), False),
    ],
    ids=["no space", "quota", "safetensors", "no right", "bug"],
)
def test_full_disk_is_known_in_every_dress(error: Exception, full: bool) -> None:
    assert disk_is_full(error) is full


def test_full_disk_is_known_where_a_library_has_reworded_it(tmp_path: Path) -> None:
    """A real disk of 2 MiB, and safetensors, which raises an error of its own."""
    with mounted(tmp_path / "disk", mib=2) as disk:
        with pytest.raises((OSError, SafetensorError)) as caught:
            save_file({"a": np.zeros(1_000_000)}, disk / "a.safetensors")
        assert disk_is_full(caught.value)


def test_write_atomic_on_a_full_disk_keeps_the_old_file(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", mib=2) as disk:
        write_atomic(disk / "state", b"old")
        fill(disk)
        with pytest.raises(OSError, match="No space left"):
            write_atomic(disk / "state", b"new" * 10_000)
        assert (disk / "state").read_bytes() == b"old"
        assert names(disk) == ["filler", "state"]
