"""Pictures that can be clicked: each strip of a picture chooses an entry of a drop-down list.

The list is the real control, for the keyboard and for readers who do not see the picture; a click
only does what choosing in the list does. The handler is a line of the page's own, so nothing is
fetched and no widget of ours has to be installed.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kbnotebooks import _html, figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROOT, LIST = "kb-clickable", "kb-chooser"
"""Classes of the box around picture and list, and of the list."""
_CHOOSE = (
    f"const s=this.closest('.{ROOT}').querySelector('.{LIST} select');"
    "s.selectedIndex={index};s.dispatchEvent(new Event('change',{{bubbles:true}}))"
)


@dataclass(frozen=True)
class Strip:
    """A part of a picture, from left to right as shares of its width."""

    start: float
    end: float
    index: int
    tip: str

    @property
    def html(self) -> str:
        """The strip as an element that lies over the picture."""
        place = f"left:{100 * self.start:.3f}%;width:{100 * (self.end - self.start):.3f}%"
        return (
            f'<span class="kb-strip" aria-hidden="true" title="{html.escape(self.tip)}" '
            f'style="{place}" onclick="{handler(self.index)}"></span>'
        )


def handler(index: int) -> str:
    """Return what the page does at a click: choose an entry of the list."""
    return html.escape(_CHOOSE.format(index=index))


def clickable(picture: figures.Picture, strips: Sequence[Strip]) -> str:
    """Return a picture with strips over it."""
    return f'<div class="kb-strips">{picture.html}{"".join(strip.html for strip in strips)}</div>'


def row_button(label: str, index: int) -> _html.Markup:
    """Return a button for a row of a table that chooses an entry of the list."""
    return _html.Markup(
        f'<button type="button" class="kb-row" onclick="{handler(index)}">'
        f"{_html.text(label)}</button>"
    )


def across(fig: Figure, axes: Axes, places: Sequence[float]) -> list[float]:
    """Return places on an x axis as shares of the width of the picture `figures.png` writes."""
    import matplotlib as mpl

    fig.draw_without_rendering()
    box, pad = fig.get_tightbbox(), float(mpl.rcParams["savefig.pad_inches"])
    left, width = box.x0 - pad, box.width + 2 * pad
    inches = [axes.transData.transform((place, 0))[0] / fig.dpi for place in places]
    return [(one - left) / width for one in inches]
