from __future__ import annotations

import polars as pl
import pytest

from kblib.corpora.rows import frame_of_rows, stacked


@pytest.mark.parametrize(
    ("values", "kind", "kept"),
    [
        ([1, None, 3], pl.Int64, [1, None, 3]),
        ([1, 2.5], pl.Float64, [1.0, 2.5]),
        (["a", 1, 2.5, True, None], pl.String, ["a", "1", "2.5", "true", None]),
        ([True, False], pl.Boolean, [True, False]),
        ([True, 1], pl.String, ["true", "1"]),
        ([[1, "å"], {"b": 2}], pl.String, ['[1, "å"]', '{"b": 2}']),
        ([2**63, 1], pl.String, ["9223372036854775808", "1"]),
        ([None, None], pl.String, [None, None]),
    ],
)
def test_a_column_holds_all_its_values(values, kind, kept):
    column = frame_of_rows([{"x": value} for value in values])["x"]
    assert column.dtype == kind
    assert column.to_list() == kept


def test_a_column_that_comes_late_is_null_before():
    assert frame_of_rows([{"a": 1}, {"b": 2}]).rows() == [(1, None), (None, 2)]


def test_stacked_makes_text_of_kinds_that_do_not_go_together():
    frames = [
        pl.LazyFrame({"x": [1]}),
        pl.LazyFrame({"x": ["a"], "y": [1]}),
        pl.LazyFrame({"y": [1.5]}),
    ]
    assert stacked(frames).collect().rows() == [("1", None), ("a", 1.0), (None, 1.5)]
