"""ContextChangeView: words beside the picture, words and lines of both sides, wrong input."""

from __future__ import annotations

import re

import pytest

from kblib.ngrams.change_result import SemanticChange
from kblib.ngrams.semantic_change import semantic_change
from kbnotebooks import _words
from kbnotebooks.context_change_view import ContextChangeView
from tests.ngrams.test_semantic_change import NEW, OLD, planted


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_words, "_chosen", ["en"])


@pytest.fixture(scope="module")
def change() -> SemanticChange:
    return semantic_change(planted(), ["maskin", "och"], exchanges=199, peers=0)


@pytest.fixture
def view(change) -> ContextChangeView:
    return ContextChangeView(change)


def test_date_and_limit_are_told_in_words(view, change, structure):
    (image,) = structure(view.html).all("img")
    curve = change.points.query("query == 'maskin'")
    best = curve.loc[curve["z"].idxmax()]
    assert (
        f"It is highest at {best.year}: {best.z:.1f} standard deviations; the limit for the "
        f"largest is {best.limit:.1f}." in image["alt"]
    )
    assert "'maskin' changed its company between 1935-39 and 1940-44 (p = 0.005)." in image["alt"]


def test_word_that_did_not_change_is_told_so(view, change):
    view.selection = "och"
    p = change.table.set_index("query").loc["och", "p_all"]
    assert p > 0.05
    assert re.search(r"'och' differs most between .* \(p = " + f"{p:.3f}", view.html)


def test_words_and_lines_of_both_sides_are_tables(view, structure):
    assert view.html.count("<caption>") == 5
    went, came = (view.html.split(f"Words that {way}")[1].split("</table>")[0]
                  for way in ("went", "came"))  # fmt: skip
    assert any(f">{word}<" in went for word in OLD)
    assert any(f">{word}<" in came for word in NEW)
    assert not any(f">{word}<" in came for word in OLD)
    before, after = view.html.split("Lines before 1940")[1].split("Lines from 1940 on")
    assert any(word in before for word in OLD)
    assert any(word in after.split("</table>")[0] for word in NEW)


def test_selection_chooses_the_word_and_its_words(view, change):
    assert view.selection == "maskin"
    view.selection = "och"
    assert view.words.equals(change.changed("och"))
    assert "company of 'och'" in view.html


def test_numbers_are_those_of_the_table(view, change):
    numbers = view.html.split("Dates of change of 'maskin'")[1]
    curve = change.points.query("query == 'maskin'")
    for row in curve.itertuples():
        assert f">{row.uses_before}<" in numbers
        assert f">{row.z:.2f}<" in numbers


def test_unknown_word_is_refused_and_the_old_one_stays(view):
    view.selection = "sol"
    assert view.selection == "maskin"
    assert "'sol' is not among the words of this view. There are: maskin, och." in view.html


def test_failing_callback_shows_its_error(view, monkeypatch: pytest.MonkeyPatch):
    def fail(*_args: object) -> None:
        raise RuntimeError("the index is gone")

    monkeypatch.setattr(SemanticChange, "changed_rows", fail)
    view._word.value = "och"
    assert "the index is gone" in view._message.value
    assert view.traceback


@pytest.mark.parametrize(("given", "n", "said"), [
    ("kriget", 6, "ContextChangeView got str. What semantic_change returns was expected."),
    (None, 0, "n is 0. A number of words was expected, from 1 on."),
])  # fmt: skip
def test_wrong_input_is_told_below(change, given, n, said):
    assert said in ContextChangeView(given or change, n=n).html


def test_swedish(view, monkeypatch: pytest.MonkeyPatch, change):
    monkeypatch.setattr(_words, "_chosen", ["sv"])
    html = ContextChangeView(change).html
    assert "'maskin' bytte sällskap mellan 1935-39 och 1940-44 (p = 0,005)." in html
    assert "Ett bytt sällskap är inte ännu en ny betydelse" in html
