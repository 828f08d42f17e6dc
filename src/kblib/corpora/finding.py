"""Which files a reader reads: one file, a list, a pattern, or all fitting files below a folder."""

from __future__ import annotations

import difflib
import glob
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kblib.errors import CorpusError

Where = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class Found:
    """The files to read, in the order of their names.

    Attributes
    ----------
    where
        What was asked for.
    root
        The folder their names are told from.
    files
        The files.
    passed_over
        Files below a folder that have another ending, counted by it.
    """

    where: str
    root: Path
    files: tuple[Path, ...]
    passed_over: dict[str, int]

    @property
    def name(self) -> str:
        """What a corpus of these files is called if nothing else is said."""
        return (
            self.files[0].name.split(".")[0]
            if len(self.files) == 1
            else self.root.resolve().name or "files"
        )

    @property
    def about(self) -> dict[str, Any]:
        """What the manifest says about them."""
        said: dict[str, Any] = {"where": self.where, "files": len(self.files)}
        return said | ({"passed_over": self.passed_over} if self.passed_over else {})

    def label(self, path: Path) -> str:
        """Return what a file is called in ids: its path below the root, with slashes."""
        return (
            path.relative_to(self.root).as_posix()
            if path.is_relative_to(self.root)
            else path.as_posix()
        )


def find_files(where: Where, suffixes: Iterable[str]) -> Found:
    """Find what to read.

    Parameters
    ----------
    where
        A file, a list of files, a pattern such as ``*.txt`` or ``**/*.srt``, or a folder: then
        everything below it whose name ends in one of `suffixes`, also if ``.gz`` follows.

    Raises
    ------
    CorpusError
        If nothing is found, with what is there instead.
    """
    endings = tuple(suffixes) + tuple(f"{suffix}.gz" for suffix in suffixes)
    if not isinstance(where, str | Path):
        files = tuple(Path(one).expanduser() for one in where)
        if not files:
            raise CorpusError(
                "An empty list of files was given.", "At least one file was expected."
            )
        return Found(f"{len(files)} files", _common(files), files, {})
    path = Path(where).expanduser()
    if path.is_dir():
        return _below(path, endings)
    if not path.exists() and glob.has_magic(str(path)):
        return _matching(path)
    if not path.exists():
        raise _missing(path)
    return Found(str(where), path.parent, (path,), {})


def _below(folder: Path, endings: tuple[str, ...]) -> Found:
    there = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    files = tuple(sorted(path for path in there if path.name.lower().endswith(endings)))
    others = Counter(
        path.suffix or "no ending" for path in there if not path.name.lower().endswith(endings)
    )
    if not files:
        seen = ", ".join(f"{count} {ending}" for ending, count in others.most_common(5))
        raise CorpusError(
            f"There is no file to read in {folder}.",
            f"Names ending in {', '.join(endings)} were expected; there: {seen or 'nothing'}.",
            f"Give a pattern to read others: '{folder / '**' / f'*{others.most_common(1)[0][0]}'}'."
            if others
            else "",
        )
    return Found(str(folder), folder, files, dict(sorted(others.items())))


def _matching(pattern: Path) -> Found:
    matches = glob.glob(str(pattern), recursive=True)  # noqa: PTH207  Path.glob wants a root
    files = tuple(Path(path) for path in sorted(matches))
    if not files:
        raise CorpusError(
            f"No file matches '{pattern}' (looked from {Path.cwd()}).",
            "At least one was expected.",
            "Below folders too: '**/' before the name, as in 'pages/**/*.txt'.",
        )
    return Found(str(pattern), _common(files), files, {})


def _missing(path: Path) -> CorpusError:
    parent = path.parent
    siblings = [one.name for one in parent.iterdir()] if parent.is_dir() else []
    near = difflib.get_close_matches(path.name, siblings, n=1)
    looked = "" if path.is_absolute() else f" (looked from {Path.cwd()})"
    return CorpusError(
        f"There is no file or folder '{path}'{looked}.",
        "" if parent.is_dir() else f"The folder {parent} is not there either.",
        f"Did you mean '{parent / near[0]}'?" if near else "",
    )


def _common(files: Sequence[Path]) -> Path:
    root = files[0].parent
    while not all(path.is_relative_to(root) for path in files) and root != root.parent:
        root = root.parent
    return root
