"""The picture of a plan: what each GPU must hold at each ZeRO stage, beside what it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kbnotebooks import _html, figures
from kbnotebooks._words import later, number, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kblib.planner.fitting import Fit
    from kblib.planner.memory import Memory

PARTS: tuple[tuple[str, tuple[str, ...], dict[str, Any]], ...] = (
    (later("weights"), ("parameters", "gathered"), {"facecolor": _html.ACCENT}),
    (later("gradients"), ("gradients", "buckets"), {"facecolor": "#7fa8c4"}),
    (later("optimiser"), ("optimizer",), {"facecolor": "#b9b9b9"}),
    (
        later("what passes through"),
        ("activations", "live layer", "logits"),
        {"facecolor": "white", "edgecolor": _html.QUIET, "hatch": "///"},
    ),
    (later("CUDA and NCCL"), (), {"facecolor": "#4d4d4d"}),
)
"""Parts of a bar, left to right: name, terms, look; they differ in lightness and hatching."""


def parts_of(memory: Memory) -> list[float]:
    """Return the GiB of each of `PARTS`."""
    terms = {term.name: term.gib for term in memory.terms}
    sums = [sum(terms.get(name, 0.0) for name in names) for _, names, _ in PARTS]
    return [*sums[:-1], memory.context_gib]


def draw(fit: Fit) -> Figure:
    """Draw a bar a stage, and a line where the memory of a GPU ends."""
    fig, axes = figures.canvas(8.0, 2.9)
    for place, memory in enumerate(fit.stages):
        left = 0.0
        for gib, (_, _, look) in zip(parts_of(memory), PARTS, strict=True):
            axes.barh(place, gib, left=left, height=0.62, linewidth=0.4, **look)
            left += gib
        axes.annotate(number(left, ",.1f"), (left, place), (4, 0), textcoords="offset points",
                      va="center", size=9, color=_html.INK)  # fmt: skip
    axes.axvline(fit.gpu_memory_gib, color=_html.INK, linestyle="--", linewidth=1)
    axes.annotate(say("{gib:g} GiB are there", gib=fit.gpu_memory_gib), (fit.gpu_memory_gib, -0.6),
                  (4, 0), textcoords="offset points", size=8, va="center")  # fmt: skip
    axes.set_yticks(range(len(fit.stages)), [_stage(one) for one in fit.stages])
    axes.invert_yaxis()
    axes.set_ylim(len(fit.stages) - 0.4, -0.9)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.12)
    axes.set_xlabel(say("GiB on each GPU"))
    _legend(fig)
    return fig


def in_words(fit: Fit) -> str:
    """Return the picture in words."""
    said = "; ".join(
        say("{stage} {gib:,.1f} GiB", stage=_stage(one), gib=one.needed_gib) for one in fit.stages
    )
    return say(
        "Bars of the memory that each of {gpus} GPUs must have, a bar a ZeRO stage: {said}. A "
        "dashed line stands at the {there:g} GiB that are there.",
        gpus=fit.gpus,
        said=said,
        there=fit.gpu_memory_gib,
    )


def _stage(memory: Memory) -> str:
    stage = memory.setting.zero
    return say("ZeRO-{stage}", stage=stage) if stage else say("nothing shared")


def _legend(fig: Figure) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(label=say(name), **look) for name, _, look in PARTS]
    fig.legend(handles=handles, loc="outside upper left", ncols=len(PARTS), frameon=False,
               fontsize=8, handlelength=1.3, columnspacing=1.2)  # fmt: skip
