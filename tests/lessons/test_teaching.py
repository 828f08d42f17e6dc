"""Teaching plans: forty-five minutes for each lesson, in both languages."""

from __future__ import annotations

import re

import pytest

from .conftest import LESSONS, ROOT, read

LENGTH_MIN = 45
PARTS = {
    ".md": ("**Goals.**", "**Ask.**", "**Pitfalls.**", "**If time is short.**"),
    ".sv.md": ("**Mål.**", "**Fråga.**", "**Fallgropar.**", "**Om tiden är kort.**"),
}
PLANS = [(name, ending) for name in LESSONS for ending in PARTS]
ROW = re.compile(r"^\| (\d+)–(\d+) \| (.+) \| (.+) \|$", re.MULTILINE)


def plan(name: str, ending: str) -> str:
    path = ROOT / "teaching" / name.replace(".ipynb", ending)
    return path.read_text(encoding="utf-8")


def title(name: str) -> str:
    return read(name).cells[0].source.partition("\n")[0].removeprefix("# ")


@pytest.mark.parametrize(("name", "ending"), PLANS)
def test_minutes_follow_one_another_and_fill_the_lesson(name: str, ending: str):
    rows = [(int(begin), int(end)) for begin, end, *_ in ROW.findall(plan(name, ending))]
    assert rows[0][0] == 0
    assert rows[-1][1] == LENGTH_MIN
    assert all(begin < end for begin, end in rows)
    assert [end for _, end in rows[:-1]] == [begin for begin, _ in rows[1:]]


@pytest.mark.parametrize(("name", "ending"), PLANS)
def test_plan_has_goals_questions_pitfalls_and_what_to_skip(name: str, ending: str):
    text = plan(name, ending)
    places = [text.index(part) for part in PARTS[ending]]
    assert places == sorted(places)


@pytest.mark.parametrize(("name", "ending"), PLANS)
def test_plan_bears_the_title_of_its_lesson(name: str, ending: str):
    kind = {".md": "Teaching plan", ".sv.md": "Lektionsplan"}[ending]
    lesson = name.replace(".ipynb", ending.replace(".md", ".ipynb"))
    assert plan(name, ending).startswith(f"# {kind}: {title(lesson)}\n")


@pytest.mark.parametrize("name", LESSONS)
def test_both_languages_have_the_same_hours(name: str):
    english, swedish = (ROW.findall(plan(name, ending)) for ending in PARTS)
    assert [row[:2] for row in english] == [row[:2] for row in swedish]


@pytest.mark.parametrize("name", LESSONS)
def test_sections_a_plan_names_are_in_the_lesson(name: str):
    headings = re.findall(r"^## (\d+)\. ", "\n".join(c.source for c in read(name).cells), re.M)
    named = re.findall(r"[Ss]ections? (\d+)(?: and (\d+))?", plan(name, ".md"))
    assert {one for pair in named for one in pair if one} <= set(headings)


def test_no_plan_is_left_over():
    there = {path.name for path in (ROOT / "teaching").glob("*.md")} - {"README.md"}
    assert there == {name.replace(".ipynb", ending) for name, ending in PLANS}
