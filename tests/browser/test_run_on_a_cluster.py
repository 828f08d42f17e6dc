"""A run on a cluster as its owner meets it: tab closed, kernel restarted, a second notebook."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest
from kblib.hpc.emulator import Emulator

from kblib.cluster import Run

from .conftest import SLOW_S, Lab, choose, open_notebook, restart_kernel, run_all, until

pytestmark = [pytest.mark.browser, pytest.mark.slurm]

FIRST, SECOND = "cluster_first.ipynb", "cluster_second.ipynb"
RUN_NAME = ".jupyter-widgets .kb-run-name"
RUN_STATE = ".jupyter-widgets .kb-run-state"
CURVE = ".jupyter-widgets figure img"
SUBMIT = """
texts = [f"Kungen besöker {place} i dag." for place in "Malmö Lund Kiruna Visby Borås".split()]
films = kb.Corpus.from_texts(texts * 40, name="visits")
shape = kb.ModelShape(n_layer=1, n_head=2, n_embd=16, vocab_size=300)
job = kb.Pretrain(films, shape, steps=200_000, batch_size=8, seq_len=16, warmup_steps=5,
                  eval_every=1_000_000, save_every=1_000_000, name="visits")
run = kb.submit(job, site="emulator", nodes=2, ranks_per_node=1, gpus_per_node=1,
                cores_per_node=1, memory_gib=2, dask=False)
"""


def write(lab: Lab, name: str, emulator: Emulator, *cells: str) -> None:
    """Write a notebook whose kernel finds the emulator."""
    begin = "import os\nimport kbnotebooks as kb\n"
    begin += f"os.environ['KBNOTEBOOKS_EMULATOR'] = {str(emulator.folder)!r}"
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in (begin, *cells)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, lab.root / name)


def step(page: Any) -> int:
    """Return the step the page shows; 0 while it shows none."""
    states = page.locator(RUN_STATE)
    return int(states.first.get_attribute("data-step") or 0) if states.count() else 0


def first_loss(page: Any) -> str:
    """Return what the curve's words say of its beginning."""
    words = page.locator(CURVE).first.get_attribute("alt") or ""
    assert " at step 1 to " in words
    return words.split(" at step 1 to ")[0]


def over(lab: Lab) -> bool:
    """Say whether every run of the lab is over; ask those that are not to stop."""
    runs = [Run.open(path.parent) for path in (lab.home / "runs").glob("visits*/state.json")]
    return all(run.cancel().state.over for run in runs)


def test_run_is_found_again_after_tab_and_kernel_and_from_another_notebook(
    lab: Lab, context: Any, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
):
    from playwright.sync_api import expect

    monkeypatch.setenv("KBNOTEBOOKS_EMULATOR", str(emulator.folder))
    write(lab, FIRST, emulator, SUBMIT, "kb.RunView(run)")
    page = open_notebook(lab, context, FIRST, "cluster-first")
    try:
        run_all(page)
        until("training step on the cluster", lambda: step(page) > 0)
        name, begin, before = (
            page.locator(RUN_NAME).first.inner_text(),
            first_loss(page),
            step(page),
        )

        choose(page, "File", "docmanager:save")
        page.locator(".jp-mod-dirty").wait_for(state="detached")
        page.close()
        page = open_notebook(lab, context, FIRST, "cluster-again", fresh=False)
        restart_kernel(lab, page)
        run_all(page)
        until("step after tab and kernel", lambda: step(page) > before)
        expect(page.locator(RUN_NAME)).to_have_text(name)
        assert first_loss(page) == begin
        assert [path.name for path in (lab.home / "runs").glob("visits*")] == [name]

        page.get_by_role("button", name="Stop").click()
        stopped = page.locator(f"{RUN_STATE}[data-phase='stopped']")
        stopped.wait_for(timeout=SLOW_S * 1000)
        # Its attempt stands in the view as it ended, and the curve as far as it came.
        expect(page.locator(".jupyter-widgets caption", has_text="Attempts")).to_have_count(1)
        whole = page.locator(CURVE).first.get_attribute("alt")

        write(lab, SECOND, emulator, f"kb.RunView({name!r})")
        other = open_notebook(lab, context, SECOND, "cluster-second")
        run_all(other)
        other.locator(f"{RUN_STATE}[data-phase='stopped']").wait_for(timeout=SLOW_S * 1000)
        expect(other.locator(RUN_NAME)).to_have_text(name)
        assert other.locator(CURVE).first.get_attribute("alt") == whole
        assert step(other) == step(page)
        other.close()
    finally:
        until("end of the run", lambda: over(lab))
        page.close()
