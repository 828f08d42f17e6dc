"""A finetuned model: what it says of texts, how good it is, where it is saved."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from transformers import PreTrainedModel

from kblib.corpora import Corpus
from kblib.corpora.tables import pandas_of
from kblib.errors import LabelError, ModelError
from kblib.files import MANIFEST, check_folder, read_json, sealed_folder, write_json
from kblib.finetuning.about import FINETUNED, About, is_finetuned
from kblib.finetuning.answers import answers_of_texts, answers_of_words
from kblib.finetuning.examples import words_of_rows
from kblib.finetuning.opening import open_weights
from kblib.labels import Labels
from kblib.models.catalog import find_model
from kblib.models.folder import CARD, save_weights
from kblib.models.given import shortened
from kblib.models.origin import name_of_origin
from kblib.models.word_places import Span, place_words
from kblib.tokens.subwords import Tokenizer

if TYPE_CHECKING:
    import pandas as pd

_COPIED = ("recipe.json", "scores.json", CARD, "NOTICE")
_SHOWN = 8
_EXAMPLE = "model.predict(['Kungen besökte Stockholm.'])"
_COLUMNS = {
    "measure": pl.String,
    "label": pl.String,
    "score": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}


class FinetunedModel:
    """A model that labels texts, pairs of texts or words, with its tokenizer.

    Parameters
    ----------
    model, tokenizer
        Of transformers, and the tokenizer it was trained with.
    about
        What it says and how it is asked.
    name
        Name to show.
    folder
        Where it lies.
    scores
        How good it is, as plain values: ``test``, ``valid`` and, of several seeds, ``seeds``.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: Tokenizer,
        about: About,
        *,
        name: str,
        folder: Path,
        scores: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model.train(False)
        self.tokenizer = tokenizer
        self.about = about
        self.name = name
        self.folder = folder
        self.scores: dict[str, Any] = dict(scores or {})

    @classmethod
    def open(
        cls,
        name: str | Path,
        *,
        base: str | Path | None = None,
        device: str | None = None,
    ) -> FinetunedModel:
        """Open a finetuned model by folder or by name.

        Parameters
        ----------
        base
            Where the model lies that it stands beside, if that is no longer where it was.

        Raises
        ------
        ModelError
            If it is no finetuned model, or its base is missing or another one.
        IntegrityError
            If its files are not what its manifest says.
        """
        folder = find_model(name)
        if not is_finetuned(folder):
            raise ModelError(
                f"The model in {folder} was not finetuned here.",
                "A folder that kb.Finetune has made was expected.",
                "Classifiers of others are asked by kb.BatchPredict(folder, corpus).",
            )
        if (folder / MANIFEST).is_file():
            check_folder(folder, contents=True)
        about, tokenizer = About.read(folder), Tokenizer.open(folder)
        beside = None if base is None else find_model(base)
        model = open_weights(folder, about, tokenizer, base=beside, device=device)
        scores = read_json(folder / "scores.json")
        called = name_of_origin(str(folder))
        return cls(model, tokenizer, about, name=called, folder=folder, scores=scores)

    @property
    def labels(self) -> tuple[str, ...]:
        """What it may say, in the order of its scores; nothing where it says a number."""
        return self.about.task.labels

    @property
    def seq_len(self) -> int:
        """Tokens it reads at once."""
        return self.about.seq_len

    @property
    def provenance(self) -> dict[str, Any]:
        """Name, base and seed."""
        base = self.about.base
        return {
            "model": self.name,
            "method": self.about.method,
            "base": base.name,
            "base_fingerprint": base.fingerprint,
            "seed": self.about.seed,
        }

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        texts = self.scores.get("provenance", {}).get("texts", {}).get("test", 0)
        return f"{self.name} ({self.about.method}) on {texts:,} texts of the test part"

    @property
    def table(self) -> pd.DataFrame:
        """Its scores on the test part: measure, label (none: all), score, low, high."""
        intervals = self.scores.get("intervals", {})
        rows = [
            {"measure": name, "label": None, "score": value}
            | dict(zip(("low", "high"), intervals.get(name, (None, None)), strict=True))
            for name, value in self.scores.get("test", {}).items()
        ]
        rows += [{name: row[name] for name in _COLUMNS} for row in self.scores.get("by_label", [])]
        return pandas_of(pl.DataFrame(rows, schema=_COLUMNS).lazy())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of its scores has to know, in sentences."""
        return tuple(self.scores.get("notes", ()))

    @property
    def seeds(self) -> pd.DataFrame:
        """One row a training: seed, the step of its best weights, scores on valid and test."""
        return pandas_of(pl.DataFrame(self.scores.get("seeds", [])).lazy())

    def predict(self, texts: Any, pairs: Sequence[str] | None = None) -> pd.DataFrame:
        """Say the label of each text.

        Parameters
        ----------
        texts
            Texts, a corpus, a table with a column ``text``, or labelled texts, whose labels are not
            looked at. Where words are labelled, lists of words as well.
        pairs
            The second text of each pair; of a corpus its column ``text_pair``.

        Returns
        -------
        pandas.DataFrame
            One row a text: id, label, score, ``score_LABEL`` for each label, n_tokens, n_windows,
            note. Of numbers value instead; of words the columns words and spans, with the
            characters of the text at which they stand.

        Raises
        ------
        LabelError
            If there are no texts, one of them is no text, or there are no second ones where it
            reads pairs.
        """
        ids, firsts, seconds, spans = self._given(texts, pairs)
        answers = self.answers(firsts, seconds, spans)
        return pandas_of(answers.insert_column(0, pl.Series("id", ids)).lazy())

    def answers(
        self,
        texts: Sequence[str],
        seconds: Sequence[str] | None = None,
        spans: Sequence[Sequence[Span]] | None = None,
    ) -> pl.DataFrame:
        """Return what `predict` does, without ids, for texts as they are."""
        if self.about.task.kind == "words":
            return answers_of_words(self.model, self.tokenizer, self.about, texts, spans)
        return answers_of_texts(self.model, self.tokenizer, self.about, texts, seconds)

    @property
    def reads_pairs(self) -> bool:
        """Whether it answers about pairs of texts."""
        return self.about.task.kind == "pairs"

    def answers_to(self, items: Sequence[Any]) -> pl.DataFrame:
        """Return `answers` to texts, or to pairs as they are."""
        if not self.reads_pairs:
            return self.answers(items)
        return self.answers([first for first, _ in items], [second for _, second in items])

    def save(self, folder: str | Path, *, merged: bool = False, replace: bool = False) -> Path:
        """Copy the model to a folder.

        Parameters
        ----------
        merged
            Whether the base is written as well, so that the folder stands alone and plain
            transformers opens it. Rounding may change the last digits of its answers.
        replace
            Whether a folder that is there gives way.

        Raises
        ------
        FileExistsError
            If the folder is there and `replace` is False.
        ModelError
            If it is to be merged, and its base is stored in few bits.
        """
        target = Path(folder)
        said = read_json(self.folder / MANIFEST) if (self.folder / MANIFEST).is_file() else {}
        manifest = {name: value for name, value in said.items() if name != "files"}
        with sealed_folder(target, manifest, replace=replace) as aside:
            if merged:
                self._write_whole(aside, manifest)
            else:
                shutil.copytree(self.folder, aside, dirs_exist_ok=True)
                (aside / MANIFEST).unlink(missing_ok=True)
        return target

    def _write_whole(self, folder: Path, manifest: dict[str, Any]) -> None:
        if self.about.quantized is not None:
            raise ModelError(
                f"The base of '{self.name}' is stored in few bits ({self.about.quantized}).",
                "What was learnt beside such matrices belongs to them as they are.",
                "model.save('folder') keeps it beside its base",
            )
        manifest["method"] = "full"
        save_weights(folder, self.model)
        self.tokenizer.save(folder, seq_len=self.about.seq_len)
        write_json(folder / FINETUNED, {**self.about.to_dict(), "method": "full"})
        for name in _COPIED:
            if (self.folder / name).is_file():
                shutil.copyfile(self.folder / name, folder / name)

    def _given(
        self, texts: Any, pairs: Sequence[str] | None
    ) -> tuple[list[Any], list[str], list[str] | None, list[list[Span]] | None]:
        """Return ids, texts, second texts and where words stand."""
        if isinstance(texts, Labels):
            return self._of_labels(texts)
        if hasattr(texts, "columns") and not isinstance(texts, Corpus):
            texts = Corpus.from_table(texts, name="texts")
        if isinstance(texts, Corpus):
            frame = texts.frame().collect()
            second = frame["text_pair"].to_list() if "text_pair" in frame.columns else None
            return frame["id"].to_list(), frame["text"].to_list(), self._seconds(second), None
        rows = _listed(texts)
        ids: list[Any] = list(range(1, len(rows) + 1))
        if rows and not isinstance(rows[0], str):
            placed = [place_words(" ".join(words), list(words)) for words in rows]
            return ids, [text for text, _ in placed], None, [spans for _, spans in placed]
        return ids, rows, self._seconds(None if pairs is None else list(pairs), len(rows)), None

    def _of_labels(self, labels: Labels) -> tuple[Any, ...]:
        ids = labels.rows["id"].to_list()
        if labels.kind == "words" and self.about.task.kind == "words":
            return (ids, words_of_rows(labels)[0], None, words_of_rows(labels)[1])
        second = labels.rows["text_pair"].to_list() if labels.kind == "pairs" else None
        return ids, labels.rows["text"].to_list(), self._seconds(second), None

    def _seconds(self, given: list[str] | None, n: int | None = None) -> list[str] | None:
        if self.about.task.kind != "pairs":
            return None
        if given is None or (n is not None and len(given) != n):
            raise LabelError(
                f"'{self.name}' reads pairs of texts, and got "
                + ("no second ones." if given is None else f"{len(given)} second ones for {n}."),
                "A second text for each was expected.",
                "model.predict(['Det regnar.'], ['Solen skiner.']); of a corpus: text_pair",
            )
        return given

    def __repr__(self) -> str:
        """Return one line: name, labels, how it was made."""
        names = ", ".join(self.labels[:_SHOWN]) + (", ..." if len(self.labels) > _SHOWN else "")
        what = names or "a number"
        return (
            f"<FinetunedModel {self.name}: {what}; {self.about.method} of {self.about.base.name}>"
        )


def _listed(texts: Any) -> list[Any]:
    if isinstance(texts, str | Mapping) or not isinstance(texts, Iterable):
        raise LabelError(
            f"predict got {shortened(texts)}.",
            "A list of texts, a table, a corpus or labels were expected.",
            _EXAMPLE,
        )
    rows = list(texts)
    kinds = str if rows and isinstance(rows[0], str) else list | tuple
    strange = next((n for n, one in enumerate(rows) if not isinstance(one, kinds)), None)
    if strange is not None:
        raise LabelError(
            f"Text {strange + 1:,} of {len(rows):,} is {shortened(rows[strange])}.",
            "A text was expected, as each of the others.",
            _EXAMPLE,
        )
    return rows
