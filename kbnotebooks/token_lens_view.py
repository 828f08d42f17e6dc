"""The view of tokenizers: a text in its pieces, and pieces a word over the years of a corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from kbnotebooks import _html, figures
from kbnotebooks._errors import ViewError
from kbnotebooks._sentence import DEFAULT_MODEL, AskingView, warnings_html
from kbnotebooks._token_pictures import LOOKS, draw_cuts, draw_lens, lens_in_words
from kbnotebooks._words import heard, known, later, number, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kblib.models.token_cuts import TokenCuts
    from kblib.models.token_lens import TokenLens
    from kblib.models.words import Word
    from kblib.tokens.subwords import Tokenizer

STYLE = f"""<style>
.kb.kb .kb-pieces {{ line-height: 2.1; margin: .2rem 0 .6rem; max-width: 54rem; }}
.kb.kb .kb-cut {{ display: inline-block; margin-right: .55rem; white-space: nowrap; }}
.kb.kb .kb-piece {{ border: 1px solid {_html.QUIET}; padding: .08rem .28rem; margin-right: 1px; }}
.kb.kb .kb-cut .kb-piece + .kb-piece {{ border-left: 3px solid {_html.INK}; }}
.kb.kb .kb-unknown .kb-piece {{ border-style: dashed; }}
</style>"""


class TokenLensView(AskingView):
    """See how tokenizers cut words up; type old spellings, misread words, compounds.

    Pieces stand in borders, so the cuts are seen in print and without colours.

    Parameters
    ----------
    text
        Words to cut.
    tokenizers
        A tokenizer, a model, a name of one; a list of these, or a dictionary with names.
    lens
        What `kb.token_lens` returned for a corpus; it is drawn beneath.

    Attributes
    ----------
    selection
        The text in the field; may be set.
    table
        tokenizer, word, kind, pieces, n_pieces, known (pandas).
    """

    def __init__(
        self, text: str, tokenizers: Any = DEFAULT_MODEL, *, lens: TokenLens | None = None
    ) -> None:
        super().__init__(
            text,
            button=say("Cut"),
            tooltip=say("Cut the words into pieces"),
            placeholder=say("some words"),
        )
        self.lens = lens
        self._wanted = tokenizers
        self._tokenizers: dict[str, Tokenizer] = {}
        self.cuts: TokenCuts | None = None
        self._answers.add_class("kb-token-lens")
        self._try(self.ask)

    @property
    def table(self) -> pd.DataFrame:
        """One row a tokenizer and word of the text."""
        columns = ["tokenizer", "word", "kind", "pieces", "n_pieces", "known"]
        return self.cuts.table if self.cuts else pd.DataFrame(columns=columns)

    def _forget(self) -> None:
        self.cuts = None

    def _read(self, text: str) -> None:
        from kblib.models.token_cuts import named_tokenizers, token_cuts

        if not self._tokenizers:
            self._tokenizers = named_tokenizers(self._wanted)
            self._check_lens()
        self.cuts = token_cuts(text, self._tokenizers)

    def _check_lens(self) -> None:
        n = len(self.lens.tokenizers) if self.lens else 0
        if n > len(LOOKS):
            raise ViewError(
                say("This lens has {n} tokenizers.", n=n),
                say("Up to {n} curves can be told apart in one picture.", n=len(LOOKS)),
                "kb.token_lens(films, [...])",
            )

    def _answer_html(self) -> str:
        if self.cuts is None:
            return ""
        rows = "".join(_pieces_html(name, self.cuts) for name in self.cuts.words)
        note = f"<p class='kb-quiet'>{_html.text(say(_HOW_TO_READ))}</p>"
        table = _html.details(say("The numbers"), _counts_html(self.cuts))
        return STYLE + rows + note + table + self._lens_html()

    def _lens_html(self) -> str:
        if self.lens is None:
            return ""
        picture = figures.figure(draw_lens(self.lens), alt=lens_in_words(self.lens)).html
        tables = _html.details(
            say("The numbers"), _period_table(self.lens) + _kind_table(self.lens)
        )
        return picture + warnings_html([heard(one) for one in self.lens.warnings]) + tables

    def _figure(self) -> Figure:
        return draw_lens(self.lens) if self.lens else draw_cuts(self.cuts)


_WHERE = (later("tokenizer"), later("medium"))
_WHAT = (later("words"), later("pieces a word"), later("interval"))
KINDS = (
    later("other"), later("capitals"), later("old spelling"), later("misread"), later("compound"),
)  # fmt: skip
"""Kinds of words as `kblib.ngrams.word_kinds` names them."""
_HOW_TO_READ = later(
    "Each box is one piece; a thick line parts the pieces of a word. A dashed box is a word the "
    "vocabulary cannot spell."
)


def _pieces_html(name: str, cuts: TokenCuts) -> str:
    words = "".join(_word_html(word) for word in cuts.words[name])
    said = say("{name}: {n:.2f} pieces a word", name=name, n=cuts.per_word(name))
    title = f"<p><strong>{_html.text(said)}</strong></p>"
    return f'{title}<div class="kb-pieces" role="list">{words}</div>'


def _word_html(word: Word) -> str:
    pieces = "".join(f'<span class="kb-piece">{_html.text(piece)}</span>' for piece in word.pieces)
    css = "kb-cut" if word.known else "kb-cut kb-unknown"
    return f'<span class="{css}" role="listitem">{pieces}</span>'


def _counts_html(cuts: TokenCuts) -> str:
    columns = [
        _html.Column(say("word")),
        _html.Column(say("pieces"), numeric=True),
        _html.Column(say("cut as")),
    ]
    return "".join(
        _html.table(
            name,
            columns,
            [
                (
                    word.text,
                    len(word.pieces),
                    " + ".join(word.pieces) if word.known else say("not in the vocabulary"),
                )
                for word in words
                if word.kind == "word"
            ],
        )
        for name, words in cuts.words.items()
    )


def _period_table(lens: TokenLens) -> str:
    rows = lens.rows.filter(lens.rows["words"] > 0)
    columns = [
        *(_html.Column(say(name)) for name in _WHERE),
        _html.Column(say("period")),
        *(_html.Column(say(name), numeric=True) for name in _WHAT),
        _html.Column(say("in one piece"), numeric=True),
    ]
    cells = [
        (
            row["tokenizer"], known(row["medium"]), row["period"], number(row["words"]),
            number(row["pieces_per_word"], ".2f"), _interval(row),
            _html.percent(row["whole_share"]),
        )
        for row in rows.iter_rows(named=True)
    ]  # fmt: skip
    return _html.table(say("Pieces a word by period"), columns, cells)


def _kind_table(lens: TokenLens) -> str:
    rows = lens.kinds.filter(lens.kinds["words"] > 0)
    columns = [
        *(_html.Column(say(name)) for name in _WHERE),
        _html.Column(say("kind of word")),
        *(_html.Column(say(name), numeric=True) for name in _WHAT),
        _html.Column(say("examples")),
    ]
    cells = [
        (
            row["tokenizer"], known(row["medium"]), known(row["kind"]), number(row["words"]),
            number(row["pieces_per_word"], ".2f"), _interval(row), row["examples"],
        )
        for row in rows.iter_rows(named=True)
    ]  # fmt: skip
    return _html.table(say("Pieces a word by kind of word"), columns, cells)


def _interval(row: dict[str, Any]) -> str:
    if row["note"]:
        return heard(row["note"])
    return f"{number(row['low'], '.2f')}–{number(row['high'], '.2f')}"
