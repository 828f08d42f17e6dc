"""Who may look at a run: its owner alone, or a group, which may read it and never write.

Folders of runs are their owner's alone (mode 0700). One that was submitted with ``share="group"``
has mode 2750: its files belong to the group of the folder of runs, that of a project for instance,
and whoever works in the run does so with the umask 027. Keys stay their owner's all the same.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kblib import settings
from kblib.errors import RunError, SettingsError

GROUP = "group"
UMASK = 0o027
_MODE = 0o2750
"""The set-group-id bit hands the group on to all that is made inside (inode(7))."""


def check_share(share: str | None) -> None:
    """Check what was asked for, and that the group gets as far as the folder of runs.

    Raises
    ------
    RunError
        If it is neither None nor ``"group"``.
    SettingsError
        If a folder above is closed to the group.
    """
    if share is None:
        return
    if share != GROUP:
        raise RunError(
            f"share={share!r} was asked for.",
            "None, for you alone, or 'group' was expected.",
            'kb.submit(job, share="group")',
        )
    runs = settings.writable_home() / settings.runs_folder().name
    runs.mkdir(exist_ok=True)
    group = _group_of(runs)
    for folder in (runs, *runs.parents):
        if not _lets_in(folder, group):
            raise SettingsError(
                f"{folder} is closed to group '{group_name(group)}' "
                f"(mode {stat.S_IMODE(folder.stat().st_mode):04o}).",
                f"Runs lie in {runs}; nobody else would get there.",
                f"chmod g+x {folder}, or export {settings.HOME_VARIABLE}=/a/folder/of/the/project",
            )


def open_to_group(folder: Path) -> None:
    """Let a group read a new, empty folder and all that will be made in it."""
    os.chown(folder, -1, _group_of(folder.parent))
    folder.chmod(_MODE)


def settle(folder: Path) -> None:
    """Let a group read a private folder of copies, whose files may have been open to writers."""
    for path in folder.rglob("*"):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o022)
    folder.chmod(_MODE)


@contextmanager
def shared_umask(shared: bool) -> Iterator[None]:
    """Write what a group may read and not write, whatever the user's own umask is."""
    if not shared:
        yield
        return
    before = os.umask(UMASK)
    try:
        yield
    finally:
        os.umask(before)


def owner_name(path: Path) -> str:
    """Return the name of the user whom a folder belongs to."""
    uid = path.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a container need not know the users of the disk
        return f"user {uid}"


def group_name(gid: int) -> str:
    """Return the name of a group."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return f"group {gid}"


def _group_of(runs: Path) -> int:
    """Return the group of the folder of runs, if this user is in it; else the user's own."""
    group = runs.stat().st_gid
    own = (os.getegid(), *os.getgroups())
    return group if group in own or os.geteuid() == 0 else os.getegid()


def _lets_in(folder: Path, group: int) -> bool:
    about = folder.stat()
    needed = stat.S_IXGRP if about.st_gid == group else stat.S_IXOTH
    return bool(about.st_mode & needed)
