"""A function by its name, ``module:function``: what a batch calls, wherever it runs.

A name is plain text that every machine understands the same way; a pickled function is neither. A
module that lies beside a notebook is not found by a process elsewhere: its file goes with the run.
"""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
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
        try:
            module = import_module(self.module)
        except Exception as error:
            raise JobError(
                f"The module '{self.module}' cannot be imported: {type(error).__name__}: {error}.",
                f"BatchTask looks for the function '{self.name}' there.",
                f"python -c 'import {self.module}'",
            ) from error
        function = getattr(module, self.name, None)
        if not callable(function):
            known = [name for name, one in vars(module).items() if inspect.isfunction(one)]
            raise JobError(
                f"The module '{self.module}' has no function '{self.name}'.",
                f"It has: {', '.join(known) or 'none'}.",
            )
        return function  # type: ignore[no-any-return]

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
        """A hash of the text of a module that goes with the run; empty for one that is installed.

        Another text is another job.
        """
        if self.carried is None:
            return ""
        self.load()
        file = getattr(sys.modules[self.module], "__file__", None)
        return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""


def _is_installed(place: Path) -> bool:
    """Say whether any process of this Python finds a module without being told where it lies."""
    folders = {Path(path).resolve() for path in sysconfig.get_paths().values()}
    return any(folder in place.resolve().parents for folder in folders)
