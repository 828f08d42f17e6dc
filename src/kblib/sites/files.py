"""Site files.

What a machine offers, with source and date of every fact, and the user's own overlay.

A site is looked up, and laid over each other, in this order: the file shipped with the package,
then ``~/.config/kbnotebooks/sites/NAME.toml``. Nobody edits a shipped file.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from kblib import settings
from kblib.errors import SiteError


@dataclass(frozen=True)
class Site:
    """A machine, or a cluster, that runs jobs.

    Parameters
    ----------
    name
        The name that `submit(job, site=...)` takes.
    scheduler
        ``"none"``: processes of this machine.
    facts
        The whole file, overlay included.
    """

    name: str
    scheduler: str
    facts: dict[str, Any] = field(repr=False, hash=False)


def load_site(name: str) -> Site:
    """Return a site by name.

    Raises
    ------
    SiteError
        If no file has that name, or the file is no TOML or lacks its scheduler.
    """
    places = _files_of(name)
    if not places:
        raise _no_such(name)
    facts: dict[str, Any] = {}
    for place in places:
        facts = _laid_over(facts, _read(place))
    if "scheduler" not in facts:
        raise SiteError(
            f"The file of site '{name}' has no 'scheduler'.",
            "It says how jobs are started.",
            'Add the line: scheduler = "none"',
        )
    return Site(name=name, scheduler=facts["scheduler"], facts=facts)


def _no_such(name: object) -> SiteError:
    known = known_sites()
    near = difflib.get_close_matches(str(name).casefold(), known, n=1, cutoff=0.7)
    return SiteError(
        f"No site named '{name}'.",
        f"Known here: {', '.join(known)}.",
        f'Did you mean site="{near[0]}"?'
        if near
        else f"Describe it in {settings.config_folder() / 'sites' / f'{name}.toml'}",
    )


def known_sites() -> list[str]:
    """Return the names of all sites, shipped and own."""
    return sorted(
        {
            place.name.removesuffix(".toml")
            for folder in _folders()
            for place in folder.iterdir()
            if place.name.endswith(".toml")
        }
    )


def _folders() -> Iterator[Traversable]:
    """Folders with site files, the weightiest last."""
    clone = settings.checkout()
    shipped = (
        [resources.files("kblib.hpc") / "sites"] if clone is None else [clone / "hpc" / "sites"]
    )
    own = settings.config_folder() / "sites"
    yield from (folder for folder in [*shipped, own] if folder.is_dir())


def _files_of(name: str) -> list[Traversable]:
    places = [folder / f"{name}.toml" for folder in _folders()]
    return [place for place in places if place.is_file()]


def _read(place: Traversable) -> dict[str, Any]:
    try:
        return tomllib.loads(place.read_text(encoding="utf-8"))
    except ValueError as error:  # no TOML, or no UTF-8
        raise SiteError(
            f"{place} cannot be read: {error}.",
            "A file in TOML was expected.",
            'Texts stand in quotation marks there: account = "your-project"',
        ) from None


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _laid_over(merged[key], value) if both else value
    return merged
