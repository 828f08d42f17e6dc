"""The first lesson as a newcomer meets it: JupyterLab in a real Chromium, and no network."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from .conftest import (
    NOTEBOOKS,
    SLOW_S,
    Lab,
    choose,
    open_notebook,
    restart_kernel,
    run_all,
    until,
)

pytestmark = pytest.mark.browser

LESSON = "00_start_here.ipynb"
FIRST_VIEW = ".jp-OutputArea:has(.kb-fill-answers)"
RUN_NAME = ".jupyter-widgets .kb-run-name"
RUN_STATE = ".jupyter-widgets .kb-run-state"


@pytest.fixture(scope="module")
def lesson(lab: Lab, context: Any) -> Any:
    """The lesson, running from top to bottom, with a training long enough to be interrupted."""
    shutil.copy(NOTEBOOKS / LESSON, lab.root / LESSON)
    text = (lab.root / LESSON).read_text(encoding="utf-8")
    assert text.count("minutes=0.5") == 1
    (lab.root / LESSON).write_text(text.replace("minutes=0.5", "minutes=60"), encoding="utf-8")
    page = open_notebook(lab, context, LESSON, "first")
    run_all(page)
    return page


def step(page: Any) -> int:
    """Return the step the page shows; 0 while it shows none."""
    states = page.locator(RUN_STATE)
    return int(states.first.get_attribute("data-step") or 0) if states.count() else 0


def test_typing_into_fill_mask_changes_the_answers(lesson: Any):
    from playwright.sync_api import expect

    view = lesson.locator(FIRST_VIEW).first
    answers = view.locator(".kb-fill-answers tbody")
    expect(answers.locator("tr")).to_have_count(9, timeout=SLOW_S * 1000)
    before = answers.inner_text()
    field = view.locator("input[type=text]")
    field.fill("Kungen och [MASK] hälsade på spelarna.")
    field.press("Enter")
    until("other words", lambda: answers.inner_text() not in ("", before))
    assert answers.locator("th[scope=row]").count() == 9


def test_two_blanks_are_answered_in_a_sentence(lesson: Any):
    from playwright.sync_api import expect

    view = lesson.locator(FIRST_VIEW).first
    field = view.locator("input[type=text]")
    field.fill("Kungen och [MASK] kom till [MASK].")
    view.get_by_role("button", name="Fill").click()
    alert = view.get_by_role("alert")
    expect(alert).to_contain_text("2 [MASK]")
    assert "Traceback" not in view.inner_text()
    field.fill("Kungen kom till [MASK].")
    field.press("Enter")
    expect(alert).to_have_count(0)
    expect(view.locator(".kb-fill-answers tbody tr")).to_have_count(9)


def test_still_forms_are_hidden_while_the_widgets_live(lesson: Any):
    lesson.locator(FIRST_VIEW).first.locator(".kb-fill-answers").wait_for()
    stills = lesson.locator("[class^='kb-still-']")
    assert stills.count() >= 2
    assert not any(still.is_visible() for still in stills.all())


def test_pictures_in_the_page_have_alt_texts(lesson: Any):
    lesson.locator(RUN_STATE).first.wait_for()
    images = lesson.locator(".jp-OutputArea img").all()
    assert images
    assert all(image.get_attribute("alt") for image in images)


def test_run_goes_on_through_kernel_restart_and_closed_tab(lab: Lab, context: Any, lesson: Any):
    from playwright.sync_api import expect

    until("training step", lambda: step(lesson) > 0)
    name, before = lesson.locator(RUN_NAME).first.inner_text(), step(lesson)

    restart_kernel(lab, lesson)
    run_all(lesson)
    until("step after the restart", lambda: step(lesson) > before)
    expect(lesson.locator(RUN_NAME)).to_have_text(name)
    same = name.rpartition("-")[0]  # other files of tests leave their runs in this home, too
    assert [path.name for path in (lab.home / "runs").glob(f"{same}-*")] == [name]

    # A page that is opened asks the kernel for its widgets; one that waits in a cell is silent.
    choose(lesson, "Kernel", "kernelmenu:interrupt", "notebook:interrupt-kernel")
    until("idle kernel", lab.kernels_idle)
    choose(lesson, "File", "docmanager:save")
    lesson.locator(".jp-mod-dirty").wait_for(state="detached")
    reached = step(lesson)
    lesson.close()
    again = open_notebook(lab, context, LESSON, "second", fresh=False)
    until("step in the new tab, with nothing run", lambda: step(again) > reached)
    expect(again.locator(RUN_NAME)).to_have_text(name)

    again.get_by_role("button", name="Stop").click()
    expect(again.locator(RUN_STATE)).to_have_attribute(
        "data-phase", "stopped", timeout=SLOW_S * 1000
    )
    assert context.asked_elsewhere == []
