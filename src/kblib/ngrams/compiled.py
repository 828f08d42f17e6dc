"""Loops that numpy has no name for, compiled to machine code by numba at their first call.

What is compiled is kept beside the source, or in the folder that ``NUMBA_CACHE_DIR`` names, so only
the very first call of a machine waits. The lock of the interpreter is given back while such a loop
runs: threads run side by side. Modules of such loops are imported where they are used, for numba
takes half a second.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

from numba import njit

logger = logging.getLogger(__name__)
Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function; where no folder can be written, again in each session."""
    try:
        return cast(Function, njit(cache=True, nogil=True)(function))
    except RuntimeError as error:  # numba found no folder for its files
        _tell(str(error))
        return cast(Function, njit(nogil=True)(function))


@cache
def _tell(reason: str) -> None:
    logger.warning(
        "Compiled loops cannot be kept (%s), so they are compiled again in each session, which "
        "takes some ten seconds. Name a folder that can be written: export NUMBA_CACHE_DIR=FOLDER",
        reason,
    )
