"""Pictures with words: every picture of a lesson carries a text that stands for it.

JupyterLab and nbconvert drop the alt text of ordinary picture outputs; HTML of our own keeps it.
"""

from __future__ import annotations

import base64
import html
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kbnotebooks._errors import ViewError
from kbnotebooks._html import FAINT, INK, QUIET, wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHORTEST_ALT = 15
_PIXELS_PER_INCH = 110


@dataclass(frozen=True)
class Picture:
    """A picture with its alt text, shown as ``<figure><img alt=...>``.

    Parameters
    ----------
    data
        The picture itself, PNG or SVG.
    alt
        What a reader who does not see the picture is told.
    caption
        A line below the picture, for everybody.
    size
        Width and height in pixels, if known: the page then does not jump when the picture is
        replaced.
    """

    data: bytes
    alt: str
    caption: str = ""
    size: tuple[int, int] | None = None

    @property
    def mime(self) -> str:
        """The media type of `data`."""
        return "image/png" if self.data.startswith(b"\x89PNG") else "image/svg+xml"

    @property
    def html(self) -> str:
        """The figure element."""
        source = f"data:{self.mime};base64,{base64.b64encode(self.data).decode('ascii')}"
        size = f' width="{self.size[0]}" height="{self.size[1]}"' if self.size else ""
        below = f"<figcaption>{html.escape(self.caption)}</figcaption>" if self.caption else ""
        return f'<figure><img alt="{html.escape(self.alt)}"{size} src="{source}">{below}</figure>'

    def _repr_html_(self) -> str:
        return wrap(self.html)

    def __repr__(self) -> str:
        return f"Picture: {self.alt}"

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file and return its path."""
        Path(path).write_bytes(self.data)
        return Path(path)


def figure(fig: Figure, *, alt: str = "", caption: str = "") -> Picture:
    """Show a matplotlib figure with a text that stands for it.

    Parameters
    ----------
    fig
        The figure. It is drawn now and not shown a second time by the notebook.
    alt
        One or two sentences: what is drawn, and what one sees in it. Required.
    caption
        A line below the picture.

    Raises
    ------
    ViewError
        If `alt` is missing or too short to stand for a picture.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> fig = Figure()
    >>> _ = fig.subplots().plot([1930, 1940], [2, 3])
    >>> figure(fig, alt="A line that rises from 2 in 1930 to 3 in 1940.")
    Picture: A line that rises from 2 in 1930 to 3 in 1940.
    """
    words = " ".join(alt.split())
    if len(words) < _SHORTEST_ALT:
        said = f"the alt text '{words}'" if words else "no alt text"
        raise ViewError(
            f"This picture has {said}.",
            "A reader who cannot see it needs a sentence: what is drawn, and what one sees in it.",
            'kb.figure(fig, alt="Words of speech per year; the 1940s have most.")',
        )
    data = png(fig)
    _close(fig)
    return Picture(data, words, caption)


def png(fig: Figure) -> bytes:
    """Return a figure as PNG."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=_PIXELS_PER_INCH, bbox_inches="tight", facecolor="white")
    return buffer.getvalue()


def canvas(width: float = 8.0, height: float = 2.8) -> tuple[Figure, Axes]:
    """Return an empty figure in the quiet style, made without pyplot and its global state."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(width, height), layout="constrained")
    axes = fig.subplots()
    quiet(axes)
    return fig, axes


def quiet(axes: Axes) -> None:
    """Take away what is not data: two spines, faint grid, grey labels."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)
    axes.tick_params(colors=QUIET, labelcolor=INK, labelsize=9, length=3)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.xaxis.label.set(color=INK, size=9)
    axes.yaxis.label.set(color=INK, size=9)


def _close(fig: Figure) -> None:
    """Keep the notebook from showing the figure again at the end of the cell."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(fig)
