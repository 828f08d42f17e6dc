"""Results become Markdown, and the README's tables follow them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.tables import Result, read, read_all, render, rewrite, save, update

RESULT = Result(
    title="Speed",
    command="make bench",
    date="2026-03-01",
    machine="two cores",
    columns=["what", "tokens/s"],
    rows=[["loop | ours", 1200], ["bare", 1250.5]],
    note="Nine pairs.",
)


def test_render_draws_title_table_and_origin() -> None:
    assert render(RESULT) == (
        "**Speed**\n\n"
        "| what | tokens/s |\n|---|---:|\n| loop \\| ours | 1200 |\n| bare | 1250.5 |\n\n"
        "Nine pairs. Made by `make bench` on 2026-03-01, two cores.\n"
    )


def test_saved_result_is_read_as_it_was(tmp_path: Path) -> None:
    path = save("speed", RESULT, tmp_path)
    assert read(path) == RESULT
    assert read_all(tmp_path) == {"speed": RESULT}


def test_update_fills_only_between_markers(tmp_path: Path) -> None:
    save("speed", RESULT, tmp_path)
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- bench:speed -->\nold\n<!-- /bench -->\nb\n", encoding="utf-8")
    update(readme, tmp_path)
    once = readme.read_text(encoding="utf-8")
    assert once == f"a\n<!-- bench:speed -->\n{render(RESULT)}<!-- /bench -->\nb\n"
    update(readme, tmp_path)
    assert readme.read_text(encoding="utf-8") == once


def test_rewrite_keeps_two_tables_apart() -> None:
    text = "<!-- bench:a -->\n<!-- /bench -->\nmid\n<!-- bench:b -->\n<!-- /bench -->\n"
    filled = rewrite(text, {"a": RESULT, "b": replace(RESULT, title="Memory")})
    assert filled.index("**Speed**") < filled.index("mid") < filled.index("**Memory**")


def test_rewrite_refuses_a_name_without_result() -> None:
    with pytest.raises(ValueError, match=r"No result 'b'; there are: a\."):
        rewrite("<!-- bench:b -->\n<!-- /bench -->", {"a": RESULT})


def test_read_names_the_fields_when_one_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "speed.json"
    path.write_text(json.dumps({"titel": "Speed"}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"speed.json has the fields \['titel'\]; expected"):
        read(path)


def test_read_names_the_row_that_is_too_short(tmp_path: Path) -> None:
    path = save("speed", replace(RESULT, rows=[["loop", 1], ["bare"]]), tmp_path)
    with pytest.raises(ValueError, match=r"speed.json: row 2 has 1 cells, the table 2\."):
        read(path)
