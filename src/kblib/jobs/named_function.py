"""A function by its name, ``module:function``: what a batch calls, wherever it runs.

A name is plain text that every machine understands the same way; a pickled function is neither. A
module that lies beside a notebook is not found by a process elsewhere: its file goes with the run.
"""

from __future__ import annotations

import hashlib
import inspect
import re
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module, invalidate_caches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kblib.errors import JobError

_NAME = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")
_OWN_PACKAGES = ("kblib", "kbnotebooks")
_EXAMPLE = 'kb.BatchTask("my_functions:count_words", corpus)'


@dataclass(frozen=True)
class NamedFunction:
    """A function of a module.

    Parameters
    ----------
    module, name
        Of the function.
    """

    module: str
    name: str

    @classmethod
    def of(cls, text: object) -> NamedFunction:
        """Read ``module:function``.

        Raises
        ------
        JobError
            If it is no such name, or the module is the notebook itself.
        """
        found = _NAME.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            given = f"'{text}'" if isinstance(text, str) else f"a {type(text).__name__}"
            raise JobError(
                f"BatchTask got {given} for its function.",
                "The name of a module and of a function in it was expected: 'module:function'.",
                _EXAMPLE,
            )
        if found[1] == "__main__":
            raise JobError(
                f"The function '{text}' stands in the notebook itself.",
                "Other machines know functions by their module; a notebook is none.",
                f"Write it into my_functions.py beside the notebook, then {_EXAMPLE}",
            )
        return cls(found[1], found[2])

    def load(self) -> Callable[..., Any]:
        """Import and return the function.

        Raises
        ------
        JobError
            If the module cannot be imported, or has no such function.
        """
        invalidate_caches()  # the file may have been written a moment ago
        try:
            module = import_module(self.module)
        except Exception as error:
            raise JobError(
                f"The module '{self.module}' cannot be imported: {type(error).__name__}: {error}.",
                f"BatchTask looks for the function '{self.name}' there.",
                self._what_to_do(error),
            ) from error
        function = getattr(module, self.name, None)
        if not callable(function):
            known = [name for name, one in vars(module).items() if inspect.isfunction(one)]
            raise JobError(
                f"The module '{self.module}' has no function '{self.name}'.",
                f"It has: {', '.join(known) or 'none'}.",
                f"If the file has changed: import importlib, {self.module}; "
                f"importlib.reload({self.module})",
            )
        return function  # type: ignore[no-any-return]

    def _what_to_do(self, error: Exception) -> str:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is None or self.module.startswith(missing):
            return f"python -c 'import {self.module}'"
        return (
            f"Install '{missing}' where the work is done. If it is a file of your own: one file, "
            "or one folder with both, goes with a run."
        )

    def check_arguments(self, arguments: Mapping[str, Any]) -> None:
        """Check that the function takes a shard and these arguments.

        Raises
        ------
        JobError
            If it does not, in Python's words.
        """
        function = self.load()
        try:
            inspect.signature(function).bind(None, **arguments)
        except TypeError as error:
            given = ", ".join(["shard", *(f"{name}=..." for name in arguments)])
            raise JobError(
                f"{self.name}({given}) cannot be called: {error}.",
                f"The function is {self.name}{inspect.signature(function)}.",
                "Its first parameter is the shard; the others come from arguments={...}.",
            ) from None
        except ValueError:  # a built-in that does not tell its parameters
            return

    @property
    def carried(self) -> Path | None:
        """The file or folder that has to go with a run; None for what is installed."""
        top = self.module.partition(".")[0]
        spec = None if top in _OWN_PACKAGES else find_spec(top)
        if spec is None or spec.origin in (None, "built-in", "frozen"):
            folders = list(spec.submodule_search_locations or ()) if spec else []
            return Path(folders[0]) if folders and not _is_installed(Path(folders[0])) else None
        origin = Path(str(spec.origin)).resolve()
        place = origin.parent if spec.submodule_search_locations else origin
        return None if _is_installed(place) else place

    @property
    def source(self) -> str:
        """A hash of the modules that go with the run; empty where the function is installed.

        Another text is another job, also of a module that the function's own imports.
        """
        place = self.carried
        if place is None:
            return ""
        hashed = hashlib.sha256()
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            name = path.relative_to(place)
            if not any(part.startswith(".") for part in name.parts):  # an editor's own copies
                hashed.update(f"{name}\0".encode() + path.read_bytes())
        return hashed.hexdigest()


def _is_installed(place: Path) -> bool:
    """Say whether any process of this Python finds a module without being told where it lies."""
    folders = {Path(path).resolve() for path in sysconfig.get_paths().values()}
    return any(folder in place.resolve().parents for folder in folders)
