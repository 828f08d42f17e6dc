"""What is here and what is missing, each missing part with the command that brings it."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

import kblib
from kblib import settings, sites
from kblib.corpora import newsreels
from kblib.errors import SettingsError
from kblib.models import sentence_encoder_packaged as encoder

_PARTS = {
    "training and models": (("torch", "transformers", "tokenizers", "safetensors"), "train"),
    "notebooks": (("jupyterlab", "ipywidgets", "matplotlib"), "notebooks"),
}
NEWSREELS = newsreels.DISTRIBUTION
GET_NEWSREELS = newsreels.INSTALL


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `fix` is the command that brings it, empty if it is there."""

    what: str
    found: str
    fix: str = ""

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
    yield _encoder()
    yield _models()
    yield Finding("sites", ", ".join(sites.known_sites()))


def _space() -> Finding:
    try:
        home = settings.home()
    except SettingsError as error:
        return Finding("work folder", error.happened, error.next_step)
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    if not os.access(existing, os.W_OK):
        return Finding(
            "work folder",
            f"nothing can be written to {home}",
            f"export {settings.HOME_VARIABLE}=/a/folder/of/yours",
        )
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


def _encoder() -> Finding:
    version = _version(encoder.PACKAGE)
    if version == encoder.VERSION:
        return Finding("sentence encoder", f"{encoder.PACKAGE} {version}")
    found = f"{encoder.PACKAGE} {version or 'is not installed'}"
    return Finding("sentence encoder", f"{found}; for labels in words", encoder.INSTALL)


def _models() -> Finding:
    try:
        places = settings.model_folders()
    except SettingsError as error:
        return Finding("models", error.happened, error.next_step)
    folders = [folder for place in places if place.is_dir() for folder in place.iterdir()]
    names = sorted(folder.name for folder in folders if (folder / "config.json").is_file())
    if names:
        return Finding("models", ", ".join(names))
    return Finding(
        "models",
        "none in " + ", ".join(map(str, places)),
        "python -m kblib models",
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
