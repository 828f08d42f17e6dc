"""N-gram models beside KenLM: from text to a model that answers, and scoring many texts.

Both sides read the same file, a cue a line, in processes of their own that take turns. The sums of
their scores are compared before anything is told.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.kenlm_built import Kenlm, kenlm
from benchmarks.long_text import newsreel_lines, perturbed, write_lines
from benchmarks.outcome import Outcome, measured
from benchmarks.scoring import Scoring, scoring
from benchmarks.tables import Cell
from benchmarks.usage import Usage, usage_of

ORDER = 5
MEMORY = "2G"  # for lmplz, which takes 80 % of the machine's unless told: more than it needs here
COLUMNS = ["", "kblib", "KenLM", "KenLM / kblib", "lowest to highest", "wanted"]
_TRAIN = """
import sys
from kblib.ngrams.language_model import NgramLM
with open(sys.argv[1], encoding="utf-8", newline="\\n") as lines:
    NgramLM.train(lines, order=int(sys.argv[2]), unit="line").save(sys.argv[3], replace=True)
"""


@dataclass(frozen=True)
class Text:
    """A text both sides learn from.

    Parameters
    ----------
    name
        As the table calls it.
    path
        Where it is.
    rounds
        How often both sides learn it.
    bar
        How many times less CPU ours must take at least.
    """

    name: str
    path: Path
    rounds: int
    bar: float


@dataclass(frozen=True)
class Built:
    """What building took, a pair a round, and the bytes of both files."""

    ours: list[Usage]
    theirs: list[Usage]
    our_bytes: int
    their_bytes: int


@dataclass(frozen=True)
class Compared:
    """One row: values of both sides in each round; KenLM's divided by ours has to reach the bar."""

    what: str
    ours: list[float]
    theirs: list[float]
    bar: float | None

    @property
    def ratios(self) -> list[float]:
        """KenLM's value divided by ours, round by round."""
        return [other / own for own, other in zip(self.ours, self.theirs, strict=True)]

    def row(self) -> list[Cell]:
        """Return the cells of the table."""
        low, high = min(self.ratios), max(self.ratios)
        spread = f"{low:.2f} to {high:.2f}" if len(self.ratios) > 1 else ""
        wanted = "" if self.bar is None else f"at least {self.bar:g}"
        values = [_plain(median(side)) for side in (self.ours, self.theirs)]
        return [self.what, *values, f"{median(self.ratios):.2f}", spread, wanted]

    def missed(self) -> str:
        """Return what to say if the lowest ratio does not reach the bar, else nothing."""
        if self.bar is None or min(self.ratios) >= self.bar:
            return ""
        return (
            f"Missed: {self.what}: KenLM's is {min(self.ratios):.2f} times ours in the worst "
            f"round; at least {self.bar:g} was wanted."
        )


def measure(*, quick: bool = False) -> Outcome:
    """Build KenLM, let both sides build models of a short and a long text, and score."""
    tools = kenlm()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows: list[Compared] = []
        texts = _texts(folder, quick=quick)
        _build_ours(texts[0].path, folder / "first")  # compiles what is not compiled yet
        for text in texts:
            rows += compared(text, build(text, tools, folder))
        scored = scoring(texts[0].path, folder, tools, rounds=2 if quick else 7)
        rows += _scoring_rows(scored)
    result = measured(
        "ngrams",
        "N-gram models",
        COLUMNS,
        [row.row() for row in rows],
        _note(texts, scored),
        ["numpy", "numba", "polars"],
    )
    return Outcome(result, tuple(filter(None, (row.missed() for row in rows))))


def _texts(folder: Path, *, quick: bool) -> list[Text]:
    lines = newsreel_lines()[: 2_000 if quick else None]
    copies = perturbed(lines, 2) if quick else perturbed(lines)
    return [
        Text("newsreels", write_lines(folder / "short", lines), 2 if quick else 3, 3.0),
        Text("ten copies", write_lines(folder / "long", copies), 2 if quick else 1, 2.0),
    ]


