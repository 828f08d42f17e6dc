from __future__ import annotations

import inspect
import linecache
import pickle

import pytest

from kblib import errors
from kblib.errors import KblibError

BUILT_IN = {
    "CorpusError": ValueError,
    "TokenError": ValueError,
    "LabelError": ValueError,
    "ModelError": ValueError,
    "TrainingError": RuntimeError,
    "JobError": ValueError,
    "PlanError": ValueError,
    "SiteError": LookupError,
    "RunError": RuntimeError,
    "IntegrityError": OSError,
    "TakenError": FileExistsError,
    "SettingsError": ValueError,
    "MissingPartError": ImportError,
}


def classes() -> dict[str, type[KblibError]]:
    found = dict(inspect.getmembers(errors, inspect.isclass))
    return {name: one for name, one in found.items() if one is not KblibError}


def test_three_parts_are_one_text_with_the_next_step_on_its_own_line() -> None:
    error = KblibError("A file is missing.", "Two were expected.", "touch a b")
    assert str(error) == "A file is missing. Two were expected.\n  touch a b"


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (("It broke.",), "It broke."),
        (("It broke.", "It should not."), "It broke. It should not."),
        (("It broke.", "", "Mend it."), "It broke.\n  Mend it."),
    ],
)
def test_parts_left_out_leave_no_hole(parts: tuple[str, ...], text: str) -> None:
    assert str(KblibError(*parts)) == text


CELL = """def asked():
    return of_the_library()

asked()
"""


def test_below_a_cell_stand_its_own_lines_and_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_the_library() -> None:
        raise KblibError("It broke.", "It should not.", "Mend it.")

    entry = (len(CELL), None, CELL.splitlines(keepends=True), "<cell>")
    monkeypatch.setitem(linecache.cache, "<cell>", entry)
    names = {"__name__": "__main__", "of_the_library": of_the_library}
    with pytest.raises(KblibError) as caught:
        exec(compile(CELL, "<cell>", "exec"), names)
    assert caught.value._render_traceback_() == [
        "----> 4 asked()",
        "----> 2 return of_the_library()",
        "KblibError: It broke. It should not.\n  Mend it.",
    ]


def test_tree_is_complete() -> None:
    assert set(classes()) == set(BUILT_IN)


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_error_is_caught_as_ours_and_as_the_built_in(name: str) -> None:
    error = classes()[name]("It broke.", "It should not.", "Mend it.")
    assert isinstance(error, KblibError)
    assert isinstance(error, BUILT_IN[name])
    assert str(error) == "It broke. It should not.\n  Mend it."


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_error_is_drawn_with_its_built_in(name: str) -> None:
    drawn = [line for line in (errors.__doc__ or "").splitlines() if f"── {name} " in line]
    assert len(drawn) == 1
    assert f"({BUILT_IN[name].__name__})" in drawn[0]


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_error_comes_whole_out_of_another_process(name: str) -> None:
    error = classes()[name]("It broke.", "It should not.", "Mend it.")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  what worker pools do with errors
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.next_step == "Mend it."
