"""A bundle: a model folder whose rights were looked at, and which may leave the house.

::

    all of the model folder: weights, tokenizer, card, notice, recipe, scores
    rights.json     what it was made from, under which terms, and who answers for the rest
    evaluation.json what an evaluation of one's own found, if it was given
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
from kblib.labels.told import NOTICE
from kblib.models.told import RECIPE
from kblib.publishing.made_from import Source, sources_of
from kblib.publishing.notice import notice_of_bundle
from kblib.publishing.parts import (
    TELLING,
    check_parts,
    folder_of,
    refuse_places,
    sums_of,
    take_places_out,
)
from kblib.publishing.terms import Terms, stricter_of, terms_of
from kblib.runs.finding import run_of_model

if TYPE_CHECKING:
    import pandas as pd

    from kblib.evaluation.scores import Scores

RIGHTS, EVALUATION, SUMS = "rights.json", "evaluation.json", "SHA256SUMS"


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
        Its folder, or its name, or one that was opened from a folder; an adapter's as well.
    data
        Corpora that it was trained on, where its recipe does not say what they allow and they are
        not among those that are saved here.
    agreement
        Of texts whose own terms do not allow it: with whom, and where it is written down. It stands
        in the notice, and you answer for it.
    licences
        Of labels, or of a model, that state no terms, by their names: under what they may be passed
        on. They stand in the notice, and you answer for them.
    scores
        What `kb.evaluate` says of the model on texts that it has not seen; it goes along.

    Examples
    --------
    >>> Bundle("kb-mini-causal").folder.name
    'kb-mini-causal'
    """

    model: Any
    data: Corpus | Sequence[Corpus] = ()
    agreement: str | None = None
    licences: Mapping[str, str] = field(default_factory=dict)
    scores: Scores | None = None
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", folder_of(self.model))

    @property
    def name(self) -> str:
        """What the model is called: the result of a run as the run is."""
        return run_of_model(self.folder) or self.folder.name

    @cached_property
    def sources(self) -> list[Source]:
        """What the model was made from."""
        given = (self.data,) if isinstance(self.data, Corpus) else tuple(self.data)
        return sources_of(read_json(self.folder / RECIPE), given)

    @cached_property
    def stated(self) -> list[Stated]:
        """What is stated of all that the model was made from, or given where it is not."""
        nothing: dict[str, Any] = {"licence": "", "rights": "", "documents": None}
        rows = []
        for source in self.sources:
            rights: Sequence[Mapping[str, Any]] = source.stated or (nothing,)
            for one in rights:
                licence, terms = one["licence"], stricter_of(one["licence"], one["rights"])
                if terms is Terms.NOT_STATED and (given := self._given(source)):
                    licence, terms = given, terms_of(given)
                told = licence, one["rights"], one["documents"], terms.value
                rows.append(Stated(source.what, source.name, *told, terms.may_leave))
        return rows

    @property
    def given(self) -> dict[str, str]:
        """The licences that were given, by what they are of."""
        return {one.name: said for one in self.sources if (said := self._given(one))}

    def _given(self, source: Source) -> str:
        """Return the licence that was given for a source that states none."""
        return self.licences.get(source.name, "").strip() if _states_none(source) else ""

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
                "Train it again, with kb.Pretrain, kb.Finetune or kb.FewShotClassifier: their "
                "recipes name corpora, labels and base.",
            )
        self._refuse_strange_licences()
        if not (self.agreement or "").strip():
            self._refuse_what_is_not_known()
            self._refuse_what_may_not_leave()
        return self

    def _refuse_strange_licences(self) -> None:
        known = [one.name for one in self.sources if _states_none(one)]
        strange = next((name for name in self.licences if name not in known), None)
        if strange is None:
            return
        raise ModelError(
            f"A licence was given for '{strange}', which is none of the labels and models that "
            f"'{self.name}' was made from and that state none.",
            f"There are: {', '.join(known) or 'none'}. Of texts their own documents decide.",
            "python -m kblib bundle RUN_OR_MODEL --show",
        )

    def _refuse_what_is_not_known(self) -> None:
        unknown = next((s for s in self.sources if s.stated is None and not self._given(s)), None)
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
            step = f"Look at its card, then: {_giving(unknown.name, 'ITS LICENCE')}"
        raise ModelError(happened, expected, step)

    def _refuse_what_may_not_leave(self) -> None:
        kept = [one for one in self.stated if not one.may_leave]
        if not kept:
            return
        one = max(kept, key=lambda row: row.documents or 0)
        called = "labels" if one.what == "labels" else "documents"
        made_from = f"{one.documents:,} {called} of" if one.documents else f"the {one.what}"
        stated = " and ".join(f"'{said}'" for said in (one.licence, one.rights) if said)
        raise ModelError(
            f"'{self.name}' was made from {made_from} '{one.name}', whose licence and "
            f"rights say {stated or 'nothing'}: {one.terms}.",
            "Weights leave the house where the terms of each text allow something derived from it "
            "to be passed on.",
            _step_of(one),
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
                take_places_out(aside / name)
            write_json(aside / RIGHTS, self._rights())
            if self.scores is not None:
                write_json(aside / EVALUATION, self._evaluation(self.scores))
            write_atomic(aside / NOTICE, notice_of_bundle(self, aside / NOTICE).encode())
            refuse_places(aside)
            write_atomic(aside / SUMS, sums_of(aside).encode())
        return Path(target)

    def _evaluation(self, scores: Scores) -> dict[str, Any]:
        rows = scores.rows.fill_nan(None).to_dicts()
        return {"of": scores.provenance, "scores": rows, "notes": list(scores.warnings)}

    def _rights(self) -> dict[str, Any]:
        return {
            "made_from": [one._asdict() for one in self.stated],
            "terms": self.terms.value,
            "agreement": self.agreement,
            "licences_given": self.given,
            "looked_at": _now(),
            "version": kblib.__version__,
        }


def _giving(name: str, licence: str) -> str:
    """Return how a licence is given in a shell, and in a notebook."""
    return f'--licence "{name}={licence}", or kb.Bundle(..., licences={{"{name}": "{licence}"}})'


def _states_none(source: Source) -> bool:
    """Say whether labels or a model state no terms, or some of them; texts are asked themselves."""
    said = source.stated or ({"licence": "", "rights": ""},)
    unstated = (stricter_of(one["licence"], one["rights"]) is Terms.NOT_STATED for one in said)
    return source.what != "texts" and any(unstated)


def _step_of(kept: Stated) -> str:
    """Return what can be done about terms that do not let a model leave."""
    agreed = '--agreement "with whom, when, reference"'
    if kept.what != "texts" and kept.terms == Terms.NOT_STATED:
        return f"Whoever may say it gives their licence: {_giving(kept.name, 'CC-BY-4.0')}"
    return f"Train on the others only, or, where the holders of the rights have agreed: {agreed}"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
