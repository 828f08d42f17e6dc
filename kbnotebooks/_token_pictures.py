"""Pictures of tokenizers: pieces as boxes, and pieces a word over the periods of a corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kbnotebooks import _html, figures
from kbnotebooks._words import known, later, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from kblib.models.token_cuts import TokenCuts
    from kblib.models.token_lens import TokenLens
    from kblib.models.words import Word

LOOKS: tuple[dict[str, Any], ...] = (
    {"color": _html.ACCENT, "marker": "o", "linestyle": "-"},
    {"color": _html.INK, "marker": "s", "linestyle": "--", "markerfacecolor": "white"},
    {"color": _html.QUIET, "marker": "^", "linestyle": ":"},
    {"color": _html.ACCENT, "marker": "D", "linestyle": "-.", "markerfacecolor": "white"},
)
"""Tokenizers differ in line and mark; more than these cannot be told apart."""
AXIS = later("pieces a word")


def lens_in_words(lens: TokenLens) -> str:
    """Return what the picture of a lens shows, for a reader who does not see it."""
    rows = lens.rows.drop_nulls("pieces_per_word").filter(lens.rows["words"] > 0)
    most = rows.sort("pieces_per_word").row(-1, named=True)
    least = rows.sort("pieces_per_word").row(0, named=True)
    return say(
        "Pieces a word by {per}. Most: {most:.2f} in {medium}, {period} ({name}); "
        "least: {least:.2f} in {other_medium}, {other_period}.",
        per=known(lens.provenance["per"]),
        most=most["pieces_per_word"],
        medium=known(most["medium"]),
        period=str(most["period"]),
        name=most["tokenizer"],
        least=least["pieces_per_word"],
        other_medium=known(least["medium"]),
        other_period=str(least["period"]),
    )


def draw_lens(lens: TokenLens) -> Figure:
    """Draw pieces a word over the periods, a panel a medium, with the bands of whole films."""
    from matplotlib.figure import Figure

    media = lens.rows["medium"].unique(maintain_order=True).to_list()
    fig = Figure(figsize=(4.2 * len(media) + 0.6, 2.9), layout="constrained")
    for axes, medium in zip(
        fig.subplots(1, len(media), sharey=True, squeeze=False)[0], media, strict=True
    ):
        figures.quiet(axes)
        _draw_medium(axes, lens, medium)
    first = fig.axes[0]
    first.set_ylabel(say(AXIS))
    first.set_ylim(bottom=0.95)  # a word has one piece at least; its mark is seen whole
    if len(lens.tokenizers) > 1:
        fig.axes[-1].legend(frameon=False, fontsize=8)
    return fig


def _draw_medium(axes: Axes, lens: TokenLens, medium: str) -> None:
    from matplotlib.ticker import MaxNLocator

    labels = lens.rows["period"].unique(maintain_order=True).to_list()
    numeric = all(isinstance(label, int) for label in labels)
    places = np.array(labels if numeric else range(len(labels)))
    for name, look in zip(lens.tokenizers, LOOKS, strict=False):
        rows = lens.rows.filter(tokenizer=name, medium=medium)
        low, high = rows["low"].to_numpy(), rows["high"].to_numpy()
        axes.fill_between(places, low, high, color=look["color"], alpha=0.2, linewidth=0)
        axes.plot(places, rows["pieces_per_word"].to_numpy(), label=name, markersize=4, **look)
    if numeric:  # years: few marks, so that long spans stay readable
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    else:
        axes.set_xticks(places, [str(label) for label in labels], rotation=30)
    spare = max(0.05 * float(np.ptp(places)), 0.5)
    axes.set_xlim(places.min() - spare, places.max() + spare)
    axes.set_title(known(medium), fontsize=9, loc="left")


def draw_cuts(cuts: TokenCuts | None) -> Figure:
    """Draw the pieces of a text as boxes, a row a tokenizer."""
    from matplotlib.figure import Figure

    rows = list(cuts.words.items()) if cuts else []
    fig = Figure(figsize=(8.5, 0.5 + 0.75 * max(len(rows), 1)))
    axes = fig.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, 8.5), ylim=(-0.1 - 0.75 * max(len(rows), 1), 0.4))
    for number_of_row, (name, words) in enumerate(rows):
        _draw_pieces(axes, name, words, -0.75 * number_of_row)
    return fig


def _draw_pieces(axes: Axes, name: str, words: tuple[Word, ...], top: float) -> None:
    """Write the name, and below it the words; what is too long for the line is left out."""
    axes.text(0.1, top + 0.2, name, fontsize=9, color=_html.QUIET)
    at = 0.15
    for word in words:
        for place, piece in enumerate(word.pieces):
            width = 0.095 * len(piece) + 0.14
            if at + width > 8.4:
                axes.text(at, top - 0.1, "…", fontsize=10, color=_html.INK)
                return
            line = "-" if word.known else "--"
            box = {
                "facecolor": "white",
                "edgecolor": _html.QUIET,
                "linewidth": 0.8,
                "linestyle": line,
            }
            axes.add_patch(_box((at, top - 0.18), width, box))
            if place:
                axes.plot([at, at], [top - 0.18, top + 0.1], color=_html.INK, linewidth=2.4)
            middle = at + width / 2
            axes.text(
                middle, top - 0.04, piece, fontsize=9, ha="center", va="center", family="monospace"
            )
            at += width
        at += 0.16


def _box(corner: tuple[float, float], width: float, look: dict[str, Any]) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(corner, width, 0.28, **look)
