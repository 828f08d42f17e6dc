"""The views of marks and of a corrected trend as pictures, in build/pictures."""

from __future__ import annotations

import pytest

from kblib.ngrams.samples import Draw, sample_query
from kbnotebooks.corrected import CorrectedTrendView
from kbnotebooks.counts_view import CountsView
from kbnotebooks.marking import MarkView
from kbnotebooks.scores_view import ScoresView
from tests.pictures.test_pictures import PICTURES, ink
from tests.views.test_corrected import corrected  # noqa: F401
from tests.views.test_counts_view import counts  # noqa: F401
from tests.views.test_scores_view import scores  # noqa: F401


@pytest.fixture
def marking(films, tmp_path) -> MarkView:
    sample = sample_query(films, "kungen", net="spelarna", draw=Draw(10, 10, 3))
    view = MarkView(sample, tmp_path / "king.jsonl", who="Selma")
    view._keys.value = "yynu"
    return view


def test_marks_are_drawn(marking):
    PICTURES.mkdir(parents=True, exist_ok=True)
    drawn = marking.png()
    (PICTURES / "marks.png").write_bytes(drawn)
    assert ink(drawn) > 0.01


def test_corrected_trend_is_drawn(corrected):  # noqa: F811
    PICTURES.mkdir(parents=True, exist_ok=True)
    drawn = CorrectedTrendView(corrected).png()
    (PICTURES / "corrected_trend.png").write_bytes(drawn)
    assert ink(drawn) > 0.01


def test_corrected_counts_are_drawn(counts):  # noqa: F811
    PICTURES.mkdir(parents=True, exist_ok=True)
    drawn = CountsView(counts).png()
    (PICTURES / "counts.png").write_bytes(drawn)
    assert ink(drawn) > 0.01


def test_scores_are_drawn(scores):  # noqa: F811
    PICTURES.mkdir(parents=True, exist_ok=True)
    drawn = ScoresView(scores).png()
    (PICTURES / "scores.png").write_bytes(drawn)
    assert ink(drawn) > 0.01
