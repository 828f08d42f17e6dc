"""AttentionView under a live kernel: the keyboard chooses, the kernel hears of it."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest

from .conftest import Lab, choose, open_notebook, run_all, until

pytestmark = pytest.mark.browser

NOTEBOOK = "attention.ipynb"
VIEW = ".jupyter-widgets.kb-attention-live"
CELLS = (
    "import kbnotebooks as kb",
    "view = kb.AttentionView('Kungen och [MASK] besökte Stockholm.')\nview",
    "print('kernel:', view.selection['place'], view.selection['layer'], view.selection['head'])",
)


@pytest.fixture(scope="module")
def page(lab: Lab, context: Any) -> Any:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in CELLS])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, lab.root / NOTEBOOK)
    page = open_notebook(lab, context, NOTEBOOK, "attention")
    run_all(page)
    page.locator(f"{VIEW} [role=listbox]").wait_for()
    until("idle kernel", lab.kernels_idle)
    return page


def test_arrow_keys_choose_word_head_and_layer(page: Any, context: Any):
    view = page.locator(VIEW)
    words, said = view.locator("[role=listbox]"), view.locator("[role=status]")
    begin = said.inner_text()
    words.focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowDown", "PageDown", "PageDown"):
        page.keyboard.press(key)
    assert said.inner_text() != begin
    assert said.inner_text().startswith("Layer 2, head 1: 'Kungen' looks most at ")
    chosen = view.locator("[role=option][aria-selected=true]")
    assert chosen.locator(".kb-word").inner_text() == "Kungen"
    assert words.get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    assert words.evaluate("one => one === document.activeElement"), "the focus stays"
    assert context.asked_elsewhere == []


def test_table_follows_the_choice(page: Any):
    view = page.locator(VIEW)
    assert view.locator(".kb-attention caption").text_content() == "Where 'Kungen' looks"
    shown = view.locator(".kb-attention tbody td").all_text_contents()
    assert shown == view.locator(".kb-looked .kb-weight").all_text_contents()
    assert sum(int(one.removesuffix(" %")) for one in shown) == pytest.approx(100, abs=len(shown))


def test_kernel_hears_what_the_page_chose(lab: Lab, page: Any):
    page.locator(".jp-CodeCell").last.locator(".jp-InputArea-editor").click()
    choose(page, "Run", "runmenu:run", "notebook:run-cell-and-select-next")
    printed = page.locator(".jp-CodeCell .jp-OutputArea-output", has_text="kernel:").last
    until("the choice in the kernel", lambda: printed.inner_text().strip() == "kernel: 1 2 1")
