from __future__ import annotations

import pytest

from kblib.corpora.finding import find_files
from kblib.errors import CorpusError


@pytest.fixture
def pages(tmp_path):
    for name in ("b.txt", "a.txt", "1905/c.TXT", "1905/d.txt.gz", "e.pdf", ".hidden.txt"):
        path = tmp_path / "pages" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text("x")
    return tmp_path / "pages"


def test_a_folder_gives_all_fitting_files_and_counts_others(pages):
    found = find_files(pages, (".txt",))
    assert [found.label(path) for path in found.files] == [
        "1905/c.TXT",
        "1905/d.txt.gz",
        "a.txt",
        "b.txt",
    ]
    assert found.passed_over == {".pdf": 1}
    assert found.name == "pages"


def test_a_pattern_gives_what_it_matches(pages):
    found = find_files(f"{pages}/**/*.txt", (".txt",))
    assert [found.label(path) for path in found.files] == ["a.txt", "b.txt"]


def test_a_list_is_taken_as_it_is(pages):
    files = [pages / "b.txt", pages / "1905" / "c.TXT"]
    found = find_files(files, (".txt",))
    assert found.files == tuple(files)
    assert [found.label(path) for path in files] == ["b.txt", "1905/c.TXT"]


def test_a_file_of_any_ending_is_taken(pages):
    assert find_files(pages / "e.pdf", (".txt",)).name == "e"


def test_a_name_with_brackets_is_a_file_before_a_pattern(tmp_path):
    path = tmp_path / "a[1].txt"
    path.write_text("x")
    assert find_files(path, (".txt",)).files == (path,)


def test_a_missing_file_names_the_nearest(pages):
    with pytest.raises(CorpusError) as caught:
        find_files(pages / "a.tx", (".txt",))
    assert str(caught.value) == (
        f"There is no file or folder '{pages / 'a.tx'}'.\n  Did you mean '{pages / 'a.txt'}'?"
    )


def test_a_missing_file_in_a_missing_folder_says_so(pages):
    with pytest.raises(CorpusError) as caught:
        find_files(pages / "no" / "a.txt", (".txt",))
    assert str(caught.value) == (
        f"There is no file or folder '{pages / 'no' / 'a.txt'}'. "
        f"The folder {pages / 'no'} is not there either."
    )


def test_a_folder_without_fitting_files_says_what_is_there(pages):
    with pytest.raises(CorpusError) as caught:
        find_files(pages, (".jsonl",))
    assert str(caught.value) == (
        f"There is no file to read in {pages}. Names ending in .jsonl, .jsonl.gz were expected; "
        "there: 2 .txt, 1 .pdf, 1 .TXT, 1 .gz.\n"
        f"  Give a pattern to read others: '{pages}/**/*.txt'."
    ), str(caught.value)


def test_a_pattern_that_matches_nothing_says_where_it_looked(pages, monkeypatch):
    monkeypatch.chdir(pages)
    with pytest.raises(CorpusError) as caught:
        find_files("*.srt", (".srt",))
    assert str(caught.value) == (
        f"No file matches '*.srt' (looked from {pages}). At least one was expected.\n"
        "  Below folders too: '**/' before the name, as in 'pages/**/*.txt'."
    )
