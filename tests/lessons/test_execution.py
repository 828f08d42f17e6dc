"""Each lesson runs in a fresh kernel, in its time, and what it shows carries words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import nbformat
import pytest

from .conftest import (
    LESSONS,
    LIMIT_S,
    ROOT,
    SOLUTIONS,
    SWEDISH_LESSONS,
    SWEDISH_SOLUTIONS,
    Executed,
    code_cells,
    read,
)


def html_outputs(notebook: nbformat.NotebookNode) -> Iterator[tuple[str, str]]:
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if "data" in output and "text/html" in output.data:
                yield cell.id, output.data["text/html"]


DRAWN = re.compile(
    r"kb\.(\w*(Corpus|Trend|Run|Probe|TokenLens|Perplexity|Counts|Scores|Curve)View|figure)\("
)
"""Views with a picture; others, such as a concordance, are tables."""


class Images(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.alts: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.alts.append(dict(attrs).get("alt"))


EACH_TIME = (
    "00_start_here",
    "01_corpus",
    "02_words_over_time",
    "11_how_much_compute",
    "17_counts_you_may_publish",
)
"""Lessons that `make test` runs, with their solutions: the first, which trains a model, and quick
ones. The others are run by `make matrix` and in CI, two at a time."""


def marked(names: list[str], each_time: tuple[str, ...]) -> list[Any]:
    """Return the notebooks as parameters, the long ones marked."""
    slow = pytest.mark.slow
    return [one if one in each_time else pytest.param(one, marks=slow) for one in names]


def english(names: list[str]) -> list[Any]:
    each_time = [f"{folder}{name}.ipynb" for name in EACH_TIME for folder in ("", "solutions/")]
    return marked(names, tuple(each_time))


@pytest.mark.parametrize("name", english([*LESSONS, *SOLUTIONS]))
def test_notebook_runs_from_a_fresh_kernel(name: str, executed: Callable[[str], Executed]):
    done = executed(name)
    assert all(cell.execution_count for cell in code_cells(done.notebook))


@pytest.mark.parametrize("name", english(LESSONS))
def test_lesson_keeps_to_its_minutes(name: str, executed, record_property):
    done = executed(name)
    record_property("seconds", round(done.seconds, 1))
    # The limit holds for two quiet cores: where others computed as well, the share left is smaller.
    assert done.seconds < LIMIT_S * max(1.0, 1.0 + done.others / 2)


@pytest.mark.parametrize("name", english([*LESSONS, *SOLUTIONS]))
def test_no_view_fails_except_where_the_lesson_makes_a_mistake(name: str, executed):
    for cell, html in html_outputs(executed(name).notebook):
        assert "kb-unexpected" not in html, cell
        assert ("kb-error" in html.split("</style>")[-1]) == (cell == "mistake"), cell


@pytest.mark.parametrize("name", english(LESSONS))
def test_every_picture_has_alt_text(name: str, executed):
    pictures = 0
    for cell, html in html_outputs(executed(name).notebook):
        images = Images()
        images.feed(html)
        assert all(alt and len(alt) > 20 for alt in images.alts), cell
        pictures += len(images.alts)
    for cell in code_cells(executed(name).notebook):
        raw = [output for output in cell.outputs if "image/png" in output.get("data", {})]
        assert raw == [], f"{cell.id} shows a picture without alt text"
    assert pictures or not DRAWN.search(" ".join(cell.source for cell in read(name).cells))


@pytest.mark.parametrize("name", english(LESSONS))
def test_outputs_are_small_enough_to_be_kept(name: str, executed):
    assert len(nbformat.writes(executed(name).notebook)) < 1_500_000


@pytest.mark.parametrize("name", english(SOLUTIONS))
def test_solutions_are_right(name: str, executed):
    said = [one for cell, one in results(executed(name).notebook) if "kb.check(" in cell.source]
    assert said
    assert [one for one in said if not one.startswith("Right.")] == []


@pytest.mark.parametrize("name", english(LESSONS))
def test_unanswered_exercises_give_a_hint(name: str, executed):
    said = [one for cell, one in results(executed(name).notebook) if "kb.check(" in cell.source]
    assert said
    assert all("put your answer in the place of None. Hint:" in sentence for sentence in said)


QUICK = ("01_corpus.sv.ipynb", "solutions/01_corpus.sv.ipynb")
"""Swedish notebooks that are run each time. The code of the others is equal to what is run in
English, and every text of a view has a Swedish one (test_siblings, views/test_words)."""


def swedish(names: list[str]) -> list[Any]:
    return marked(names, QUICK)


@pytest.mark.parametrize("name", swedish(SWEDISH_LESSONS))
def test_swedish_lesson_speaks_swedish(name: str, executed):
    notebook = executed(name).notebook
    views = [html for _, html in html_outputs(notebook) if 'class="kb"' in html]
    assert views
    assert [html for html in views if 'class="kb" lang="sv"' not in html] == []
    hints = [said for cell, said in results(notebook) if "kb.check(" in cell.source]
    assert all("skriv ditt svar i stället för None. Tips:" in one for one in hints)
    (paragraph,) = [said for cell, said in results(notebook) if "kb.methods(" in cell.source]
    assert paragraph.startswith("Data. Korpus ”")


@pytest.mark.parametrize("name", swedish(SWEDISH_SOLUTIONS))
def test_swedish_solutions_are_right(name: str, executed):
    said = [one for cell, one in results(executed(name).notebook) if "kb.check(" in cell.source]
    assert said
    assert [one for one in said if not one.startswith("Rätt.")] == []


def results(notebook: nbformat.NotebookNode) -> Iterator[tuple[nbformat.NotebookNode, str]]:
    """Yield each cell that ends in a value, with the value as text."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "execute_result":
                yield cell, output.data["text/plain"]


def test_sentences_said_in_lesson_five_are_from_films_the_model_has_not_read():
    from kblib.corpora import load_sample, newsreel_filters

    clean = load_sample("newsreels").filter(*newsreel_filters())
    recipe = json.loads(
        (ROOT.parent / "models" / "kb-mini-masked" / "recipe.json").read_text("utf-8")
    )
    job = recipe["job"]
    _, _, test = clean.split(test=job["test"], valid=job["valid"], by="film", seed=job["seed"])
    unread = set(test.texts())
    said = [
        cell.source
        for cell in read("05_masked_words.ipynb").cells
        if re.fullmatch(r"said-\d", cell.id)
    ]
    sentences = [re.search(r'= "(.+)"\n.*answer="(.+)"', source) for source in said]
    assert len(sentences) == 2
    assert all(found and found[1].replace("[MASK]", found[2]) in unread for found in sentences)