def build(text: Text, tools: Kenlm, folder: Path) -> Built:
    """Build the models of a text in turns; those of the text measured first stay for scoring."""
    ours, theirs, model = [], [], folder / f"{text.path.name}.ours"
    for number in range(text.rounds):
        turns: Mapping[int, Callable[[], None]] = {
            0: lambda: ours.append(_build_ours(text.path, model)),
            1: lambda: theirs.append(_build_theirs(text.path, tools, folder)),
        }
        turns[number % 2]()
        turns[1 - number % 2]()
    trie, arpa = folder / "trie", folder / "arpa"
    usage_of([tools.programs / "build_binary", "-T", folder / "t", "trie", arpa, trie])
    their_bytes = trie.stat().st_size
    trie.unlink()
    arpa.unlink()
    return Built(ours, theirs, sum(path.stat().st_size for path in model.iterdir()), their_bytes)


def _build_ours(text: Path, model: Path) -> Usage:
    return usage_of([sys.executable, "-c", _TRAIN, text, str(ORDER), model])


def _build_theirs(text: Path, tools: Kenlm, folder: Path) -> Usage:
    arpa, options = folder / "arpa", ["-o", str(ORDER), "--discount_fallback", "-S", MEMORY]
    command = [str(tools.programs / "lmplz"), *options, "-T", str(folder / "t")]
    counted = usage_of(command, stdin=text, stdout=arpa)
    binary = text.with_name(f"{text.name}.probing")
    return counted.then(usage_of([tools.programs / "build_binary", "probing", arpa, binary]))


def compared(text: Text, built: Built) -> list[Compared]:
    """Return the rows that building a text makes."""

    def row(what: str, value: Callable[[Usage], float], bar: float | None) -> Compared:
        sides = [value(used) for used in built.ours], [value(used) for used in built.theirs]
        return Compared(f"{text.name}: {what}", *sides, bar)

    sizes = [built.our_bytes / 1e6], [built.their_bytes / 1e6]
    return [
        row("text to model, core-s", lambda used: used.cpu_s, text.bar),
        row("text to model, wall s", lambda used: used.wall_s, None),
        row("text to model, peak MiB", lambda used: used.peak_mib, 1.0),
        Compared(f"{text.name}: file, MB (KenLM: trie)", *sizes, 1.0),
    ]


def _scoring_rows(scored: Scoring) -> list[Compared]:
    return [
        Compared(
            "newsreels: scoring on one core, core-s", scored.our_cpu_s, scored.their_cpu_s, 1.0
        ),
        Compared(
            f"newsreels: scoring on {scored.cores} cores, wall s",
            scored.our_wall_s,
            scored.their_wall_s,
            1.5 if scored.cores > 1 else 1.0,
        ),
    ]


def _note(texts: list[Text], scored: Scoring) -> str:
    sizes = " and ".join(f"{text.rounds} of {text.name}" for text in texts)
    return (
        f"Order {ORDER}, {scored.n_lines:,} newsreel cues, a line each, and ten copies of them, "
        "nine with words changed in many places. Rounds, in which the two sides took turns: "
        f"{sizes}, {len(scored.our_cpu_s)} of scoring; the middle round is shown. KenLM: lmplz "
        f"--discount_fallback -S {MEMORY} and build_binary probing, built here of the source on "
        "PyPI; its memory is the larger of the two. Ours: NgramLM.train and save, with the start "
        "of Python and its imports, its loops compiled before. Memory and CPU seconds are the "
        "operating system's account of the finished processes. Scoring: log10_scores of all lines "
        "against kenlm's score(line), which uses one core, both models in memory; the largest "
        f"difference of a line's scores was {scored.difference:.1e}."
    )


def _plain(value: float) -> Cell:
    return round(value) if value >= 100 else round(value, 2)
