"""A bundle: a model folder whose rights were looked at, and which may leave the house.

::

    all of the model folder: weights, tokenizer, card, notice, recipe, scores
    rights.json     what it was made from, under which terms, and who answers for the rest
    SHA256SUMS      as ``sha256sum --check`` reads it
    manifest.json   sizes and checksums, as the library checks them
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import kblib
from kblib.corpora import Corpus
from kblib.errors import ModelError
from kblib.files import check_folder, read_json, sealed_folder, write_atomic, write_json
from kblib.publishing.made_from import Source, sources_of
from kblib.publishing.parts import (
    RECIPE,
    TELLING,
    check_parts,
    folder_of,
    refuse_places,
    sums_of,
    without_places,
)
from kblib.publishing.terms import Terms, stricter_of

if TYPE_CHECKING:
    import pandas as pd

NOTICE, RIGHTS, SUMS = "NOTICE", "rights.json", "SHA256SUMS"


class Stated(NamedTuple):
    """What some of the texts say of themselves, and what follows."""

    what: str
    name: str
    licence: str
    rights: str
    documents: int | None
    terms: str
    may_leave: bool


@dataclass(frozen=True)
class Bundle:
    """A saved model, to be looked at and then to leave the house.

    Parameters
    ----------
    model
        Its folder, or its name; an adapter's as well.
    data
        Corpora that it was trained on, where its recipe does not say what they allow and they are
        not among those that are saved here.
    agreement
        Of texts whose own terms do not allow it: with whom, and where it is written down. It stands
        in the notice, and you answer for it.

    Examples
    --------
    >>> Bundle("kb-mini-causal").folder.name
    'kb-mini-causal'
    """

    model: str | Path
    data: Corpus | Sequence[Corpus] = ()
    agreement: str | None = None
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", folder_of(self.model))

    @property
    def name(self) -> str:
        """What the model is called: the result of a run as the run is."""
        of_a_run = self.folder.name == "model" and self.folder.parent.name == "result"
        return self.folder.parents[1].name if of_a_run else self.folder.name

    @cached_property
    def sources(self) -> list[Source]:
        """What the model was made from."""
        given = (self.data,) if isinstance(self.data, Corpus) else tuple(self.data)
        return sources_of(read_json(self.folder / RECIPE), given)

    @cached_property
    def stated(self) -> list[Stated]:
        """What is stated of all that the model was made from."""
        nothing: dict[str, Any] = {"licence": "", "rights": "", "documents": None}
        rows = []
        for source in self.sources:
            rights: Sequence[Mapping[str, Any]] = source.stated or (nothing,)
            for one in rights:
                terms = stricter_of(one["licence"], one["rights"])
                told = one["licence"], one["rights"], one["documents"], terms.value
                rows.append(Stated(source.what, source.name, *told, terms.may_leave))
        return rows

    @property
    def table(self) -> pd.DataFrame:
        """One row a pair of licence and rights: what, name, licence, rights, documents, terms."""
        import pandas as pd

        table = pd.DataFrame(self.stated, columns=list(Stated._fields))
        return table.astype({"documents": "Int64"})

    @property
    def terms(self) -> Terms:
        """The strictest terms of all that the model was made from."""
        found = (Terms(one.terms) for one in self.stated)
        return max(found, key=lambda one: one.strictness, default=Terms.NOT_STATED)

    def check(self) -> Bundle:
        """Look whether all is there that belongs to the model, and whether it may leave.

        Raises
        ------
        IntegrityError
            If a file is missing, or is not what the manifest says.
        ModelError
            If a part is missing, or the terms of what it was made from do not allow it.
        """
        check_parts(self.folder)
        check_folder(self.folder, contents=True)
        if not self.sources:
            raise ModelError(
                f"The recipe of '{self.name}' names nothing that it was made from.",
                "What a model has read decides whether it may leave.",
                "Train it with kb.Pretrain: its recipe names the corpora.",
            )
        if not (self.agreement or "").strip():
            self._refuse_what_is_not_known()
            self._refuse_what_may_not_leave()
        return self

    def _refuse_what_is_not_known(self) -> None:
        unknown = next((one for one in self.sources if one.stated is None), None)
        if unknown is None:
            return
        happened = (
            f"'{self.name}' was made from the {unknown.what} '{unknown.name}'; what may be "
            "done with them is not known here."
        )
        expected = "What a model was made from decides whether it may leave."
        if unknown.what == "texts":
            step = f"Give the corpus, {unknown.fingerprint[:12]}: --corpus NAME"
        else:
            step = 'Look at its card, then: --agreement "its licence, and where it stands"'
        raise ModelError(happened, expected, step)

    def _refuse_what_may_not_leave(self) -> None:
        kept = [one for one in self.stated if not one.may_leave]
        if not kept:
            return
        one = max(kept, key=lambda row: row.documents or 0)
        made_from = f"{one.documents:,} documents of" if one.documents else f"the {one.what}"
        stated = " and ".join(f"'{said}'" for said in (one.licence, one.rights) if said)
        raise ModelError(
            f"'{self.name}' was made from {made_from} '{one.name}', whose licence and "
            f"rights say {stated or 'nothing'}: {one.terms}.",
            "Weights leave the house where the terms of each text allow something derived from it "
            "to be passed on.",
            "Train on the others only, or, where the holders of the rights have agreed: "
            '--agreement "with whom, when, reference"',
        )

    def save(self, target: Path | str, *, replace: bool = False) -> Path:
        """Check, then write the bundle; the folder appears when it is complete.

        Raises
        ------
        FileExistsError
            If the folder is there and `replace` is False.
        IntegrityError, ModelError
            As `check`; or if a file of the model tells a place on this machine.
        """
        self.check()
        manifest = check_folder(self.folder, contents=False)
        about = {key: value for key, value in manifest.items() if key != "files"}
        with sealed_folder(Path(target), {**about, "bundled": _now()}, replace=replace) as aside:
            for name in manifest["files"]:
                (aside / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.folder / name, aside / name)
            for name in TELLING:
                if (aside / name).is_file():
                    write_json(aside / name, without_places(read_json(aside / name)))
            write_json(aside / RIGHTS, self._rights())
            write_atomic(aside / NOTICE, self._notice(aside / NOTICE).encode())
            refuse_places(aside)
            write_atomic(aside / SUMS, sums_of(aside).encode())
        return Path(target)

    def _rights(self) -> dict[str, Any]:
        return {
            "made_from": [one._asdict() for one in self.stated],
            "terms": self.terms.value,
            "agreement": self.agreement,
            "looked_at": _now(),
            "version": kblib.__version__,
        }

    def _notice(self, path: Path) -> str:
        """Return the notice that is there, or one of the terms; and the agreement."""
        if path.exists():
            said = path.read_text(encoding="utf-8")
        else:
            licences = dict.fromkeys(one.licence or one.rights for one in self.stated)
            named = ", ".join(one for one in licences if one) or "terms that are not stated"
            said = f"The weights in this folder are derived from texts under: {named}.\n"
            said += f"Terms: {self.terms.value}.\n"
        return said + (f"Passed on by agreement: {self.agreement}.\n" if self.agreement else "")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
