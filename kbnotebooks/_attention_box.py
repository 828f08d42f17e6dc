"""The box of an attention view: a sentence whose words can be chosen, in HTML with its own script.

The script is the event handler of the box, so the box works wherever HTML does: under a live
widget, in a saved notebook, in an exported page without a network. Without scripts it still shows
the state it was made in, and the table.
"""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kbnotebooks import _html
from kbnotebooks._words import language, later, say

if TYPE_CHECKING:
    from kblib.models.attention import Attention

SCRIPT = Path(__file__).with_name("scripts") / "attention.js"
FULL = 65535
"""The largest number of 16 bits stands for a weight of 1."""
SAID = later("Layer {layer}, head {head}: '{word}' looks most at {targets}.")
CAPTION = later("Where '{word}' looks")
KEYS = later(
    "Arrow keys left and right choose a word, up and down a head, Page Up and Page Down a layer."
)
STYLE = f"""<style>
.kb.kb .kb-words {{ display: flex; flex-wrap: wrap; gap: .5rem .3rem; padding: .4rem;
  align-items: flex-end; }}
.kb.kb .kb-words:focus-visible {{ outline: 2px solid {_html.ACCENT}; }}
.kb.kb .kb-looked {{ display: inline-flex; flex-direction: column; align-items: center;
  cursor: pointer; padding: .1rem .3rem; border: 2px solid transparent; }}
.kb.kb .kb-looked[aria-selected=true] {{ border-color: {_html.INK}; }}
.kb.kb .kb-looked[aria-selected=true] .kb-word {{ font-weight: 700; text-decoration: underline; }}
.kb.kb .kb-looked[data-frame] .kb-word {{ font-style: italic; }}
.kb.kb .kb-shaft {{ display: flex; align-items: flex-end; height: 4.5rem; width: 1.1rem; }}
.kb.kb .kb-column {{ display: block; width: 100%; min-height: 1px; background: {_html.ACCENT};
  print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
.kb.kb .kb-weight {{ font-size: 12px; font-variant-numeric: tabular-nums; }}
.kb.kb .kb-attention select {{ font: inherit; margin-right: 1.2rem; }}
</style>"""


@dataclass(frozen=True)
class Chosen:
    """What is looked at: a unit by its number from 0; layer and head from 1, 0 for the mean."""

    word: int
    layer: int = 0
    head: int = 0

    @classmethod
    def read(cls, text: str) -> Chosen:
        """Read what the script writes: three numbers with spaces between."""
        return cls(*map(int, text.split()))

    def write(self) -> str:
        """Return what the script writes."""
        return f"{self.word} {self.layer} {self.head}"


def box(seen: Attention, chosen: Chosen, mark: str) -> str:
    """Return the box in a state; `mark` makes its ids its own on the page."""
    row = seen.of(chosen.word, layer=chosen.layer or None, head=chosen.head or None)
    names = [unit.text for unit in seen.units]
    words = "".join(_word(seen, n, row, chosen, mark) for n in range(len(names)))
    label = html.escape(say(KEYS))
    listed = (
        f'<div class="kb-words" role="listbox" tabindex="0" aria-label="{label}" '
        f'aria-orientation="horizontal" aria-activedescendant="{mark}-{chosen.word}">{words}</div>'
    )
    parts = [
        _controls(seen, chosen),
        listed,
        f'<p role="status">{_html.text(in_words(seen, chosen))}</p>',
        f'<p class="kb-quiet">{_html.text(say(KEYS))}</p>',
        _html.details(say("The numbers"), _table(names, row, chosen)),
    ]
    return f"{STYLE}<div {_attributes(seen, chosen)}>{''.join(parts)}</div>"


def in_words(seen: Attention, chosen: Chosen) -> str:
    """Return the sentence that stands below the words: where the chosen word looks most."""
    row = seen.of(chosen.word, layer=chosen.layer or None, head=chosen.head or None)
    first = sorted(range(len(row)), key=lambda at: (-row[at], at))[:3]
    return say(
        SAID,
        layer=_layer_name(chosen.layer),
        head=_layer_name(chosen.head),
        word=seen.units[chosen.word].text,
        targets=", ".join(f"{seen.units[at].text} {whole_percent(row[at])}" for at in first),
    )


def whole_percent(share: float) -> str:
    """Return a share in whole per cent, as the script writes it."""
    return f"{int(100 * share + 0.5)} %"


def _attributes(seen: Attention, chosen: Chosen) -> str:
    """Return the attributes of the box: its numbers, its texts, its handler."""
    scaled = np.rint(seen.by_word.clip(0, 1) * FULL).astype("<u2")
    data = {
        "layers": seen.n_layer,
        "heads": seen.n_head,
        "word": chosen.word,
        "layer": chosen.layer,
        "head": chosen.head,
        "language": language(),
        "said": say(SAID, layer="{layer}", head="{head}", word="{word}", targets="{targets}"),
        "caption": say(CAPTION, word="{word}"),
        "weights": base64.b64encode(scaled.tobytes()).decode("ascii"),
    }
    written = " ".join(f'data-{name}="{html.escape(str(value))}"' for name, value in data.items())
    # JupyterLab takes arrow keys for itself, except where it is told not to.
    kept = 'data-lm-suppress-shortcuts="true"'
    others = 'onclick="this.onkeydown(event)" onchange="this.onkeydown(event)"'
    return f'class="kb-attention" {kept} {written} onkeydown="{_handler()}" {others}'


@cache
def _handler() -> str:
    return html.escape(SCRIPT.read_text(encoding="utf-8"))


def _word(seen: Attention, n: int, row: np.ndarray, chosen: Chosen, mark: str) -> str:
    unit, height = seen.units[n], 100 * float(row[n] / row.max())
    frame = ' data-frame="true"' if unit.kind == "frame" else ""
    return (
        f'<span class="kb-looked" role="option" id="{mark}-{n}" data-word="{n}"{frame} '
        f'aria-selected="{str(n == chosen.word).lower()}">'
        f'<span class="kb-weight">{whole_percent(row[n])}</span>'
        f'<span class="kb-shaft" aria-hidden="true">'
        f'<span class="kb-column" style="height:{height:.1f}%"></span></span>'
        f'<span class="kb-word">{_html.text(unit.text)}</span></span>'
    )


def _controls(seen: Attention, chosen: Chosen) -> str:
    layer = _select(say("Layer"), "layer", seen.n_layer, chosen.layer)
    return f"<p>{layer}{_select(say('Head'), 'head', seen.n_head, chosen.head)}</p>"


def _select(label: str, what: str, n: int, chosen: int) -> str:
    options = "".join(
        f'<option value="{one}"{" selected" * (one == chosen)}>{_layer_name(one)}</option>'
        for one in range(n + 1)
    )
    return f'<label>{_html.text(label)} <select data-choose="{what}">{options}</select></label>'


def _layer_name(number: int) -> str:
    return str(number) if number else say("all (mean)")


def _table(names: list[str], row: np.ndarray, chosen: Chosen) -> str:
    columns = [_html.Column(say("word")), _html.Column(say("weight"), numeric=True)]
    caption = say(CAPTION, word=names[chosen.word])
    cells = [(name, whole_percent(share)) for name, share in zip(names, row, strict=True)]
    return _html.table(caption, columns, cells)
