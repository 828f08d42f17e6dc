"""The view in which a reader labels texts, one after another, before any model has spoken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kblib.corpora import Corpus
from kblib.evaluation.label_next import NextTexts
from kblib.evaluation.tables import frame_of
from kblib.evaluation.texts import TextSample
from kblib.labels import GivenLabels
from kblib.labels.readers import UNSURE
from kbnotebooks import _html, figures
from kbnotebooks._errors import ViewError
from kbnotebooks._kwic import in_its_language
from kbnotebooks._one_by_one import (
    SOURCES,
    OneByOneView,
    bar_html,
    check_who,
    counts_html,
    source_of,
)
from kbnotebooks._words import number, say

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from kblib.evaluation.tables import Table

MOST_LABELS = 9
"""Each has a key of its own, 1 to 9."""
MOST_TEXTS = 10_000
"""More than anybody labels one by one; all are held in memory."""
TALL = "max-height: 22rem; overflow: auto; padding: .3rem .8rem .3rem 0"


class LabelView(OneByOneView):
    """Give each text of a sample one of a few labels.

    Each label is in the file before the next text is shown; the same call goes on tomorrow where
    you stopped. What a model says is shown only when all texts have your label: a reader who has
    seen a guess agrees with it too often.

    Parameters
    ----------
    texts
        What `kb.sample_texts` or `kb.label_next` drew, or a small corpus.
    path
        A file that ends in ``.jsonl``; it is made if it is not there.
    labels
        Two to nine names; ``unsure`` is there of itself.
    who
        Who labels; several readers may share a file.
    guideline, version
        What the labels mean, and which version of it. It is shown, and saved with each label.
    predictions
        A table with ``id`` and ``label``, shown after the last text is labelled.

    Attributes
    ----------
    selection
        The number of the text that is shown, from 1; may be set.
    labels
        The labels with their file; ``labels.merged`` is one label for each text.
    table
        The labels that count (pandas): what `kb.corrected_counts` takes.
    """

    def __init__(
        self,
        texts: TextSample | NextTexts | Corpus,
        path: str | Path,
        *,
        labels: Sequence[str],
        who: str,
        guideline: str = "",
        version: str | None = None,
        predictions: Table | None = None,
    ) -> None:
        super().__init__()
        self.who, self.guideline, self.version = who, guideline, version
        self.labels: GivenLabels | None = None
        self._texts: list[dict[str, Any]] = []
        self._says: dict[str, str | None] = {}
        listed = isinstance(labels, Iterable) and not isinstance(labels, str)
        labels = tuple(labels) if listed else labels
        names = [str(one) for one in labels][:MOST_LABELS] if listed else []
        keys = {str(at): name for at, name in enumerate(names, start=1)}
        shown = {name: f"{key} {name}" for key, name in keys.items()}
        last = len(names)
        hint = say("1 to {last} labels, u unsure, backspace: back", last=last)
        self._make({**shown, UNSURE: say("Unsure")}, {**keys, "u": UNSURE, "o": UNSURE}, hint)
        self._try(lambda: self._open(texts, path, labels, predictions))

    @property
    def table(self) -> pd.DataFrame:
        """The labels that count, of all readers."""
        return self._opened.table

    def label(self, label: str) -> None:
        """Label the text that is shown, save it, and show the next one that has no label."""
        self._answer(label)

    @property
    def _opened(self) -> GivenLabels:
        if self.labels is None:
            raise ViewError(say("No labels are open."), say("The message below the view says why."))
        return self.labels

    @property
    def _shows_model(self) -> bool:
        """Whether this reader has labelled all texts, and there is something to compare with."""
        return bool(self._says) and len(self._mine()) == len(self._texts)

    def _open(
        self,
        texts: TextSample | NextTexts | Corpus,
        path: str | Path,
        labels: Sequence[str],
        predictions: Table | None,
    ) -> None:
        check_who(self.who)
        if isinstance(labels, tuple) and len(labels) > MOST_LABELS:
            raise ViewError(
                say("There are {n} labels.", n=len(labels)),
                say("At most {most} were expected, a key for each.", most=MOST_LABELS),
                say("Label in two rounds: first the groups, then within each."),
            )
        self._texts = _rows_of(texts)
        if predictions is not None:
            said = frame_of(predictions, "predictions")
            self._says = dict(zip(said["id"].cast(str), said["label"], strict=True))
        self.labels = GivenLabels.open(self._items(), path, labels=labels)
        self._show(self._next(0))

    def _items(self) -> Sequence[str]:
        return [row["id"] for row in self._texts]

    def _mine(self) -> Mapping[str, str]:
        return self.labels.by(self.who) if self.labels is not None else {}

    def _save(self, answer: str) -> None:
        here = self._opened.ids[self._number - 1]
        left = set(self._opened.ids) - {here, *self._mine()}
        self._opened.add(
            here,
            answer,
            who=self.who,
            guideline=self.guideline,
            version=self.version,
            shows=bool(self._says) and not left,
        )

    def _check(self, number: int) -> None:
        if type(number) is not int or not 1 <= number <= len(self._texts):
            raise ViewError(
                say("There is no text {number}.", number=repr(number)),
                say("Texts are numbered from 1 to {n:,}.", n=len(self._texts)),
            )

    def _progress_html(self) -> str:
        done, n = len(self._mine()), len(self._texts)
        said = say("{done:,} of {n:,} texts labelled by {who}", done=done, n=n, who=self.who)
        rule = f"<p><strong>{_html.text(self.guideline)}</strong></p>" if self.guideline else ""
        return rule + bar_html(said, done, n)

    def _line_html(self) -> str:
        row = self._texts[self._number - 1]
        mine = self._mine().get(row["id"])
        said = [say("Text {n:,}", n=self._number), *source_of(row)]
        if mine:
            said.append(say("label: {label}", label=_named(mine)))
        text = in_its_language(row["text"], row.get("language"))
        return (
            f'<p class="kb-quiet">{_html.text(" · ".join(said))}</p>'
            f'<div tabindex="0" style="{TALL}">{_html.text(text)}</div>{self._model_html(row)}'
        )

    def _model_html(self, row: Mapping[str, Any]) -> str:
        if not self._shows_model:
            return ""
        label = self._says.get(row["id"])
        said = say("The model says: {label}", label=label or say("nothing"))
        rule = say("What you change now is kept, and does not count.")
        return f"<p><strong>{_html.text(said)}</strong> {_html.text(rule)}</p>"

    def _named_counts(self) -> dict[str, int]:
        return {_named(label): n for label, n in self._counts().items()}

    def _still(self) -> str:
        if self.labels is None:
            return ""
        table = counts_html(say("Labels so far"), say("label"), say("texts"), self._named_counts())
        return self._progress.value + self._line.value + table

    def _figure(self) -> Figure:
        counts = self._named_counts()
        fig, axes = figures.canvas(height=0.9 + 0.32 * len(counts))
        bars = axes.barh(list(counts), list(counts.values()), height=0.62, color=_html.ACCENT)
        bars[-1].set(facecolor="white", edgecolor=_html.QUIET, hatch="....", linewidth=0.6)
        axes.bar_label(bars, [number(n) for n in counts.values()], padding=4, fontsize=9)
        axes.invert_yaxis()
        axes.set(xlim=(0, max(1.1 * max(counts.values()), 1)), xlabel=say("texts"))
        axes.grid(visible=False)
        return fig


def _named(label: str) -> str:
    return say("Unsure") if label == UNSURE else label


def _rows_of(texts: TextSample | NextTexts | Corpus) -> list[dict[str, Any]]:
    """Return texts in the order in which they are labelled, with where they come from."""
    if isinstance(texts, TextSample | NextTexts):
        corpus, ids = texts.corpus, texts.rows.select("id").lazy()
    elif isinstance(texts, Corpus):
        corpus, ids = texts, texts.frame().select("id")
    else:
        raise ViewError(
            say("LabelView got {kind}.", kind=type(texts).__name__),
            say("What sample_texts draws, or a corpus, was expected."),
            "kb.LabelView(kb.sample_texts(films), 'labels.jsonl', labels=['war', 'other'], "
            "who='Selma')",
        )
    there = [name for name in ("text", "language", *SOURCES) if name in corpus.columns]
    found = ids.join(corpus.frame().select("id", *there), "id", how="left", maintain_order="left")
    rows = found.head(MOST_TEXTS + 1).collect().to_dicts()
    if not 0 < len(rows) <= MOST_TEXTS:
        raise ViewError(
            say("Corpus '{name}' has {n:,} texts.", name=corpus.name, n=len(corpus)),
            say("1 to {most:,} were expected.", most=MOST_TEXTS),
            "kb.sample_texts(corpus, 300)",
        )
    return rows
