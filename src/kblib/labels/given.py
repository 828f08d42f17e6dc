"""Labels that readers give to texts, each in the file before the next text is shown.

JSON lines: id, label, who, when, guideline, version (of the guideline), shows. The last says that
the reader was then shown what a model says of the texts labelled so far: what the same reader says
of one of them later is kept, and does not count.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from kblib.corpora.tables import pandas_of
from kblib.errors import LabelError
from kblib.files import sha256
from kblib.labels import readers as said
from kblib.labels.merged import MergedLabels, merged_of
from kblib.labels.readers import ENDING, UNSURE
from kblib.runs import journal

if TYPE_CHECKING:
    import pandas as pd

FIELDS = {
    "id": pl.String,
    "label": pl.String,
    "who": pl.String,
    "when": pl.String,
    "guideline": pl.String,
    "version": pl.String,
    "shows": pl.Boolean,
}


@dataclass(frozen=True, eq=False)
class GivenLabels:
    """The labels of some texts, in a file.

    Attributes
    ----------
    path
        The file; several readers may share it, and labels of other texts may stand there too.
    ids
        The texts.
    labels
        The labels there are; ``unsure`` is always one more.
    """

    path: Path
    ids: tuple[str, ...]
    labels: tuple[str, ...]

    @classmethod
    def open(cls, ids: Iterable[str], path: str | Path, *, labels: Sequence[str]) -> GivenLabels:
        """Open the labels of some texts, or begin a new file.

        Raises
        ------
        LabelError
            If the file has labels of other texts only, or one of these has another label; if labels
            or file cannot be used.
        IntegrityError
            If a line of it is no label.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = f"{folder}/letters.jsonl"
        ...     given = GivenLabels.open(["brev/1"], file, labels=["love", "money"])
        ...     given.add("brev/1", "money", who="Selma", guideline="what is asked for")
        ...     GivenLabels.open(["brev/1"], file, labels=["love", "money"])
        Labels in ...letters.jsonl: 0 love, 1 money, 0 unsure; 1 of 1 texts
        """
        file = Path(path)
        if file.suffix != ENDING:
            raise LabelError(
                f"Labels cannot be kept in '{file.name}'.",
                "A file of JSON lines was expected.",
                f"'{file.with_suffix(ENDING)}'",
            )
        file.parent.mkdir(parents=True, exist_ok=True)
        journal.mend(file)  # a label that was being written when the machine stopped
        given = cls(file, tuple(ids), _checked(labels))
        given._check_file()
        return given

    def add(
        self,
        id: str,  # noqa: A002  a text's id
        label: str,
        *,
        who: str,
        guideline: str = "",
        version: str | None = None,
        shows: bool = False,
    ) -> None:
        """Save what a reader says of a text.

        Parameters
        ----------
        guideline, version
            What the labels mean, and which version of it; without, a version is made of its words.
        shows
            Whether the reader is now shown what a model says of the texts labelled so far.

        Raises
        ------
        LabelError
            If text or label are not among those there are, or nobody is named.
        OSError
            If the disk is full.
        """
        if id not in self.ids:
            raise LabelError(f"There is no text '{id}' here.", f"There are {len(self.ids):,}.")
        if label not in (*self.labels, UNSURE):
            raise LabelError(
                f"The label is {label!r}.", f"There are: {', '.join((*self.labels, UNSURE))}."
            )
        if not str(who or "").strip():
            raise LabelError(
                "It is not said who labels.",
                "A name was expected, so that readers can be compared.",
                "who='Selma'",
            )
        about = {"guideline": guideline, "version": version or version_of(guideline)}
        when = said.now()
        record = {"id": id, "label": label, "who": who, "when": when, **about, "shows": shows}
        said.add(self.path, record)

    @property
    def rows(self) -> pl.DataFrame:
        """Every label that was ever given to one of these texts, in that order."""
        here = set(self.ids)
        lines = [line for _, line in self._lines() if line["id"] in here]
        return pl.DataFrame(lines, schema=FIELDS)

    @property
    def table(self) -> pd.DataFrame:
        """The labels that count, the last of each text and reader, as a pandas table."""
        return pandas_of(self._counting().lazy())

    @property
    def readers(self) -> list[str]:
        """Who has labelled."""
        return self.rows["who"].unique().sort().to_list()

    def by(self, who: str) -> dict[str, str]:
        """Return what one reader says of each text."""
        return said.by_reader(self._counting(), "id", "label").get(who, {})

    @property
    def merged(self) -> MergedLabels:
        """One label for each text, ``unsure`` where readers differ, and how far they agree."""
        last = self._counting()
        names = ", ".join(last["version"].unique().sort().to_list())
        about = {"where": str(self.path), "guideline_versions": names}
        if self.path.is_file():
            about["sha256"] = sha256(self.path)
        several = last["version"].n_unique()
        warning = f"The labels follow {several} versions of the guideline."
        readers = said.by_reader(last, "id", "label")
        return merged_of(readers, about, (warning,) if several > 1 else ())

    def _counting(self) -> pl.DataFrame:
        """Return the last label of each text and reader that no model has had a part in."""
        shown = pl.col("shows").cast(pl.Int64).cum_sum().over("who") - pl.col("shows")
        rows = self.rows.with_columns(shown=shown)
        blind = rows.filter(pl.col("shown") == pl.col("shown").first().over("id", "who"))
        return said.last_of_each(blind.drop("shown"), "id")

    def _check_file(self) -> None:
        here, others = set(self.ids), 0
        for number, line in self._lines():
            others += line["id"] not in here
            if line["id"] in here and line["label"] not in (*self.labels, UNSURE):
                raise LabelError(
                    f"Line {number} of {self.path} has the label '{line['label']}', "
                    f"which is not among these: {', '.join(self.labels)}.",
                    "The labels of a text stay the same.",
                    "Give that label too, or begin another file.",
                )
        if others and not self.rows.height:
            raise LabelError(
                f"{self.path} holds {others:,} labels, all of other texts.",
                "Another sample or corpus was labelled there.",
                "Draw the same sample again, or begin another file.",
            )

    def _lines(self) -> list[tuple[int, dict[str, str]]]:
        return list(said.lines(self.path, FIELDS, "label"))

    def __repr__(self) -> str:
        settled = self.merged.settled
        counts = Counter(settled.values())
        listed = ", ".join(f"{counts[label]:,} {label}" for label in (*self.labels, UNSURE))
        return f"Labels in {self.path}: {listed}; {len(settled):,} of {len(self.ids):,} texts"


def version_of(guideline: str) -> str:
    """Return eight digits that change with the words of a guideline; nothing for none."""
    words = " ".join(guideline.split())
    return hashlib.blake2b(words.encode(), digest_size=4).hexdigest() if words else ""


def _checked(labels: Sequence[str]) -> tuple[str, ...]:
    given: Any = labels
    listed = isinstance(given, Iterable) and not isinstance(given, str)
    names: tuple[Any, ...] = tuple(given) if listed else ()
    right = all(isinstance(one, str) and one.strip() and one != UNSURE for one in names)
    if len(names) < 2 or not right or len(set(names)) < len(names):
        raise LabelError(
            f"The labels are {labels!r}.",
            f"At least two names were expected, each there once; '{UNSURE}' is there of itself.",
            "labels=['weather', 'trade', 'other']",
        )
    return names
