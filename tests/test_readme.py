"""What README.md and its neighbours promise is there."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from benchmarks import tables

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "notebooks/*.md", "hpc/*.md", "models/*/README.md")
    for path in ROOT.glob(pattern)
)
# A fenced block: the line before it, its language, its content.
BLOCK = re.compile(r"(?:^|\n)([^\n]*)\n```(\w+)\n(.*?)\n```", re.DOTALL)
NOT_KEPT = {"build", "dist", "work"}


def blocks(text: str, *languages: str) -> list[tuple[str, str]]:
    """Return the line before and the content of each fenced block."""
    return [
        (before, body) for before, language, body in BLOCK.findall(text) if language in languages
    ]


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def shell_lines(page: str) -> list[str]:
    """Return the commands in the shell blocks of a page, without comments."""
    lines = [line for _, body in blocks(read(page), "sh", "bash") for line in body.splitlines()]
    return [line.partition("#")[0].strip() for line in lines if line.partition("#")[0].strip()]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*## ", read("Makefile"), re.MULTILINE))


# Commands


def test_first_commands_are_the_two() -> None:
    first = blocks(README, "sh")[0][1].splitlines()
    assert [line.partition("#")[0].strip() for line in first] == ["make lab", "make test"]


def test_first_commands_are_on_the_first_screen() -> None:
    assert README.splitlines().index("```sh") < 15


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page: str) -> None:
    text = read(page)
    named = set(re.findall(r"`make ([a-z]+)[^`]*`", text))
    named |= {words.split()[1] for words in shell_lines(page) if words.startswith("make ")}
    assert named - targets() - {"set-up-test"} == set()


@pytest.mark.parametrize("page", PAGES)
def test_modules_that_are_started_exist(page: str) -> None:
    for name in set(re.findall(r"python -m ([\w.]+)", read(page))):
        assert find_spec(name) is not None, name


def test_commands_of_the_library_exist() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "kblib", "--help"], capture_output=True, text=True, check=True
    )
    named = {name for page in PAGES for name in re.findall(r"python -m kblib (\w+)", read(page))}
    assert {name for name in named if not re.search(rf"\b{name}\b", result.stdout)} == set()


def test_help_lists_every_target_that_can_be_typed() -> None:
    result = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert {line.split()[1] for line in result.stdout.splitlines()} == targets()


def test_continuous_run_uses_the_test_command() -> None:
    lines = read(".ci/run")
    assert "part make check" in lines
    assert "part make test" in lines


# Links and the tree


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = read(page)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    here = (ROOT / page).parent
    broken = [
        link
        for link in links
        if not re.match(r"[a-z]+:", link) and not (here / link.partition("#")[0]).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_links_within_a_page_lead_to_a_heading(page: str) -> None:
    text = read(page)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}
    assert [link for link in re.findall(r"\]\(#([^)]+)\)", text) if link not in slugs] == []


def drawn() -> dict[str, str]:
    """Return the folders of the README's tree, each with its line."""
    (tree,) = [body for _, body in blocks(README, "text") if "src/kblib/" in body]
    found, parent = {}, ""
    for line in tree.splitlines():
        name, said = line.split(maxsplit=1)
        parent = parent if line.startswith(" ") else name
        found[parent + name if line.startswith(" ") else name] = said
    return found


def top_folders() -> set[str]:
    """Return the folders of the root that git keeps; in a copy without git, all."""
    kept = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if kept.stdout:
        return {line.partition("/")[0] for line in kept.stdout.splitlines() if "/" in line}
    seen = {path.name for path in ROOT.iterdir() if path.is_dir()}
    return {name for name in seen if not name.endswith(".egg-info")} - NOT_KEPT


def test_tree_draws_every_folder() -> None:
    there = {f"{name}/" for name in top_folders() if not name.startswith(".")} - {"src/"}
    kblib = ROOT / "src" / "kblib"
    there |= {f"src/kblib/{init.parent.name}/" for init in kblib.glob("*/__init__.py")}
    assert there - drawn().keys() == set()


def test_tree_draws_no_folder_that_is_not_there() -> None:
    assert [name for name in drawn() if not (ROOT / name).is_dir()] == []


# Code and numbers


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_run(page: str, tmp_path: Path) -> None:
    for before, code in blocks(read(page), "python"):
        compile(code, page, "exec")
        if before.startswith("<!-- not run:"):
            continue
        result = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert result.returncode == 0, f"{code}\n{result.stderr}"


def test_names_in_python_blocks_exist() -> None:
    import kbnotebooks

    code = "\n".join(body for _, body in blocks(README, "python"))
    named = set(re.findall(r"\bkb\.(\w+)", code))
    assert {name for name in named if name not in dir(kbnotebooks)} == set()


def test_tables_are_the_committed_results() -> None:
    assert tables.rewrite(README, tables.read_all()) == README


def test_every_result_is_shown() -> None:
    assert set(tables.read_all()) == {name for _, name, _, _ in tables.MARKED.findall(README)}


# Versions


def test_citation_names_this_version() -> None:
    content = yaml.safe_load(read("CITATION.cff"))
    required = {"cff-version", "message", "title", "authors"}
    assert required <= content.keys()
    assert content["cff-version"] == "1.2.0"
    assert content["type"] == "software"
    assert content["version"] == PROJECT["version"]
    assert content["license"] == PROJECT["license"]
    assert date.fromisoformat(content["date-released"])
    for author in content["authors"]:
        assert "name" in author or {"family-names", "given-names"} <= author.keys()
    for reference in content["references"]:
        assert {"type", "title", "authors"} <= reference.keys()


def test_changelog_begins_with_this_version() -> None:
    newest = re.search(r"^## (\S+)", read("CHANGELOG.md"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == PROJECT["version"]


def test_package_says_its_version() -> None:
    import kblib

    assert kblib.__version__ == PROJECT["version"]


def test_licence_is_whole() -> None:
    text = read("LICENSE")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
