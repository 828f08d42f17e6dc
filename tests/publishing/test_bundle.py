"""Bundles: what may leave the house does so whole, and what may not is told why."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kblib import __main__, settings
from kblib.corpora import Corpus
from kblib.errors import IntegrityError, ModelError
from kblib.files import check_folder, read_json, sealed_folder, write_json
from kblib.publishing.bundle import Bundle

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_home: Path, tmp_path: Path) -> Make:
    """Give the way to a model folder that was made from a corpus; its weights are none."""

    def made(corpus: Corpus, *, notice: str = "", **job: Any) -> Path:
        told = {"name": corpus.name, "fingerprint": corpus.fingerprint}
        told["folder"] = str(settings.home() / "corpora" / corpus.name)
        folder = tmp_path / "models" / "small"
        with sealed_folder(folder, {"kind": "model", "architecture": "bert"}) as aside:
            for name in ("model.safetensors", "README.md"):
                (aside / name).write_text("a model")
            for name in ("config.json", "tokenizer.json", "scores.json"):
                write_json(aside / name, {})
            write_json(aside / "recipe.json", {"job": {"corpus": told, **job}})
            if notice:
                (aside / "NOTICE").write_text(notice)
        return folder

    return made


def corpus(**columns: Any) -> Corpus:
    return Corpus.from_texts([f"text {n}" for n in range(10)], name="texts", **columns)


def test_bundle_has_all_of_the_model_and_what_it_was_made_from(make: Make, tmp_path: Path) -> None:
    texts = corpus(licence=["CC0-1.0"] * 6 + ["CC-BY-4.0"] * 4)
    folder = make(texts)
    out = Bundle(folder, texts).save(tmp_path / "out")
    assert check_folder(out, contents=True)["architecture"] == "bert"
    added = {path.name for path in out.iterdir()} - {path.name for path in folder.iterdir()}
    assert added == {"rights.json", "SHA256SUMS", "NOTICE"}
    rights = read_json(out / "rights.json")
    assert [(one["licence"], one["documents"]) for one in rights["made_from"]] == [
        ("CC0-1.0", 6),
        ("CC-BY-4.0", 4),
    ]
    assert rights["terms"] == "name the source"
    assert (out / "NOTICE").read_text() == (
        "The weights in this folder are derived from texts under: CC0-1.0, CC-BY-4.0.\n"
        "Terms: name the source.\n"
    )


def test_sums_are_those_that_others_check(make: Make, tmp_path: Path) -> None:
    texts = corpus(licence="CC0-1.0")
    out = Bundle(make(texts), texts).save(tmp_path / "out")
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    done = subprocess.run(check, cwd=out, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "model.safetensors: OK" in done.stdout
    (out / "README.md").write_text("another card")
    assert subprocess.run(check, cwd=out, capture_output=True, check=False).returncode == 1


def test_notice_that_is_there_stays(make: Make, tmp_path: Path) -> None:
    texts = corpus(licence="CC-BY-NC-4.0")
    out = Bundle(make(texts, notice="Cite: us.\n"), texts).save(tmp_path / "out")
    assert (out / "NOTICE").read_text() == "Cite: us.\n"


def test_folders_of_this_machine_are_named_and_not_told(make: Make, tmp_path: Path) -> None:
    texts = corpus(licence="CC0-1.0")
    out = Bundle(make(texts), texts).save(tmp_path / "out")
    assert json.loads((out / "recipe.json").read_text())["job"]["corpus"]["folder"] == "texts"
    home = str(settings.home())
    assert not [path.name for path in out.iterdir() if home in path.read_text()]


def test_card_that_tells_a_place_is_refused(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    texts = corpus(licence="CC0-1.0")
    folder = make(texts, notice="Made from /home/ada/films.\n")
    with pytest.raises(ModelError, match=r"NOTICE tells a place on this machine: /home/ada/"):
        Bundle(folder, texts).save(tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        pytest.param(
            {"licence": ["CC0-1.0"] * 7 + [""] * 3},
            "'small' was made from 3 documents of 'texts', whose licence and rights say nothing: "
            "not stated.",
            id="some state nothing",
        ),
        pytest.param(
            {"rights": ["InC"] * 2 + ["CC0-1.0"] * 8},
            "'small' was made from 2 documents of 'texts', whose licence and rights say 'InC': "
            "in copyright.",
            id="in copyright",
        ),
        pytest.param(
            {"licence": "CC-BY-ND-4.0"},
            "'small' was made from 10 documents of 'texts', whose licence and rights say "
            "'CC-BY-ND-4.0': nothing derived from it.",
            id="no derivatives",
        ),
    ],
)
def test_what_may_not_leave_is_told_why(
    make: Make, tmp_path: Path, columns: dict[str, Any], said: str
) -> None:
    texts = corpus(**columns)
    with pytest.raises(ModelError) as caught:
        Bundle(make(texts), texts).save(tmp_path / "out")
    assert caught.value.happened == said
    assert "--agreement" in caught.value.next_step
    assert not (tmp_path / "out").exists()


def test_agreement_stands_in_the_notice_and_the_rights(make: Make, tmp_path: Path) -> None:
    texts = corpus(rights="InC")
    agreed = "Bonus Copyright Access, 2026-03-04, no. 17"
    out = Bundle(make(texts), texts, agreement=agreed).save(tmp_path / "out")
    assert (out / "NOTICE").read_text().endswith(f"Passed on by agreement: {agreed}.\n")
    assert read_json(out / "rights.json")["agreement"] == agreed
    assert read_json(out / "rights.json")["terms"] == "in copyright"


def test_agreement_that_says_nothing_is_none(make: Make) -> None:
    texts = corpus(rights="InC")
    with pytest.raises(ModelError, match="in copyright"):
        Bundle(make(texts), texts, agreement=" ").check()


def test_texts_that_are_not_here_are_asked_for(make: Make) -> None:
    texts = corpus(licence="CC0-1.0")
    with pytest.raises(ModelError) as caught:
        Bundle(make(texts)).check()
    assert caught.value.next_step == f"Give the corpus, {texts.fingerprint[:12]}: --corpus NAME"


def test_model_whose_terms_nobody_knows_is_asked_for(make: Make) -> None:
    texts = corpus(licence="CC0-1.0")
    folder = make(texts, continue_from={"name": "somebody/some", "fingerprint": "c" * 64})
    with pytest.raises(ModelError, match=r"made from the model 'somebody/some'"):
        Bundle(folder, texts).check()


def test_damaged_model_is_not_bundled(make: Make) -> None:
    texts = corpus(licence="CC0-1.0")
    folder = make(texts)
    (folder / "model.safetensors").write_text("A MODEL")
    with pytest.raises(IntegrityError, match=r"has been changed or damaged"):
        Bundle(folder, texts).check()


def test_model_without_a_card_is_refused_by_name(make: Make) -> None:
    texts = corpus(licence="CC0-1.0")
    folder = make(texts)
    (folder / "README.md").unlink()
    with pytest.raises(ModelError, match=r"lacks README\.md\."):
        Bundle(folder, texts).check()


def test_result_of_a_run_is_called_as_the_run_is(make: Make, tmp_path: Path) -> None:
    texts = corpus(licence="CC0-1.0")
    result = tmp_path / "runs" / "films-1a2b" / "result"
    result.mkdir(parents=True)
    make(texts).rename(result / "model")
    assert Bundle(result / "model", texts).name == "films-1a2b"


def test_command_shows_and_writes(
    make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = corpus(licence="CC0-1.0").save()
    folder, out = make(texts), tmp_path / "out"
    assert __main__.main(["bundle", str(folder), str(out), "--show"]) == 0
    assert "'small' may leave the house: free." in capsys.readouterr().out
    assert not out.exists()
    assert __main__.main(["bundle", str(folder), str(out)]) == 0
    said = capsys.readouterr().out
    assert "texts CC0-1.0" in " ".join(said.split())
    assert f"Bundle {out}: free." in said
    assert check_folder(out, contents=True)


def test_embedded_adapter_names_its_base(tmp_home: Path) -> None:
    bundle = Bundle("kb-mini-masked-1930s")
    table = bundle.table
    assert list(table["what"]) == ["model", "texts"]
    assert list(table["name"]) == ["kb-mini-masked", "newsreels"]
