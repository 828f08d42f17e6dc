"""A click on a year of a trend and on a line of a concordance, in JupyterLab."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from .conftest import SLOW_S, Lab, open_notebook, run_all

pytestmark = pytest.mark.browser

NAME = "counting.ipynb"
CELLS = (
    """import kbnotebooks as kb
texts = ["sol i dag", "sol och regn", "regn regn regn", "sol sol"]
weather = kb.Corpus.from_texts(texts, year=[1931, 1932, 1933, 1934], name="weather")
trend = kb.TrendView(kb.ngram_trend(weather, "sol"))
trend""",
    """lines = kb.ConcordanceView(weather, "sol")
lines""",
)


@pytest.fixture(scope="module")
def page(lab: Lab, context: Any) -> Any:
    book = new_notebook(cells=[new_code_cell(cell) for cell in CELLS])
    book.metadata.kernelspec = {
        "name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"
    }  # fmt: skip
    nbformat.write(book, lab.root / NAME)
    opened = open_notebook(lab, context, NAME, "counting")
    run_all(opened)
    return opened


def test_click_on_a_year_shows_its_lines(page: Any):
    from playwright.sync_api import expect

    view = page.locator(".jupyter-widgets.kb-clickable", has=page.locator(".kb-strip")).first
    expect(view.locator(".kb-strip")).to_have_count(4, timeout=SLOW_S * 1000)
    expect(view).to_contain_text("2 hits of 'sol' in 1934")  # most hits: shown first
    view.locator(".kb-strip").nth(1).click()
    expect(view).to_contain_text("1 hit of 'sol' in 1932", timeout=SLOW_S * 1000)
    expect(view.locator(".kb-chooser select")).to_have_value("1932 (1 hit)")


def test_click_on_a_line_shows_its_source(page: Any):
    from playwright.sync_api import expect

    view = page.locator(".jupyter-widgets.kb-clickable", has=page.locator(".kb-row")).first
    expect(view.locator(".kb-row")).to_have_count(4, timeout=SLOW_S * 1000)
    view.locator(".kb-row").nth(2).click()
    expect(view).to_contain_text("Source of line 3", timeout=SLOW_S * 1000)
