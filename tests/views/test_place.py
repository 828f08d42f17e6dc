"""The line that says where one is."""

from __future__ import annotations

import re

import pytest

from kbnotebooks.place import EMBEDDED, Place, here


def place(**changes: object) -> Place:
    known = {
        "where": "this machine",
        "cores": 2,
        "memory_gib": 24.3,
        "gpus": 0,
        "models": (EMBEDDED,),
        "cached": 0,
    }
    return Place(**{**known, "cluster": "", **changes})


def test_line_says_all():
    assert str(place()) == (
        "You are on: this machine · 2 cores, 24 GiB, no GPU · models: embedded · "
        "cluster: none here. "
        "Next rung: larger models by name; kb.catalog() lists them."
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gpus": 1}, "1 GPU ·"),
        ({"gpus": 4, "cores": 1}, "1 core, 24 GiB, 4 GPUs"),
        ({"models": ()}, "models: none yet"),
        ({"models": (EMBEDDED, "own"), "cached": 3}, "models: embedded and 3 from the hub"),
        ({"cluster": "Slurm"}, "cluster: Slurm commands are here"),
        ({"where": "Binder"}, "Next rung: your own machine"),
    ],
)
def test_line_follows_what_is_there(changes: dict[str, object], said: str):
    assert said in str(place(**changes))


def test_binder_and_hub_are_recognised(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/selma/")
    assert here().where == "a JupyterHub session"
    monkeypatch.setenv("BINDER_REPO_URL", "somewhere")
    assert here().where == "Binder"


def test_models_of_the_home_are_seen(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KBNOTEBOOKS_HOME", str(tmp_path))
    (tmp_path / "models" / "mine").mkdir(parents=True)
    (tmp_path / "models" / "mine" / "config.json").write_text("{}", encoding="utf-8")
    assert "mine" in here().models


def test_models_from_the_hub_are_counted(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    (tmp_path / "models--KB--bert-base-swedish-cased").mkdir()
    assert here().cached == 1


def test_line_is_about_this_machine():
    assert re.fullmatch(
        r"You are on: .+ · \d+ cores?, \d+ GiB, .+ · models: .+ · cluster: .+ Next rung: .+\.",
        str(here()),
    )


def test_line_is_broken_between_words_in_a_notebook():
    assert f"<p>{place()}</p>" in place()._repr_html_()
