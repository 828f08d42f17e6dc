"""A batch task: what it accepts, what it refuses, and that it is the same on disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kblib.corpora import Corpus
from kblib.errors import JobError
from kblib.jobs.batch import MOST_SHARDS, BatchTask
from kblib.jobs.named_function import NamedFunction

FRAME = "polars:DataFrame"
SOURCE = '''"""A module beside a notebook."""
import polars as pl

def lengths(shard, least=0):
    return pl.DataFrame({"word": [shard], "length": [max(least, len(shard))]})
'''


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that is found by this process alone, as one beside a notebook is."""
    file = tmp_path / "my_lengths.py"
    file.write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "my_lengths", raising=False)
    return file


def test_task_is_the_same_from_disk(films: Corpus) -> None:
    for task in (
        BatchTask(FRAME, [{"a": [1, 2.5, None]}, {"a": [True]}], {"strict": False}, name="x"),
        BatchTask(FRAME, films.save(), rows=7),
    ):
        again = BatchTask.from_dict(json.loads(json.dumps(task.to_dict())))
        assert again.key == task.key
        assert again.n_shards == task.n_shards
        assert again.item(1) == task.item(1)


def test_shards_of_a_corpus_are_its_rows_in_order(films: Corpus) -> None:
    task = BatchTask(FRAME, films, rows=150)
    assert task.n_shards == 3
    assert task.item(2) == {"first_row": 300, "rows": 100}
    ids = [one for number in range(3) for one in task.shard(number)["id"].to_list()]
    assert ids == [document.id for document in films]


def test_tuples_are_lists_as_on_disk() -> None:
    assert BatchTask(FRAME, [("sol", 1)]).item(0) == ["sol", 1]


def test_other_items_or_arguments_are_another_job() -> None:
    keys = {
        BatchTask(FRAME, [{"a": [1]}]).key,
        BatchTask(FRAME, [{"a": [2]}]).key,
        BatchTask(FRAME, [{"a": [1]}], {"strict": False}).key,
        BatchTask("polars:Series", [{"a": [1]}]).key,
    }
    assert len(keys) == 4


def test_module_beside_a_notebook_goes_with_the_run(beside: Path) -> None:
    task = BatchTask("my_lengths:lengths", ["sol"])
    assert NamedFunction.of(task.function).carried == beside
    before = task.key
    beside.write_text(SOURCE + "\n# another text\n", encoding="utf-8")
    assert BatchTask("my_lengths:lengths", ["sol"]).key != before


def test_another_text_of_a_module_beside_it_is_another_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my_package"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "words.py").write_text("from my_package import rules\ndef f(shard): ...\n")
    (folder / "rules.py").write_text("LEAST = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    task = BatchTask("my_package.words:f", ["sol"])
    before = task.key
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "rules.py").touch()
    assert task.key == before
    (folder / "rules.py").write_text("LEAST = 4\n")
    assert task.key != before


def test_new_function_in_a_file_that_was_imported_is_said(beside: Path) -> None:
    BatchTask("my_lengths:lengths", ["sol"])
    beside.write_text(SOURCE + "\ndef new(shard): ...\n", encoding="utf-8")
    with pytest.raises(JobError, match=r"importlib\.reload\(my_lengths\)"):
        BatchTask("my_lengths:new", ["sol"])


def test_module_that_needs_another_beside_it_says_how_both_go_along(beside: Path) -> None:
    beside.write_text("import no_such_helpers\n", encoding="utf-8")
    with pytest.raises(JobError, match="Install 'no_such_helpers' where the work is done"):
        BatchTask("my_lengths:lengths", ["sol"])


@pytest.mark.parametrize("function", [FRAME, "json:loads", "kblib.metrics:wilson_interval"])
def test_installed_module_does_not_go_with_the_run(function: str) -> None:
    assert NamedFunction.of(function).carried is None


@pytest.mark.parametrize(
    ("function", "shards", "arguments", "said"),
    [
        (len, ["a"], {}, "BatchTask got a builtin_function_or_method for its function. The name"),
        ("lengths", ["a"], {}, "BatchTask got 'lengths' for its function. The name of a module"),
        ("__main__:f", ["a"], {}, "The function '__main__:f' stands in the notebook itself."),
        ("no_such:f", ["a"], {}, "The module 'no_such' cannot be imported: ModuleNotFoundError"),
        ("json:lods", ["a"], {}, "The module 'json' has no function 'lods'. It has: dump, dumps"),
        ("json:loads", [], {}, "BatchTask got an empty list of shards. There should be something"),
        ("json:loads", "sol", {}, "shards is 'sol', a str. A list was expected, with one item"),
        ("json:loads", 3, {}, "shards is 3, a int. A list was expected"),
        ("json:loads", ["a", {1: 2}], {}, "shards[1] is {1: 2}, a dict. Plain data was expected"),
        ("json:loads", [np.int64(3)], {}, "shards[0] is np.int64(3), a int64. Plain data was"),
        ("json:loads", [float("nan")], {}, "shards[0] is nan, a float. Plain data was expected"),
        ("json:loads", ["a"], {"hook": len}, "arguments['hook'] is <built-in function len>, a"),
    ],
)
def test_impossible_task_is_refused_in_plain_words(function, shards, arguments, said) -> None:
    with pytest.raises(JobError) as caught:
        BatchTask(function, shards, arguments)
    assert str(caught.value).startswith(said)


def test_argument_that_the_function_does_not_take_is_refused(beside: Path) -> None:
    with pytest.raises(JobError) as caught:
        BatchTask("my_lengths:lengths", ["a"], {"most": 3})
    assert str(caught.value) == (
        "lengths(shard, most=...) cannot be called: got an unexpected keyword argument 'most'. "
        "The function is lengths(shard, least=0).\n"
        "  Its first parameter is the shard; the others come from arguments={...}."
    )


def test_too_many_shards_are_refused_with_a_number_that_fits() -> None:
    with pytest.raises(JobError, match=r"got 100,001 shards\. 100,000 is the most.*\n.*11 each"):
        BatchTask(FRAME, [0] * (MOST_SHARDS + 1))


def test_rows_that_are_none_are_refused(films: Corpus) -> None:
    with pytest.raises(JobError, match=r"got rows=0\. A whole number of documents a shard"):
        BatchTask(FRAME, films, rows=0)
    with pytest.raises(JobError, match="got an empty corpus"):
        BatchTask(FRAME, films.filter(film="none"))
