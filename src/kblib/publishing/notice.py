"""The ``NOTICE`` of a bundle: what its model's own says, and what was looked at since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kblib.publishing.bundle import Bundle, Stated


def notice_of_bundle(bundle: Bundle, path: Path) -> str:
    """Return the notice that is there, or one of the terms; what was given; the agreement."""
    if path.exists():
        said = path.read_text(encoding="utf-8")
        lines = list(_unnamed(bundle.stated, said))
    else:
        licences = dict.fromkeys(one.licence or one.rights for one in bundle.stated)
        named = ", ".join(one for one in licences if one) or "terms that are not stated"
        said = f"The weights in this folder are derived from texts under: {named}.\n"
        lines = [f"Terms: {bundle.terms.value}."]
    lines += [
        f"Given by who made this bundle: '{k}' is under {v}." for k, v in bundle.given.items()
    ]
    if bundle.agreement:
        lines.append(f"Passed on by agreement: {bundle.agreement}.")
    return said + "".join(f"{line}\n" for line in lines)


def _unnamed(stated: Iterable[Stated], said: str) -> Iterator[str]:
    """Give a line for each model that a notice does not name, or whose licence it does not say."""
    for one in stated:
        named = one.name in said and one.licence in said
        if one.what == "model" and one.licence and not named:
            yield f"Made from the model '{one.name}' under: {one.licence}."
