"""Years a model has read, and the warning where it is asked about others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from kblib.corpora import Corpus
from kblib.errors import ModelError
from kblib.files import write_json
from kblib.models import years
from kblib.models.years import Years, period_warning, training_years, warning_of_years


@dataclass(frozen=True)
class Saved:
    name: str
    folder: Path | None


def saved(folder: Path, recipe: dict[str, object]) -> Saved:
    write_json(folder / "recipe.json", recipe)
    return Saved("mine", folder)


def test_years_stand_in_the_recipe_of_the_job(tmp_path: Path) -> None:
    model = saved(tmp_path, {"job": {"corpus": {"name": "films", "years": [1930, 1959]}}})
    assert training_years(model) == Years(1930, 1959)


@pytest.mark.parametrize("recipe", [{}, {"job": {"corpus": {"years": [None, None]}}}, {"job": 3}])
def test_recipe_without_years_says_so(tmp_path: Path, recipe: dict[str, object]) -> None:
    model = saved(tmp_path, recipe)
    assert training_years(model) is None
    said = "Which years mine has read is not recorded: its answer is not to be taken for one of"
    assert period_warning(model, (1930, 1939)) == f"{said} 1930-1939."


def test_model_of_no_folder_has_no_years() -> None:
    assert training_years(Saved("mine", None)) is None


@pytest.mark.parametrize("clean", [False, True])
def test_sample_is_known_by_its_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: bool
) -> None:
    raw = Corpus.from_texts(["sol", "regn", "snö"], name="newsreels", year=[1931, 1932, 1950])
    monkeypatch.setattr(years, "load_sample", lambda _: raw)
    monkeypatch.setattr(years, "newsreel_filters", years_filter)
    years._years_of_sample.cache_clear()
    used = raw.filter(*years_filter()) if clean else raw
    recipe = {"job": {"corpus": {"name": "newsreels", "fingerprint": used.fingerprint}}}
    assert training_years(saved(tmp_path, recipe)) == Years(1931, 1932 if clean else 1950)
    other = {"job": {"corpus": {"name": "newsreels", "fingerprint": "another"}}}
    assert training_years(saved(tmp_path, other)) is None
    years._years_of_sample.cache_clear()


def years_filter() -> tuple[object, ...]:
    from kblib.corpora.filters import in_years

    return tuple(in_years((1930, 1939)))


def test_model_of_all_years_is_warned_of_when_asked_about_one(tmp_path: Path) -> None:
    model = saved(tmp_path, {"job": {"corpus": {"years": [1930, 1959]}}})
    assert period_warning(model, 1935) == (
        "mine has read texts of 1930-1959 together: its answer is of all these years, not of 1935."
    )


def test_model_of_the_years_asked_about_needs_no_warning() -> None:
    assert warning_of_years("mine", Years(1931, 1938), Years(1930, 1939)) == ""


def test_model_of_other_years_knows_nothing() -> None:
    assert warning_of_years("mine", Years(1940, 1949), Years(1935, 1935)) == (
        "mine has read texts of 1940-1949 only: it knows nothing of 1935."
    )


def test_nothing_asked_gives_no_warning(tmp_path: Path) -> None:
    assert period_warning(Saved("mine", None), None) == ""


@pytest.mark.parametrize("about", ["1935", (1939, 1930), (1930,), 1935.0, True])
def test_about_that_is_no_year_is_refused(about: object) -> None:
    with pytest.raises(ModelError, match=r"about is|The years are"):
        period_warning(Saved("mine", None), about)  # type: ignore[arg-type]


def test_name_of_a_model_has_read_nothing() -> None:
    with pytest.raises(ModelError, match=r"The model is 'kb-mini-masked'\. An opened model was"):
        training_years("kb-mini-masked")  # type: ignore[arg-type]
