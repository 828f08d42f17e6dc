"""How a lesson is written: short cells, prose for each, nothing of one machine or one day."""

from __future__ import annotations

import ast
import re

import pytest

from .conftest import (
    LESSONS,
    ROOT,
    SOLUTIONS,
    SWEDISH,
    SWEDISH_LESSONS,
    SWEDISH_SOLUTIONS,
    code_cells,
    prose,
    read,
)

MOST_LINES = 5
EVERY = [*LESSONS, *SOLUTIONS]
VIEWS = re.compile(r"kb\.(\w+View|figure)\(")


def test_every_lesson_has_solutions():
    assert [f"solutions/{name}" for name in LESSONS] == SOLUTIONS


@pytest.mark.parametrize("name", [*EVERY, *SWEDISH_LESSONS, *SWEDISH_SOLUTIONS])
def test_links_lead_to_notebooks_that_are_there(name: str):
    here = (ROOT / name).parent
    links = re.findall(r"\]\(([^)]+\.ipynb)\)", prose(read(name)))
    assert [link for link in links if not (here / link).is_file()] == []
    other = f"solutions/{name}" if here == ROOT else f"../{name.partition('/')[2]}"
    assert other in links
    swedish = name.endswith(SWEDISH)
    twin = name.replace(SWEDISH, ".ipynb") if swedish else name.replace(".ipynb", SWEDISH)
    translated = [link for link in links if link.endswith(SWEDISH) != swedish]
    assert translated == ([twin] if here == ROOT else [])


@pytest.mark.parametrize("name", EVERY)
def test_cells_have_names_and_no_outputs(name: str):
    notebook = read(name)
    names = [cell.id for cell in notebook.cells]
    assert len(set(names)) == len(names)
    # A made-up id is eight signs of hexadecimal; ours say what the cell is.
    assert not [one for one in names if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f-]+)?", one)]
    for cell in notebook.cells:
        assert not cell.metadata
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.parametrize("name", EVERY)
def test_metadata_names_a_kernel_and_nothing_else(name: str):
    metadata = read(name).metadata
    assert set(metadata) <= {"kernelspec", "language_info"}
    assert metadata.kernelspec.name == "python3"
    assert set(metadata.get("language_info", {})) <= {"name"}


@pytest.mark.parametrize("name", EVERY)
def test_code_cells_are_short(name: str):
    lengths = {cell.id: len(re.findall(r"(?m)^.", cell.source)) for cell in code_cells(read(name))}
    assert {one: lines for one, lines in lengths.items() if lines > MOST_LINES} == {}


@pytest.mark.parametrize("name", EVERY)
def test_code_lines_fit_on_the_page(name: str):
    wide = [
        line
        for cell in code_cells(read(name))
        for line in cell.source.split("\n")
        if len(line) > 92
    ]
    assert wide == []


@pytest.mark.parametrize("name", EVERY)
def test_each_code_cell_has_prose_of_its_own(name: str):
    kinds = [cell.cell_type for cell in read(name).cells]
    assert kinds.count("markdown") >= kinds.count("code")
    assert kinds[0] == kinds[-1] == "markdown"


@pytest.mark.parametrize("name", EVERY)
def test_imports_stand_in_the_first_cell_only(name: str):
    first, *others = code_cells(read(name))
    assert "import kbnotebooks as kb" in first.source
    late = [
        cell.id
        for cell in others
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert late == []


@pytest.mark.parametrize("name", EVERY)
def test_nothing_of_one_machine(name: str):
    for cell in read(name).cells:
        assert not re.search(r"(?<![\w.])/(home|root|tmp|work|usr|mnt|Users)/", cell.source), (
            cell.id
        )
        assert not re.search(r"pip install|https?://localhost|[A-Z]:\\\\", cell.source), cell.id


@pytest.mark.parametrize("name", EVERY)
def test_no_result_is_typed_into_prose(name: str):
    # A share, a decimal or a number with thousands in prose would be a result that nobody computes.
    text = re.sub(r"`[^`]*`|arXiv:[\d.]+|doi:\S+", "", prose(read(name)))
    assert re.findall(
        r"\d+(?:[.,]\d+)? ?(?:%|per cent)|\b\d+\.\d+\b(?!\.)|\b\d{1,3},\d{3}\b", text
    ) == (["4.0"] if "CC BY-NC 4.0" in text else [])


@pytest.mark.parametrize("name", LESSONS)
def test_head_asks_a_question_and_says_what_is_needed(name: str):
    head = read(name).cells[0].source
    assert re.match(r"# .+\n\n\*\*[^*]+\?\*\*\n", head)
    for said in ("You will be able to", "Minutes:", "Needs:", "Data and licence:"):
        assert f"**{said}**" in head


@pytest.mark.parametrize("name", LESSONS)
def test_end_says_what_was_learned_and_asks(name: str):
    text = prose(read(name))
    learned = text.split("## What we learned")[1].split("## Exercises")[0]
    assert len(re.findall(r"^\d\. ", learned, re.MULTILINE)) == 3
    exercises = text.split("## Exercises")[1]
    assert 3 <= len(re.findall(r"^\*\*\d\. ", exercises, re.MULTILINE)) <= 5
    assert re.search(r"## Further reading\n\n- .+\(\d{4}\)", exercises)


@pytest.mark.parametrize("name", LESSONS)
def test_end_says_what_the_method_cannot_show_and_how_it_was_done(name: str):
    notebook = read(name)
    limits = prose(notebook).split("## What the method cannot show\n\n")[1]
    assert len(limits.split("## What we learned")[0].split()) > 30
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    (told,) = [number for number, cell in enumerate(cells) if "kb.methods(" in cell.source]
    assert all("kb.check(" in cell.source for cell in cells[told + 1 :])
    before = notebook.cells[notebook.cells.index(cells[told]) - 1].source
    assert "## Data and methods" in before


@pytest.mark.parametrize("name", LESSONS)
def test_terms_are_explained_on_lines_of_their_own(name: str):
    text = prose(read(name))
    assert re.findall(r"^\*\*Term:\*\* .*\*[^*]+\*", text, re.MULTILINE)
    assert "**Term:**" not in re.sub(r"(?m)^\*\*Term:\*\*", "", text)


@pytest.mark.parametrize("name", LESSONS)
def test_each_view_is_read_and_its_limits_said(name: str):
    cells = read(name).cells
    for number, cell in enumerate(cells):
        if cell.cell_type != "code" or not VIEWS.search(cell.source) or "mistake" in cell.id:
            continue
        below = " ".join(
            next(c.source for c in cells[number:] if c.cell_type == "markdown").split()
        )
        assert "**How to read it.**" in below, cell.id
        assert re.search(r"\*\*What (it|the number) (does not show|is not)[.:]\*\*", below), cell.id


def test_list_of_lessons_is_complete_and_asks_their_questions():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in LESSONS:
        question = re.search(r"^\*\*([^*]+\?)\*\*$", read(name).cells[0].source, re.MULTILINE)
        assert question
        assert f"]({name}) | {question[1]} |" in text
