"""What is here and what is missing, each missing part with the command that brings it."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

import kblib
from kblib import settings, sites

_PARTS = {
    "training and models": (("torch", "transformers", "tokenizers", "safetensors"), "train"),
    "notebooks": (("jupyterlab", "ipywidgets", "matplotlib"), "notebooks"),
}
NEWSREELS = "journal-digital"
GET_NEWSREELS = "python -m pip install --no-deps journal-digital==2025.12.30.2"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `fix` is the command that brings it, empty if it is there."""

    what: str
    found: str
    fix: str = ""
    broken: bool = False

    def __str__(self) -> str:
        mark = "missing" if self.fix else "ok"
        return f"{mark:8} {self.what:22} {self.found}" + (
            f"\n{'':31} {self.fix}" if self.fix else ""
        )


def findings() -> Iterator[Finding]:
    """Look at versions, machine, space, data and models."""
    yield Finding("kbnotebooks", f"{kblib.__version__} on Python {platform.python_version()}")
    machine = sites.this_machine()
    gpus = f"{machine.gpus} GPUs" if machine.gpus else "no GPU"
    yield Finding("this machine", f"{machine.cores} cores, {machine.memory_gib:.1f} GiB, {gpus}")
    yield _space()
    for what, (packages, extra) in _PARTS.items():
        yield _part(what, packages, extra)
    version = _version(NEWSREELS)
    yield Finding(
        "newsreel corpus",
        version or f"package {NEWSREELS} is not installed",
        "" if version else GET_NEWSREELS,
    )
    yield _models()
    yield Finding("sites", ", ".join(sites.known_sites()))


def _space() -> Finding:
    home = settings.home()
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    free_gib = shutil.disk_usage(existing).free / 2**30
    return Finding("work folder", f"{home} ({free_gib:.1f} GiB free)")


def _part(what: str, packages: tuple[str, ...], extra: str) -> Finding:
    versions = {name: _version(name) for name in packages}
    missing = [name for name, version in versions.items() if version is None]
    if missing:
        return Finding(
            what,
            f"not installed: {', '.join(missing)}",
            f'python -m pip install "{settings.checkout() or "kbnotebooks"}[{extra}]"',
        )
    return Finding(what, ", ".join(f"{name} {version}" for name, version in versions.items()))


def _models() -> Finding:
    folders = [
        folder for place in settings.model_folders() if place.is_dir() for folder in place.iterdir()
    ]
    names = sorted(folder.name for folder in folders if (folder / "config.json").is_file())
    if names:
        return Finding("models", ", ".join(names))
    return Finding(
        "models",
        "none in " + ", ".join(map(str, settings.model_folders())),
        "python -m kblib models",
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
