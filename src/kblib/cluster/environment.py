"""The Python that jobs of a site run: whether it is there, and has what a job needs.

Asked where the cluster is, with the site's own modules and container, before anything is queued.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import kblib
from kblib.cluster.access import Shell
from kblib.cluster.render import python_of, python_path
from kblib.errors import SiteError
from kblib.sites import Cluster
from kblib.sites.facts import overlay

CORE = ("numpy", "pandas", "polars", "psutil", "pyarrow")
TRAINING = ("torch", "transformers", "tokenizers", "safetensors")
_START_S = 120.0
"""A container, or an environment of a million files on a busy disk, takes a minute to start."""
_PROBE = """
import json, sys
from importlib.util import find_spec
import kblib
missing = [name for name in sys.argv[1:] if find_spec(name) is None]
print(json.dumps({"kblib": kblib.__version__, "missing": missing}))
"""


@dataclass(frozen=True)
class Python:
    """The Python of a site, as it answered: its kblib, and the packages it lacks."""

    version: str
    missing: tuple[str, ...]


def check_python(
    cluster: Cluster, shell: Shell, *, code: Path | None, packages: Sequence[str]
) -> None:
    """Check that a site's Python starts and has kblib of this version and the packages of a job.

    Parameters
    ----------
    code
        Copy of the library that the job will use; None where the one that is installed counts.
    packages
        What the job imports.

    Raises
    ------
    SiteError
        Saying what is missing, and where to put it right.
    """
    if is_this_python(cluster):
        return
    found = ask_python(cluster, shell, code=code, packages=packages)
    if found.version != kblib.__version__:
        raise SiteError(
            f"The Python of site '{cluster.name}' has kblib {found.version}.",
            f"The job is submitted by {kblib.__version__}; both must be the same.",
            f"Where that Python is: {python_of(cluster)} -m pip install "
            f"kbnotebooks=={kblib.__version__}",
        )
    if found.missing:
        raise SiteError(
            f"The Python of site '{cluster.name}' lacks {', '.join(found.missing)}.",
            f"The job imports them: {python_of(cluster)}",
            "Install them there, or name another Python in "
            f"{overlay(cluster.site)}: [software] python",
        )


def is_this_python(cluster: Cluster) -> bool:
    """Say whether jobs run the very Python that submits, as it is now."""
    plain = not cluster.setup and not cluster.prefix
    return plain and cluster.via == "here" and python_of(cluster) == sys.executable


def ask_python(
    cluster: Cluster, shell: Shell, *, code: Path | None, packages: Sequence[str]
) -> Python:
    """Start a site's Python as a job would and return what it says of itself.

    Raises
    ------
    SiteError
        If it does not start, or cannot import kblib.
    """
    command = f"{cluster.prefix} {shlex.join([python_of(cluster), '-c', _PROBE, *packages])}"
    path = [python_path(PurePosixPath(code))] if code else []
    lines = [*cluster.setup, *path, f"exec {command.strip()}"]
    done = shell.run(["bash", "-s"], text="\n".join(lines) + "\n", timeout_s=_START_S)
    answer = _last_json(done.stdout)
    if done.returncode or answer is None:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        raise SiteError(
            f"The Python of site '{cluster.name}' does not start as jobs would start it: {said}.",
            f"Tried: {' '.join([cluster.prefix, python_of(cluster)]).strip()}",
            f"Put it right in {overlay(cluster.site)}: [software] python, prefix, setup",
        )
    return Python(str(answer["kblib"]), tuple(answer["missing"]))


def _last_json(said: str) -> dict[str, Any] | None:
    """Read the last line; modules and containers may have said something before."""
    try:
        found = json.loads(said.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return None
    return found if isinstance(found, dict) else None
