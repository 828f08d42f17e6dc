"""Make ``.venv`` hold what a make target needs: ``python tools/set_up.py demo | lab | test``.

Standard library only, and quick when nothing is to do: a stamp in ``.venv`` remembers for which
``pyproject.toml`` and Python each part was installed. All that pip says is in ``.venv/set_up.log``.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = VENV / "set_up.log"
LOWEST = (3, 11)
# A part is installed with the extras of pyproject.toml that it needs.
EXTRAS = {
    "demo": ("train",),
    "lab": ("notebooks", "train"),
    "test": ("notebooks", "train", "cluster", "dev"),
}
# Download and disk in MB, for an empty .venv, rounded up. Measured on 2026-11-26 on Linux x86-64 with
# Python 3.11 and PyTorch's CPU wheel (192 MB of it): sizes of the files that pip took, and du; the
# sentence encoder is 91 MB to download and 97 on disk. Another day differs.
SIZES_MB = {"demo": (520, 2200), "lab": (680, 2600), "test": (870, 3300)}
