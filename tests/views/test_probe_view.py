"""ProbeView: both uncertainties named apart, every template at hand."""

from __future__ import annotations

import pytest

from kblib.models.probe import probe
from kbnotebooks.probe_view import ProbeView
from tests.views.tiny_model import tiny_model

TEMPLATES = ["{} arbetar som [MASK].", "I dag är {} [MASK]."]
PAIRS = [("Han", "Hon"), ("Kungen", "Drottningen")]
WORDS = ["läkare", "lärare"]


@pytest.fixture(scope="module")
def found():
    return probe(tiny_model(), TEMPLATES, PAIRS, WORDS, about=1935)


@pytest.fixture
def view(found) -> ProbeView:
    return ProbeView(found)


def test_both_uncertainties_are_named_apart(view):
    shown = view._picture.value
    assert "template uncertainty" in shown
    assert "training uncertainty" in shown
    assert "unknown: one training" in shown
    assert "too few for an interval" in shown


def test_numbers_are_those_of_the_probe(view, found):
    for row in found.rows:
        assert f"{row.log_odds:+.2f}" in view._picture.value
        assert f"2 templates from {row.lowest_template:+.2f} to {row.highest_template:+.2f}" in (
            view._picture.value
        )


def test_picture_says_which_side_is_which(view, structure):
    (image,) = structure(view._picture.value).all("img")
    assert "side of Han/Kungen" in image["alt"]
    assert "right likelier with Han/Kungen, left with Hon/Drottningen" in view._picture.value


def test_warnings_stand_below(view):
    assert "Which years tiny has read is not recorded" in view._picture.value
    assert "Training uncertainty is unknown" in view._picture.value


def test_choosing_a_word_lists_its_templates(view, found):
    view._word.value = "lärare"
    assert view.selection == "lärare"
    assert "Every answer for 'lärare'" in view._templates.value
    assert len(view.answers) == len(TEMPLATES) * len(PAIRS)
    for answer in view.answers["log_odds"]:
        assert f"{answer:+.2f}" in view._templates.value


def test_word_that_was_not_asked_is_answered_in_a_sentence(view):
    view.selection = "bonde"
    assert "The probe has no word 'bonde'. Its words: läkare, lärare." in view._message.value
    assert view.selection == "läkare"


def test_periods_and_trainings_stand_in_the_rows():
    found = probe(
        {1930: [tiny_model(), tiny_model(2)], 1940: tiny_model()}, TEMPLATES, PAIRS, WORDS
    )
    view = ProbeView(found)
    assert "1930-1939" in view._picture.value
    low, high = found.rows[0].lowest_training, found.rows[0].highest_training
    assert f"2 trainings from {low:+.2f} to {high:+.2f}" in view._picture.value
    assert len(view._figure().axes[0].get_yticklabels()) == 4


def test_word_without_a_number_is_said_and_leaves_the_picture_whole():
    view = ProbeView(probe(tiny_model(), TEMPLATES, PAIRS, ["läkare", "☃"]))
    assert "not in the vocabulary" in view._picture.value
    assert view.png().startswith(b"\x89PNG")


def test_thing_that_is_no_probe_is_refused_in_a_sentence():
    assert "ProbeView got str, which is no probe." in ProbeView("läkare")._message.value


def test_failing_callback_is_told_below_the_view(view, monkeypatch):
    monkeypatch.setattr("kbnotebooks.probe_view._templates_html", lambda *_: 1 / 0)
    view._word.value = "lärare"
    assert "ZeroDivisionError" in view._message.value
