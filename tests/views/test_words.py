"""What views say in two languages: every text has its Swedish one, with the same fields."""

from __future__ import annotations

import ast
import re
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from kbnotebooks import _words
from kbnotebooks._errors import ViewError
from kbnotebooks._words import NO_BREAK, NOTEBOOK, VARIABLE, language, number, say, say_n

FOLDER = Path(_words.__file__).parent
LETTERS = 8
"""A template of the library with fewer letters of its own fits anything."""
TEXTS_OF = {"say": slice(0, 1), "say_n": slice(1, 3), "later": slice(0, 1)}


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_words, "_chosen", [])
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv(NOTEBOOK, raising=False)


def said_in(path: Path) -> Iterator[tuple[int, ast.expr]]:
    """Yield line and argument of each text that a file says."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else None
            called = node.func.id if isinstance(node.func, ast.Name) else called
            for argument in node.args[TEXTS_OF.get(called, slice(0))]:
                yield node.lineno, argument


def texts() -> dict[str, str]:
    """Return each text of the code with the place where it is said."""
    return {
        argument.value: f"{path.name}:{line}"
        for path in sorted(FOLDER.rglob("*.py"))
        for line, argument in said_in(path)
        if isinstance(argument, ast.Constant)
    }


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_text_has_a_swedish_one():
    missing = {text: place for text, place in texts().items() if text not in _words.swedish()}
    assert missing == {}


def test_no_swedish_text_is_left_over():
    assert sorted(set(_words.swedish()) - set(texts())) == []


def test_both_languages_have_the_same_fields():
    different = {
        text: swedish
        for text, swedish in _words.swedish().items()
        if fields(text) != fields(swedish)
    }
    assert different == {}


def test_texts_are_literal_where_they_are_said():
    put_together = [
        f"{path.name}:{line}"
        for path in sorted(FOLDER.glob("*.py"))
        for line, argument in said_in(path)
        if isinstance(argument, ast.JoinedStr | ast.BinOp)
    ]
    assert put_together == []


def test_a_text_in_two_tables_is_translated_once():
    found: dict[str, str] = {}
    for path in FOLDER.glob("swedish/*.toml"):
        for text, swedish in tomllib.loads(path.read_text(encoding="utf-8")).items():
            assert found.setdefault(text, swedish) == swedish, path.name


def test_language_is_english_unless_told():
    assert language() == "en"


def test_language_is_chosen_by_code():
    assert language("sv") == "sv"
    assert language() == "sv"


def test_language_of_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(VARIABLE, "sv")
    assert language() == "sv"


def test_language_of_the_notebook_by_its_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(NOTEBOOK, "/home/karin/notebooks/04_trends.sv.ipynb")
    assert language() == "sv"
    monkeypatch.setenv(NOTEBOOK, "/home/karin/notebooks/04_trends.ipynb")
    assert language() == "en"


def test_environment_counts_more_than_the_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(NOTEBOOK, "04_trends.sv.ipynb")
    monkeypatch.setenv(VARIABLE, "en")
    assert language() == "en"


@pytest.mark.parametrize("code", ["no", "SV", "", "svenska"])
def test_unknown_language_is_refused_and_the_old_one_stays(code: str):
    language("sv")
    with pytest.raises(ViewError) as caught:
        language(code)
    assert str(caught.value) == (
        f"There is no language {code!r}. Languages: 'en' (English), 'sv' (svenska).\n"
        "  kb.language('sv')"
    )
    assert language() == "sv"


def test_unknown_language_of_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(VARIABLE, "nynorsk")
    with pytest.raises(ViewError, match="export KBNOTEBOOKS_LANGUAGE=sv"):
        language()


@pytest.fixture
def two_texts(monkeypatch: pytest.MonkeyPatch):
    table = {
        "{n:,} film": "{n:,} film",
        "{n:,} films": "{n:,} filmer",
        "a {share:.1%}": "{share:.1%}",
    }
    monkeypatch.setattr(_words, "_swedish", lambda: table)


def test_text_is_said_in_the_language(two_texts):
    assert say_n(2, "{n:,} film", "{n:,} films") == "2 films"
    language("sv")
    assert say_n(1, "{n:,} film", "{n:,} films") == "1 film"
    assert say_n(2, "{n:,} film", "{n:,} films") == "2 filmer"


def test_numbers_are_written_as_the_language_does(two_texts):
    assert say("a {share:.1%}", share=0.125) == "a 12.5%"
    language("sv")
    assert say("a {share:.1%}", share=0.125) == "12,5%"
    assert say("{n:,} films", n=1234567) == f"1{NO_BREAK}234{NO_BREAK}567 filmer"
    assert number(1234.5, ",.1f") == f"1{NO_BREAK}234,5"


def test_text_without_translation_is_said_in_english(two_texts):
    language("sv")
    assert say("no such text of {year}", year=1938) == "no such text of 1938"


def test_words_put_in_are_left_as_they_are(two_texts):
    language("sv")
    assert say("{what}", what="St. Erik, {year}") == "St. Erik, {year}"


def templates_of_the_library() -> set[str]:
    """Return the texts kblib puts together, with {} where it puts something in."""
    found = set()
    for path in (FOLDER.parent / "src" / "kblib").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                pieces = (part.value if isinstance(part, ast.Constant) else "{}"
                          for part in node.values)  # fmt: skip
                found.add("".join(pieces))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def test_sentences_of_the_library_are_ones_it_says():
    said = templates_of_the_library()
    told = {one for one in said if "{}" in one and len(re.sub(r"\W", "", one)) >= LETTERS}
    patterns = [re.compile(re.escape(one).replace(r"\{\}", ".*")) for one in told]
    known = _words.library()
    strange = [one for one in known if re.sub(r"\{\w+\}", "{}", one) not in said
               and not any(pattern.fullmatch(one) for pattern in patterns)]  # fmt: skip
    assert strange == []


def test_sentence_of_the_library_is_recognised_and_its_values_kept():
    said = "The word 'sol' is nowhere in corpus 'films'."
    assert _words.heard(said) == said
    language("sv")
    assert _words.heard(said) == "Ordet 'sol' finns ingenstans i korpusen 'films'."
    assert _words.heard("5,063 words (2.2%) are of unknown year and left out.") == (
        f"5{NO_BREAK}063 ord (2,2%) saknar uppgift om år och är inte med."
    )
    assert _words.heard("A sentence nobody translated.") == "A sentence nobody translated."
    assert _words.heard("+0.016") == "+0,016"


def test_fields_of_the_library_are_the_same_in_both_languages():
    known = _words.library()
    assert {text: sv for text, sv in known.items() if fields(text) != fields(sv)} == {}


def test_of_two_sentences_that_fit_the_one_with_more_words_of_its_own_is_taken():
    language("sv")
    said = _words.heard("12 of 30 texts have no prediction; the first is 'SF1/speech/3'.")
    assert said == "12 av 30 texter saknar förutsägelse; den första är 'SF1/speech/3'."


def test_name_in_quotes_is_left_as_it_is_written():
    language("sv")
    said = _words.heard("The labels have no column 'label'; they have: id, text.")
    assert said == "Tabellen etiketter har ingen kolumn 'label'; den har: id, text."
