"""The Python of a site is asked as a job would start it, and what it lacks is named."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import kblib
from kblib.cluster.access import Here
from kblib.cluster.environment import ask_python, check_python
from kblib.errors import SiteError
from tests.cluster.shells import EMULATOR, Says, elsewhere


def test_python_of_the_site_is_started_as_a_job_would_start_it(tmp_path: Path) -> None:
    """The interpreter of these tests, named as a site's, behind a prefix."""
    there = replace(
        EMULATOR, python=sys.executable, prefix="env SEEN=1", setup=("echo loading modules",)
    )
    found = ask_python(there, Here(), code=None, packages=("numpy", "no_such_package"))
    assert (found.version, found.missing) == (kblib.__version__, ("no_such_package",))


def test_python_that_is_not_there_is_named() -> None:
    with pytest.raises(SiteError) as caught:
        check_python(elsewhere(), Here(), code=None, packages=())
    assert "The Python of site 'emulator' does not start as jobs would start it:" in str(
        caught.value
    )
    assert "/env/bin/python: No such file or directory" in caught.value.happened
    assert caught.value.next_step.endswith("sites/emulator.toml: [software] python, prefix, setup")


def test_python_without_kblib_says_what_it_said() -> None:
    shell = Says("", code=1, complaint="Traceback\nModuleNotFoundError: No module named 'kblib'\n")
    with pytest.raises(SiteError, match="No module named 'kblib'"):
        check_python(elsewhere(), shell, code=None, packages=())


def test_kblib_of_another_version_is_refused() -> None:
    shell = Says("Loading modules\n" + json.dumps({"kblib": "0.0.9", "missing": []}))
    with pytest.raises(SiteError) as caught:
        check_python(elsewhere(), shell, code=None, packages=())
    assert str(caught.value) == (
        "The Python of site 'emulator' has kblib 0.0.9. The job is submitted by "
        f"{kblib.__version__}; both must be the same.\n  Where that Python is: "
        f"/env/bin/python -m pip install kbnotebooks=={kblib.__version__}"
    )


def test_packages_that_lack_are_named() -> None:
    shell = Says(json.dumps({"kblib": kblib.__version__, "missing": ["torch", "deepspeed"]}))
    with pytest.raises(SiteError, match="lacks torch, deepspeed"):
        check_python(elsewhere(), shell, code=Path("/runs/a b/code"), packages=("torch",))
    assert "export PYTHONPATH='/runs/a b/code'${PYTHONPATH:+:$PYTHONPATH}" in shell.asked
