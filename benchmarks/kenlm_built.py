"""KenLM built on this machine: its programs and its Python module, kept in ``build/kenlm``.

Both come from the source of PyPI's ``kenlm``; what building them needs, ``tools/golden_kenlm.py``
says.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.outcome import BenchmarkError
from benchmarks.tables import ROOT
from tools.golden_kenlm import VERSION, built

FOLDER = ROOT / "build" / f"kenlm-{VERSION}"
PROGRAMS = ("lmplz", "build_binary")


@dataclass(frozen=True)
class Kenlm:
    """Where KenLM is.

    Parameters
    ----------
    programs
        Folder of ``lmplz`` and ``build_binary``.
    module
        Folder to import ``kenlm`` from.
    """

    programs: Path
    module: Path


def kenlm(folder: Path = FOLDER) -> Kenlm:
    """Return KenLM, built at the first call.

    Raises
    ------
    BenchmarkError
        If it cannot be built.
    """
    there = Kenlm(folder / "build" / "bin", folder / "module")
    try:
        if not all((there.programs / program).is_file() for program in PROGRAMS):
            folder.mkdir(parents=True, exist_ok=True)
            built(folder.resolve(), PROGRAMS)
        if not any(there.module.glob("kenlm*.so")):
            pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-binary", "kenlm"]
            target = ["--target", str(there.module), f"kenlm=={VERSION}"]
            subprocess.run([*pip, *target], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise BenchmarkError(
            f"KenLM could not be built: {error.cmd[0]} ended with {error.returncode}. What it "
            f"needs, tools/golden_kenlm.py says.\n{(error.stderr or '')[-500:]}"
        ) from error
    return there
