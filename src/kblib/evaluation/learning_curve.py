"""How many labels it takes: models learnt from 8 to 512 labels, beside those that need none.

The same texts are tested throughout; no film, issue or document is on both sides. At each size
several draws of labels are learnt from, because with few labels it matters which ones they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kblib import __version__, settings
from kblib.errors import LabelError
from kblib.evaluation.curve_cells import Cell, CellStore, Method, Progress, cells
from kblib.evaluation.curve_draws import sizes_of
from kblib.evaluation.curve_methods import DEFAULT, CurveMethod, methods_of
from kblib.evaluation.curve_result import LearningCurve, rows_of
from kblib.evaluation.curve_scores import CurveScores
from kblib.fewshot.few_labels import check_few
from kblib.labels import Labels
from kblib.labels.parts import Parts
from kblib.ngrams.resampling import FEWEST_UNITS, check_confidence

MOST_SEEDS = 100


def learning_curve(
    labels: Labels | Parts,
    methods: Sequence[str | CurveMethod] = DEFAULT,
    *,
    sizes: Sequence[int] | None = None,
    seeds: int = 5,
    groups: str | None = None,
    test: float = 0.3,
    confidence: float = 0.95,
    cache: str | Path | None = None,
    progress: Progress | None = None,
) -> LearningCurve:
    """Measure how good each method is by how many labels it is given.

    Parameters
    ----------
    labels
        Texts with a label each; or their parts, if they are split already.
    methods
        Names, or `CurveMethod` where a model or words are to be named: ``sentences`` (a logistic
        head on the vectors of a frozen encoder), ``tf-idf``, ``n-grams``, ``contrastive``,
        ``prompt``; and without labels ``zero-shot``, ``keywords``, and ``majority``, the label that
        is most frequent in the whole train part.
    sizes
        Numbers of labels, growing; by default 8, 16, ... 512 as far as there are labels.
    seeds
        How many draws of labels at each size.
    groups
        The column that names what hangs together; by default film, issue, document or title.
    test
        Share of the groups that is tested on.
    confidence
        Of the intervals, which know of both: which labels were drawn, and which groups were tested.
    cache
        Folder where what was computed is kept; by default ``curves`` in the home of the project.
        The same call goes on from there.
    progress
        Called with how many cells are done, how many there are, and the method at work.

    Raises
    ------
    LabelError
        If the labels are not of texts or all the same, a size does not fit, or a method is unknown.
    ModelError, MissingPartError
        If a method needs a model or a package that is not there.

    References
    ----------
    Bouthillier et al. (2021), Accounting for variance in machine learning benchmarks.

    Examples
    --------
    >>> from kblib.labels import read_labels
    >>> told = [("sol och värme", "sun"), ("regn och blåst", "rain")] * 40
    >>> rows = [{"text": f"{text} {n}", "label": label, "film": n // 2}
    ...         for n, (text, label) in enumerate(told)]
    >>> curve = learning_curve(read_labels(rows), ["tf-idf", "majority"], sizes=(8, 16), seeds=2)
    >>> curve.crossings.of("tf-idf", "majority")["surely_from"]
    8
    """
    check_confidence(confidence)
    _check_seeds(seeds)
    parts = _parts_of(labels, groups, test)
    chosen, said = sizes_of(sizes, parts.train)
    folder = Path(cache) if cache is not None else settings.writable_home() / "curves"
    opened = methods_of(methods, parts, folder)
    draws = range(1, seeds + 1)
    found = list(cells(opened, parts, chosen, draws, CellStore(folder), progress))
    return _curve(parts, opened, chosen, found, confidence, said)


def _curve(
    parts: Parts,
    methods: Sequence[Method],
    sizes: tuple[int, ...],
    found: list[Cell],
    confidence: float,
    said: list[str],
) -> LearningCurve:
    rows = parts.test.rows
    named = zip(rows["id"], rows[parts.by], strict=True)
    units = [f"\0{one}" if unit is None else str(unit) for one, unit in named]
    scores = CurveScores(found, rows["label"].to_list(), units, confidence)
    places = list(dict.fromkeys((cell.method, cell.size) for cell in found))
    if scores.n_units < FEWEST_UNITS:
        said.append(f"{scores.n_units} groups are tested on: too few for intervals.")
    said += [f"{one.name}: {note}" for one in methods for note in one.notes]
    known = parts.train.provenance
    about = {
        "labels": parts.train.name.removesuffix("-train"),
        "labels_fingerprint": known.get("fingerprint", ""),
        "split": known.get("split", {}),
        "groups": parts.by,
        "n_train": len(parts.train),
        "n_test": len(parts.test),
        "n_test_groups": scores.n_units,
        "draws": max((cell.seed or 0 for cell in found), default=0),
        "methods": {one.name: None if one.about is None else dict(one.about) for one in methods},
        "confidence": confidence,
        "version": __version__,
    }
    return LearningCurve(
        rows_of(scores, places),
        scores,
        sizes,
        tuple(one.name for one in methods if one.learns),
        tuple(one.name for one in methods if not one.learns),
        (*said, *parts.warnings),
        about,
    )


def _parts_of(labels: Any, groups: str | None, test: float) -> Parts:
    if not isinstance(labels, Parts):
        parts = check_few(labels).split(test=test, by=groups)
    elif groups not in (None, labels.by):
        raise LabelError(
            f"groups='{groups}' was given with labels that are split by {labels.by} already.",
            "One of them was expected.",
            f"kb.learning_curve(labels, groups='{groups}')",
        )
    else:
        parts = labels
    check_few(parts.train)
    return parts


def _check_seeds(seeds: Any) -> None:
    if type(seeds) is not int or not 1 <= seeds <= MOST_SEEDS:
        raise LabelError(
            f"seeds is {seeds!r}.",
            f"How many draws was expected, from 1 to {MOST_SEEDS}.",
            "seeds=5",
        )
