"""MarkView under a live kernel: letters typed quickly mark one line each, and are in the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from .conftest import Lab, open_notebook, run_all, until

pytestmark = pytest.mark.browser

NOTEBOOK = "marking.ipynb"
VIEW = ".jupyter-widgets:has(> .kb-mark-line)"
CELLS = (
    "import kbnotebooks as kb",
    "films = kb.Corpus.from_texts(['sol', 'en sol', 'sol och regn'] * 10, year=1931)",
    "view = kb.MarkView(kb.sample_query(films, 'sol'), 'sun.jsonl', who='Selma')\nview",
)
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


@pytest.fixture(scope="module")
def page(lab: Lab, context: Any) -> Any:
    cells = [nbformat.v4.new_code_cell(one) for one in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=KERNEL)
    nbformat.write(notebook, lab.root / NOTEBOOK)
    page = open_notebook(lab, context, NOTEBOOK, "marking")
    run_all(page)
    page.locator(VIEW).wait_for()
    until("idle kernel", lab.kernels_idle)
    return page


def saved(lab: Lab) -> list[str]:
    path = Path(lab.root) / "sun.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line)["mark"] for line in lines]


def test_keys_mark_lines_however_fast_they_come(lab: Lab, page: Any):
    keys = page.locator(f"{VIEW} input[type=text]")
    keys.focus()
    page.keyboard.type("ynuyy")
    until("five marks", lambda: len(saved(lab)) >= 5)
    assert saved(lab) == ["yes", "no", "unsure", "yes", "yes"]
    status = page.locator(f"{VIEW} [role=status]")
    until("the sixth line", lambda: status.inner_text().startswith("5 of 30 lines"))


def test_backspace_goes_back_and_a_button_marks_again(lab: Lab, page: Any):
    line = page.locator(f"{VIEW} .kb-mark-line")
    until("line 6", lambda: "Line 6" in line.inner_text())
    page.locator(f"{VIEW} input[type=text]").focus()
    page.keyboard.press("Backspace")
    until("line 5", lambda: "Line 5" in line.inner_text())
    assert "marked: Yes" in line.inner_text()
    page.locator(VIEW).get_by_role("button", name="No", exact=True).click()
    until("six marks", lambda: saved(lab)[-1] == "no" and len(saved(lab)) == 6)


def test_page_asks_nobody_else(page: Any, context: Any):
    assert context.asked_elsewhere == []
