"""Folders that are whole or not there, and a manifest that says what is in them."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kblib import files
from kblib.errors import IntegrityError
from kblib.files import MANIFEST, check_folder, read_json, sealed_folder
from tests.folders import names


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """Seal a folder with a file at the top and one below."""
    target = tmp_path / "sealed"
    with sealed_folder(target, {"kind": "sample"}) as aside:
        (aside / "a.txt").write_bytes(b"abc")
        (aside / "below").mkdir()
        (aside / "below" / "b.bin").write_bytes(bytes(1000))
    return target


# sealed_folder


def test_sealed_folder_lists_every_file_with_size_and_checksum(sealed: Path) -> None:
    assert json.loads((sealed / MANIFEST).read_text()) == {
        "kind": "sample",
        "files": {
            "a.txt": {"bytes": 3, "sha256": hashlib.sha256(b"abc").hexdigest()},
            "below/b.bin": {"bytes": 1000, "sha256": hashlib.sha256(bytes(1000)).hexdigest()},
        },
    }


def test_sealed_folder_says_what_was_learnt_inside_the_block(tmp_path: Path) -> None:
    about: dict[str, object] = {}
    with sealed_folder(tmp_path / "sealed", about):
        about["n_tokens"] = 7
    assert files.read_manifest(tmp_path / "sealed")["n_tokens"] == 7


def test_sealed_folder_is_not_there_before_its_end(tmp_path: Path) -> None:
    target = tmp_path / "sealed"
    with sealed_folder(target, {}) as aside:
        assert not target.exists()
        assert aside.parent == target.parent
    assert target.is_dir()


def test_sealed_folder_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with sealed_folder(tmp_path / "sealed", {}) as aside:
            (aside / "a.txt").write_bytes(b"abc")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == []


def test_sealed_folder_killed_half_way_leaves_the_old_one(sealed: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from kblib.files import sealed_folder\n"
        "with sealed_folder(Path(sys.argv[1]), {}, replace=True) as aside:\n"
        "    (aside / 'a.txt').write_bytes(b'half'); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(sealed)], check=False)
    assert done.returncode == 9
    check_folder(sealed, contents=True)
    assert [name for name in names(sealed.parent) if not name.startswith(".")] == ["sealed"]


def test_sealed_folder_refuses_a_place_that_is_taken(sealed: Path) -> None:
    with pytest.raises(FileExistsError), sealed_folder(sealed, {}):
        pass
    check_folder(sealed, contents=True)


def test_sealed_folder_that_replaces_keeps_nothing_of_the_old(sealed: Path) -> None:
    with sealed_folder(sealed, {}, replace=True) as aside:
        (aside / "new.txt").write_bytes(b"new")
    assert names(sealed) == [MANIFEST, "new.txt"]
    assert names(sealed.parent) == ["sealed"]


def test_sealed_folder_loses_a_race_to_one_that_was_faster(tmp_path: Path) -> None:
    """Two processes that make the same thing: the second is told as if it had come later."""
    target = tmp_path / "sealed"
    with (
        pytest.raises(FileExistsError),
        sealed_folder(target, {"by": "slow"}),
        sealed_folder(target, {"by": "fast"}) as faster,
    ):
        (faster / "a.txt").write_bytes(b"abc")
    assert files.read_manifest(target)["by"] == "fast"
    assert names(tmp_path) == ["sealed"]


@pytest.mark.parametrize(
    ("umask", "folders", "plain"), [(0o022, 0o755, 0o644), (0o077, 0o700, 0o600), (2, 0o775, 0o664)]
)
def test_permissions_are_those_of_the_umask(
    tmp_path: Path, umask: int, folders: int, plain: int
) -> None:
    before = os.umask(umask)
    try:
        with sealed_folder(tmp_path / "sealed", {}) as aside:
            (aside / "a.txt").write_bytes(b"abc")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "sealed").stat().st_mode) == folders
    for path in (tmp_path / "sealed").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == plain


def killed_between_the_renames(sealed: Path) -> None:
    """Replace a sealed folder in a process that dies when the old one has made room."""
    code = (
        "import os, sys; from pathlib import Path; from kblib import files\n"
        "def rename(old, new, real=os.rename):\n"
        "    real(old, new); os._exit(9)\n"
        "with files.sealed_folder(Path(sys.argv[1]), {}, replace=True) as aside:\n"
        "    (aside / 'new.txt').write_bytes(b'new'); os.rename = rename"
    )
    done = subprocess.run([sys.executable, "-c", code, str(sealed)], check=False)
    assert done.returncode == 9


def test_sealed_folder_killed_while_it_replaces_keeps_the_old_one_aside(sealed: Path) -> None:
    killed_between_the_renames(sealed)
    assert not sealed.exists()
    check_folder(sealed.with_name(".sealed.old"), contents=True)


def test_next_writer_puts_the_old_folder_back(sealed: Path) -> None:
    killed_between_the_renames(sealed)
    with pytest.raises(FileExistsError), sealed_folder(sealed, {}):
        pass
    assert check_folder(sealed, contents=True)["kind"] == "sample"
    with sealed_folder(sealed, {"kind": "newer"}, replace=True):
        pass
    assert check_folder(sealed, contents=True)["kind"] == "newer"
    assert not sealed.with_name(".sealed.old").exists()


def test_folder_that_cannot_be_replaced_comes_back(
    sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "_rename", refuse)
    with pytest.raises(PermissionError), sealed_folder(sealed, {}, replace=True):
        pass
    assert check_folder(sealed, contents=True)["kind"] == "sample"
    assert names(sealed.parent) == ["sealed"]


def test_what_killed_writers_left_is_swept_after_a_day(tmp_path: Path) -> None:
    for name, age_h in ((".sealed.0a1b2c3d", 25), (".sealed.00000000", 1), (".other.0a1b2c3d", 25)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (0, time.time() - age_h * 3600))
    with sealed_folder(tmp_path / "sealed", {}):
        pass
    assert names(tmp_path) == [".other.0a1b2c3d", ".sealed.00000000", "sealed"]


# check_folder


def test_check_folder_returns_the_manifest_of_a_whole_folder(sealed: Path) -> None:
    assert check_folder(sealed, contents=True)["kind"] == "sample"


def test_check_folder_names_a_missing_file(sealed: Path) -> None:
    (sealed / "below" / "b.bin").unlink()
    with pytest.raises(IntegrityError) as caught:
        check_folder(sealed, contents=False)
    assert str(caught.value) == (
        f"{sealed / 'below' / 'b.bin'} is missing. {sealed / MANIFEST} lists it."
    )


@pytest.mark.parametrize("size", [999, 1001, 0])
def test_check_folder_names_a_file_of_another_size(sealed: Path, size: int) -> None:
    path = sealed / "below" / "b.bin"
    path.write_bytes(bytes(size))
    with pytest.raises(IntegrityError) as caught:
        check_folder(sealed, contents=False)
    assert str(caught.value) == f"{path} has {size} bytes. Its manifest says 1000."


def test_check_folder_finds_a_single_wrong_bit_when_it_reads_contents(sealed: Path) -> None:
    path = sealed / "below" / "b.bin"
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityError) as caught:
        check_folder(sealed, contents=True)
    assert str(caught.value) == (
        f"{path} has been changed or damaged. Its SHA-256 is not the manifest's."
    )


def test_check_folder_without_contents_reads_no_file(sealed: Path) -> None:
    path = sealed / "a.txt"
    path.write_bytes(b"abd")
    assert check_folder(sealed, contents=False)["kind"] == "sample"


def test_check_folder_sees_a_changed_manifest_of_a_folder_below(tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    with sealed_folder(outer, {}) as aside, sealed_folder(aside / "inner", {"n": 1}):
        pass
    (outer / "inner" / MANIFEST).write_text('{"n": 2, "files": {}}')
    with pytest.raises(IntegrityError):
        check_folder(outer, contents=True)


def test_check_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=r"manifest\.json is missing"):
        check_folder(tmp_path, contents=False)


def test_check_folder_refuses_a_manifest_that_lists_no_files(sealed: Path) -> None:
    (sealed / MANIFEST).write_text("{}")
    with pytest.raises(IntegrityError) as caught:
        check_folder(sealed, contents=False)
    assert str(caught.value) == f"{sealed / MANIFEST} lists no files. It should list each of them."


@pytest.mark.parametrize("said", [{"bytes": 3}, [3, "abc"], None])
def test_check_folder_refuses_a_manifest_that_says_something_else(
    sealed: Path, said: object
) -> None:
    manifest = read_json(sealed / MANIFEST)
    manifest["files"]["a.txt"] = said
    files.write_json(sealed / MANIFEST, manifest)
    with pytest.raises(IntegrityError) as caught:
        check_folder(sealed, contents=True)
    assert str(caught.value) == (
        f"{sealed / MANIFEST} says {said!r} of 'a.txt'. It should say its bytes and its sha256."
    )


def test_check_folder_names_a_file_the_disk_does_not_give(
    sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Path) -> str:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(files, "sha256", broken)
    with pytest.raises(IntegrityError) as caught:
        check_folder(sealed, contents=True)
    assert str(caught.value) == (
        f"{sealed / 'a.txt'} cannot be read: Input/output error. A file that opens was expected."
    )
