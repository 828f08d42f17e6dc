"""The answers of a ladder as tables side by side, and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kbnotebooks import _html, figures
from kbnotebooks._words import heard, known, later, number, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from kblib.ladder.answers import LadderAnswer, RungAnswer, WordAnswer
    from kblib.ladder.sources import Source

# Two tables beside each other on a page, one below the other on a narrow one.
STYLE = """<style>
.kb.kb .kb-ladder { display: grid; gap: 0 2rem;
  grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); }
.kb.kb .kb-ladder .kb-track.kb-track { width: 5rem; min-width: 5rem; }
.kb.kb .kb-ladder th, .kb.kb .kb-ladder td { padding-right: .7rem; }
.kb.kb ul { margin: .2rem 0 .5rem; padding-left: 1.3rem; }
</style>"""
_COLUMNS_OF_PICTURE = 3
_MOST_SOURCES = 5
_AXES = {"bits": later("bits"), "pseudo-bits": later("pseudo-bits")}
_PARTS = {
    "train": later("The models were trained on this film: they have read the answer."),
    "valid": later("The film was kept for tuning: no model was trained on it."),
    "test": later("The film was kept for testing: no model was trained on it."),
}


def html(answer: LadderAnswer) -> str:
    """Return tables, cautions, what the numbers are, and the answer from the source."""
    tables = "".join(f"<div>{_table(one)}</div>" for one in answer.answers)
    parts = [STYLE, _cautions(answer), f'<div class="kb-ladder">{tables}</div>']
    parts += [_source(answer), _meaning(answer)]
    return "".join(parts)


def draw(answer: LadderAnswer | None, text: str) -> Figure:
    """Draw the best words of each model as bars, a panel a model; the true word is marked."""
    from matplotlib.figure import Figure

    answers = answer.answers if answer is not None else ()
    columns = min(_COLUMNS_OF_PICTURE, max(len(answers), 1))
    rows = max(1, -(-len(answers) // columns))
    longest = max((len(_shown(one)) for one in answers), default=1)
    fig = Figure(figsize=(3.4 * columns, rows * (0.9 + 0.27 * longest)))
    fig.set_layout_engine("constrained", h_pad=0.12)
    fig.suptitle(text, fontsize=10)
    panels = fig.subplots(rows, columns, squeeze=False).flatten()
    for axes in panels[len(answers) :]:
        axes.set_visible(False)
    for axes, one in zip(panels, answers, strict=False):
        _panel(axes, one, answer.truth if answer is not None else None)
    return fig


def _panel(axes: Axes, one: RungAnswer, truth: str | None) -> None:
    figures.quiet(axes)
    words = _shown(one)[::-1]
    labels = [_label(word, truth) for word in words]
    places = range(len(words))
    colours = [_html.ACCENT if word.word == truth else "#9a9a9a" for word in words]
    bars = axes.barh(places, [100 * word.share for word in words], color=colours)
    axes.bar_label(
        bars, labels=[number(100 * word.share, ".1f") for word in words], fontsize=8, padding=2
    )
    axes.set_yticks(places, labels)
    axes.grid(visible=False)
    axes.margins(x=0.18)
    axes.set_title(_title(one), fontsize=9)
    axes.set_xlabel(say("share of the candidates, per cent"), fontsize=8)


def _label(word: WordAnswer, truth: str | None) -> str:
    mark = "▸ " if word.word == truth else ""
    return f"{mark}{number(word.rank)}. {word.word}"


def _table(one: RungAnswer) -> str:
    columns = [
        _html.Column(say("word")),
        _html.Column(say("place"), numeric=True),
        _html.Column(say("share"), numeric=True),
        _html.Column("", css="kb-track"),
    ]
    if one.axis:
        columns.append(_html.Column(say(_AXES[one.axis]), numeric=True))
    largest = max(one.best[0].share, 1e-12)
    rows = [_html.Row(_cells(word, largest, one.axis), css=_css(word, one)) for word in _shown(one)]
    return _html.table(_title(one), columns, rows)


def _cells(word: WordAnswer, largest: float, axis: str) -> Sequence[_html.Cell]:
    shown = word.word if word.known else say("{word} (unknown to it)", word=word.word)
    cells: list[_html.Cell] = [shown, number(word.rank), _html.percent(word.share)]
    cells.append(_html.bar(word.share / largest))
    if axis:
        cells.append("–" if word.bits is None else number(word.bits, ".1f"))
    return cells


def _css(word: WordAnswer, one: RungAnswer) -> str:
    return "kb-hit" if one.truth is not None and word.word == one.truth.word else ""


def _shown(one: RungAnswer) -> list[WordAnswer]:
    """Return the best words, and the true one beneath if it is not among them."""
    extra = [one.truth] if one.truth is not None and one.truth not in one.best else []
    return [*one.best, *extra]


def _title(one: RungAnswer) -> str:
    period = say("all years") if one.period == "all years" else one.period
    return f"{heard(one.name)} · {period}"


def _cautions(answer: LadderAnswer) -> str:
    said = dict.fromkeys(heard(one.caution) for one in answer.answers if one.caution)
    if not said:
        return ""
    lines = "".join(f"<li>{_html.text(line)}</li>" for line in said)
    head = _html.text(say("Not all of these models are of that decade:"))
    return f'<div role="note"><p>{head}</p><ul>{lines}</ul></div>'


def _source(answer: LadderAnswer) -> str:
    if not answer.sources:
        told = (
            say("The true word is said to be '{word}'.", word=answer.truth)
            if answer.truth
            else say("No text of the corpus has this sentence: nobody knows the true word.")
        )
        return f"<p>{_html.text(told)}</p>"
    head = say("From the source:")
    shown = "".join(f"<li>{_source_line(one)}</li>" for one in answer.sources[:_MOST_SOURCES])
    left = len(answer.sources) - _MOST_SOURCES
    more = say("and {n:,} more", n=left) if left > 0 else ""
    after = f"<p>{_html.text(more)}</p>" if more else ""
    return f"<p><strong>{_html.text(head)}</strong></p><ul>{shown}</ul>{after}"


def _source_line(source: Source) -> str:
    place = _html.text(str(source).removeprefix(f"{source.word}: "))
    part = _html.text(say(_PARTS[source.part])) if source.part in _PARTS else ""
    quoted = _html.text(source.text)
    return f"<strong>{_html.text(source.word)}</strong>: {place}. «{quoted}» {part}"


def _meaning(answer: LadderAnswer) -> str:
    n = int(answer.provenance["candidates"])
    told = [
        say("Shares are of the same {n:,} words for every model; each bar is measured by the "
            "best word of its own table.", n=n),
        say("bits: the surprise of the whole word from its left, on one axis for n-grams and GPT."),
        say("pseudo-bits: a masked model's, which reads both sides; never compared with bits."),
    ]  # fmt: skip
    used = {one.axis for one in answer.answers}
    keep = [True, "bits" in used, "pseudo-bits" in used]
    lines = " ".join(line for line, kept in zip(told, keep, strict=True) if kept)
    medium = answer.provenance.get("medium of decades")
    if answer.provenance["decade"] and medium:
        only = say("N-grams of a decade have read {medium} only, those of all years all media.",
                   medium=known(medium))  # fmt: skip
        lines = f"{lines} {only}"
    return f'<p class="kb-quiet">{_html.text(lines)}</p>'
