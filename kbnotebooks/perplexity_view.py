"""The view of an n-gram model: what it expected of a sentence, what would come next, what it says.

The bits of a word come from the longest n-gram the model has that ends there; the view shows it, so
that one sees how far back the model looked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w
import numpy as np
import pandas as pd

from kblib.corpora import Document
from kblib.ngrams.language_model import NgramLM
from kblib.ngrams.vocabulary import BEGIN_ID, END, UNKNOWN_ID, split_words
from kblib.ngrams.word_surprisal import WordSurprisal, word_surprisal
from kbnotebooks import _html, figures
from kbnotebooks._errors import ViewError
from kbnotebooks._view import View, entries_of
from kbnotebooks._words import later, number, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEXT, SAMPLES, LONGEST_SAMPLE = 10, 3, 30
MOST_WORDS = 40
"""More bars than these cannot be read; the table has all words."""
THE_END = later("(end)")
_LOOKS: dict[bool, dict[str, Any]] = {
    True: {"color": _html.ACCENT},
    False: {"color": "white", "edgecolor": _html.QUIET, "hatch": "/////"},
}
"""Of words the model knows, and of those it does not."""


class PerplexityView(View):
    """See word by word what an n-gram model expected, and let it go on writing.

    Parameters
    ----------
    model
        An `NgramLM`.
    text
        A sentence, or a document of a corpus.
    seed
        Of the sampled texts.

    Attributes
    ----------
    selection
        ``text``, ``after`` (how many of its words stand before the next one) and ``seed``, as a
        dictionary; may be set, also in part.
    table
        One row a word: word, bits, order (length of the n-gram used), known (pandas).
    next_words
        The most probable next words after the chosen ones (pandas).
    samples
        Texts the model wrote on from there.
    """

    def __init__(self, model: NgramLM, text: str | Document, *, seed: int = 1) -> None:
        super().__init__()
        self.model = model
        self.surprisal: WordSurprisal | None = None
        self._given = text
        self._text = w.Text(
            text.text if isinstance(text, Document) else str(text),
            description=say("Sentence"),
            continuous_update=False,  # Enter sends it
            layout=w.Layout(width="42rem", max_width="90%"),
        )
        self._after = w.Dropdown(description=say("Next after"), layout=w.Layout(width="22rem"))
        self._seed = w.BoundedIntText(seed, min=0, max=2**31 - 1, description=say("Seed"))
        self._seed.layout.width = "12rem"
        self._words, self._next, self._samples = w.HTML(), w.HTML(), w.HTML()
        self._lay_out(self._text, self._words, w.HBox([self._after, self._seed]), self._next,
                      self._samples)  # fmt: skip
        self._try(self._open)
        self._on(self._text, "value", self.read)
        self._on(self._after, "value", self._go_on)
        self._on(self._seed, "value", self._write_samples)

    @property
    def selection(self) -> dict[str, Any]:
        """The sentence, after how many of its words the next one is asked for, and the seed."""
        return {
            "text": self._text.value,
            "after": self._after.value,
            "seed": self._seed.value,
        }

    @selection.setter
    def selection(self, wanted: dict[str, Any]) -> None:
        self._try(lambda: self._select(**entries_of(wanted, self.selection)))

    @property
    def table(self) -> pd.DataFrame:
        """One row a word: word, bits, order, known."""
        return self.surprisal.table if self.surprisal is not None else pd.DataFrame()

    @property
    def next_words(self) -> pd.DataFrame:
        """The most probable next words, with probability and bits."""
        words, probs = self._likely()
        return pd.DataFrame({"word": words, "probability": probs, "bits": -np.log2(probs)})

    @property
    def samples(self) -> tuple[str, ...]:
        """Texts the model writes on from the chosen words, with the chosen seed."""
        return self.model.sample(
            SAMPLES, seed=self._seed.value, prompt=self._prompt, max_words=LONGEST_SAMPLE
        )

    def read(self) -> None:
        """Score the sentence in the field."""
        self.surprisal = None
        for part in (self._words, self._next, self._samples):
            part.value = ""
        words = split_words(self._text.value)
        if not words:
            raise ViewError(say("There is no word to score."), say("A sentence was expected."))
        self.surprisal = word_surprisal(self.model, self._text.value)
        self._words.value = _html.wrap(self._words_html())
        starts = [say("the beginning"), *(f"… {word}" for word in words)]
        self._after.options = [(f"{n}: {word}", n) for n, word in enumerate(starts)]
        self._after.value = len(words) - 1
        self._go_on()

    def _open(self) -> None:
        if not isinstance(self.model, NgramLM):
            raise ViewError(
                say("PerplexityView got {kind}, which is no n-gram model.",
                    kind=type(self.model).__name__),
                say("Its bits are not those of other models."),
                "kb.PerplexityView(kb.NgramLM.train(films), 'Kungen reser till Norge')",
            )  # fmt: skip
        if not isinstance(self._given, str | Document):
            raise ViewError(
                say("The text is {kind}.", kind=type(self._given).__name__),
                say("A sentence or a document was expected."),
                "kb.PerplexityView(model, films[0])",
            )
        self.read()

    def _select(self, **wanted: Any) -> None:
        controls = {"text": self._text, "after": self._after, "seed": self._seed}
        self._text.value = wanted.pop("text", self._text.value)
        n = len(self._after.options) - 1
        if not 0 <= wanted.get("after", 0) <= n:
            raise ViewError(
                say("There are no {n} words before the next one.", n=wanted["after"]),
                say("From 0 to {n} was expected.", n=n),
            )
        for name, value in wanted.items():
            controls[name].value = value

    @property
    def _prompt(self) -> str:
        return " ".join(split_words(self._text.value)[: self._after.value or 0])

    def _likely(self) -> tuple[list[str], Any]:
        ids = [BEGIN_ID, *self.model.vocabulary.encode(self._prompt)]
        probs = self.model.model.distribution(ids)
        probs[[BEGIN_ID, UNKNOWN_ID]] = 0.0
        best = np.argsort(-probs, kind="stable")[:NEXT]
        best = best[probs[best] > 0]
        return [self.model.vocabulary.words[int(one)] for one in best], probs[best]

    def _go_on(self) -> None:
        self._next.value = self._samples.value = ""
        if self.surprisal is not None and self._after.value is not None:
            self._next.value = _html.wrap(self._next_html())
            self._write_samples()

    def _write_samples(self) -> None:
        self._samples.value = ""
        if self.surprisal is None:
            return
        rows = "".join(f"<li lang='sv'>{_html.text(one)}</li>" for one in self.samples)
        said = say("Written on by the model (seed {seed}): invented, also where it sounds true.",
                   seed=self._seed.value)  # fmt: skip
        self._samples.value = _html.wrap(f"<p>{_html.text(said)}</p><ol>{rows}</ol>")

    def _words_html(self) -> str:
        found = self.surprisal
        assert found is not None  # noqa: S101  it was read
        picture = figures.figure(self._figure(), alt=_in_words(found))
        unknown = len(found.known) - sum(found.known)
        said = say(
            "Perplexity {perplexity:,.1f}: as unsure as if it chose among so many words each time. "
            "{unknown:,} of {n:,} words are unknown to the model.",
            perplexity=found.perplexity,
            unknown=unknown,
            n=len(found.words) - 1,
        )
        unit = say("The numbers of n-gram models compare only with the same vocabulary.")
        largest = max(float(found.bits.max()), 1.0)
        columns = (_html.Column(say("word")), _html.Column(say("n-gram used")),
                   _html.Column(say("bits"), numeric=True),
                   _html.Column(say("as a bar"), css="kb-track"))  # fmt: skip
        rows = [
            (_shown(found, place), _used(found, place), number(found.bits[place], ".1f"),
             _html.bar(float(found.bits[place]) / largest))
            for place in range(len(found.words))
        ]  # fmt: skip
        table = _html.table(say("Bits, word by word"), columns, rows)
        return f"{picture.html}<p>{_html.text(said)} {_html.text(unit)}</p>{table}"

    def _next_html(self) -> str:
        words, probs = self._likely()
        columns = (_html.Column(say("word")), _html.Column(say("probability"), numeric=True),
                   _html.Column(say("bits"), numeric=True),
                   _html.Column(say("as a bar"), css="kb-track"))  # fmt: skip
        rows = [
            (say(THE_END) if word == END else word, _html.percent(p), number(-np.log2(p), ".1f"),
             _html.bar(float(p / probs[0])))
            for word, p in zip(words, probs, strict=True)
        ]  # fmt: skip
        before = self._prompt or say("the beginning")
        return _html.table(say("Next word after: {before}", before=before), columns, rows)

    def _still(self) -> str:
        asked = _html.text(self._text.value)
        said = f"<p><strong>{_html.text(say('Sentence'))}:</strong> {asked}</p>"
        return said + self._words.value + self._next.value + self._samples.value

    def _figure(self) -> Figure:
        if self.surprisal is None:
            raise ViewError(say("There is nothing to draw."), say("The message below says why."))
        return _draw(self.surprisal)


def _draw(found: WordSurprisal) -> Figure:
    """Draw bits as bars; words unknown to the model are hatched; the n-gram's length above each."""
    n = min(len(found.words), MOST_WORDS)
    fig, axes = figures.canvas(max(0.55 * n + 1.2, 4.0), 2.7)
    for place in range(n):
        axes.bar(place, found.bits[place], width=0.72, **_LOOKS[found.known[place]])
        axes.annotate(str(found.orders[place]), (place, found.bits[place]), (0, 2), ha="center",
                      textcoords="offset points", size=8, color=_html.INK)  # fmt: skip
    words = [say(THE_END) if word == END else word for word in found.words[:n]]
    axes.set_xticks(range(n), words, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_ylabel(say("bits"))
    axes.set_title(say("above each bar: words of the n-gram used"), fontsize=8, loc="left",
                   color=_html.QUIET)  # fmt: skip
    return fig


def _in_words(found: WordSurprisal) -> str:
    most, least = int(found.bits.argmax()), int(found.bits.argmin())
    said = say(
        "Bars of bits, word by word. Least expected is '{most}' ({high:.1f} bits), most expected "
        "'{least}' ({low:.1f}).",
        most=_plain(found, most),
        high=float(found.bits[most]),
        least=_plain(found, least),
        low=float(found.bits[least]),
    )
    longest = max(found.orders)
    where = ", ".join(f"'{_plain(found, place)}'" for place, order in enumerate(found.orders)
                      if order == longest)  # fmt: skip
    return f"{said} " + say("The longest n-gram used has {n} words, at {where}.", n=longest,
                            where=where)  # fmt: skip


def _plain(found: WordSurprisal, place: int) -> str:
    word = found.words[place]
    return say(THE_END) if word == END else word


def _shown(found: WordSurprisal, place: int) -> str:
    if found.known[place]:
        return _plain(found, place)
    return say("{word} (unknown to the model)", word=found.words[place])


def _used(found: WordSurprisal, place: int) -> str:
    """Return the n-gram a word's bits come from, with its length."""
    order = found.orders[place]
    words = (say("(start)"), *found.words)[place + 2 - order : place + 2]
    shown = " ".join(say(THE_END) if word == END else word for word in words)
    return f"{order}: {shown}" if found.known[place] else f"{order}: {say('(unknown)')}"
