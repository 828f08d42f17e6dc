"""Models that learnt from labels are handed on: whole, with what they were made from, or not."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kblib import __main__
from kblib.corpora import Corpus
from kblib.errors import ModelError
from kblib.evaluation.scores import evaluate
from kblib.fewshot.classifier import FewShotClassifier
from kblib.fewshot.contrastive_recipe import Contrast
from kblib.files import check_folder, read_json, read_manifest, sealed_folder, write_json
from kblib.finetuning.here import finetune
from kblib.finetuning.model import FinetunedModel
from kblib.labels import Labels, read_labels
from kblib.labels.given import GivenLabels
from kblib.publishing.bundle import Bundle
from tests.finetuning.labelled import sentences, tiny_model

QUICK = {"steps": 2, "eval_every": 2, "batch_size": 8, "seeds": (1,)}
READ = {"name": "letters", "fingerprint": "a" * 64, "folder": "/data/letters"}
READ["rights"] = [{"licence": "CC-BY-SA-4.0", "rights": "", "documents": 9}]  # type: ignore[assignment]
TEXTS = ["Kungen vann matchen i går.", "Flickan såg regnet i går.", "Laget reser till Malmö."]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of models: one that says what it read, and one that does not."""
    home = Path(tmp_path_factory.mktemp("shelf"))
    tiny_model(home, "bert", {"job": {"corpus": READ}})
    tiny_model(home, "modernbert")
    return home


@pytest.fixture(autouse=True)
def _there(shelf: Path, tmp_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_MODELS", str(shelf))


def labels(**columns: Any) -> Labels:
    rows = pl.concat([part.rows for part in sentences()])
    return read_labels(rows.with_columns(**{k: pl.lit(v) for k, v in columns.items()}), name="own")


def made(folder: Path, given: Labels, base: str = "tiny-bert", **numbers: Any) -> FinetunedModel:
    return finetune(given, base, folder=folder, **QUICK, **numbers)


@pytest.mark.parametrize("method", ["lora", "probe", "full"])
def test_bundle_of_a_finetuned_model_answers_as_the_model(method: Any, tmp_path: Path) -> None:
    model = made(tmp_path / "model", labels(licence="CC-BY-4.0"), method=method)
    out = Bundle(model.folder).save(tmp_path / "out")
    assert check_folder(out, contents=True)["kind"] == "finetuned"
    again = FinetunedModel.open(out)
    assert again.predict(TEXTS).equals(model.predict(TEXTS))
    said = read_json(out / "rights.json")
    assert [(one["what"], one["name"], one["licence"]) for one in said["made_from"]] == [
        ("texts", "letters", "CC-BY-SA-4.0"),
        ("labels", "own", "CC-BY-4.0"),
    ]
    assert said["terms"] == "under the same terms"
    assert (out / "NOTICE").read_text(encoding="utf-8") == (
        "Made of a few sentences.\nLearnt from the labels 'own' under: CC-BY-4.0.\n"
    )


def test_recipe_names_base_and_labels_and_no_folder(tmp_path: Path, shelf: Path) -> None:
    folder = made(tmp_path / "model", labels(licence="CC0-1.0")).folder
    said = read_json(folder / "recipe.json")["made_from"]
    about = FinetunedModel.open(folder).about
    assert (said["base"]["name"], said["base"]["fingerprint"]) == (
        "tiny-bert",
        about.base.fingerprint,
    )
    assert said["base"]["recipe"]["job"]["corpus"]["folder"] == "letters"
    assert sum(said["labels"]["rows"].values()) == 48
    out = Bundle(folder).save(tmp_path / "out")
    for path in out.glob("*.json"):
        assert str(shelf) not in path.read_text(encoding="utf-8")


def test_bundle_whose_base_is_not_there_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = made(tmp_path / "model", labels(licence="CC0-1.0"), method="probe")
    out = Bundle(model).save(tmp_path / "out")
    monkeypatch.setenv("KBNOTEBOOKS_MODELS", str(tmp_path / "nothing"))
    with pytest.raises(ModelError) as caught:
        FinetunedModel.open(out)
    assert str(caught.value) == (
        "'out' stands beside the model 'tiny-bert', which is not here. Its fingerprint is "
        f"{model.about.base.fingerprint[:12]}: beside other weights answers are noise.\n"
        "  kb.FinetunedModel.open('out', base='folder/of/that/model')"
    )


def test_older_few_shot_folder_says_what_to_do(tmp_path: Path) -> None:
    folder = FewShotClassifier.train(labels(licence="CC0-1.0"), "tiny-bert").save(tmp_path / "few")
    for name in ("recipe.json", "scores.json"):
        (folder / name).unlink()
    with pytest.raises(ModelError, match=r"lacks recipe\.json, scores\.json\.") as caught:
        Bundle(folder).check()
    assert caught.value.next_step == "Train it again, and save it: model.save(folder)"


def test_merged_model_stands_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = made(tmp_path / "model", labels(licence="CC0-1.0")).save(
        tmp_path / "whole", merged=True
    )
    before = FinetunedModel.open(whole).predict(TEXTS)
    out = Bundle(whole).save(tmp_path / "out")
    monkeypatch.setenv("KBNOTEBOOKS_MODELS", str(tmp_path / "nothing"))
    assert FinetunedModel.open(out).predict(TEXTS).equals(before)


def test_labels_that_state_nothing_are_asked_for_and_may_be_given(tmp_path: Path) -> None:
    model = made(tmp_path / "model", labels())
    with pytest.raises(ModelError) as caught:
        Bundle(model.folder).check()
    read = read_json(model.folder / "recipe.json")["made_from"]["labels"]["rows"]
    n = read["train"] + read["valid"]
    assert caught.value.happened == (
        f"'model' was made from {n} labels of 'own', whose licence and rights say nothing: "
        "not stated."
    )
    assert caught.value.next_step == (
        'Whoever may say it gives their licence: --licence "own=CC-BY-4.0", '
        'or kb.Bundle(..., licences={"own": "CC-BY-4.0"})'
    )
    out = Bundle(model.folder, licences={"own": "CC0-1.0"}).save(tmp_path / "out")
    assert read_json(out / "rights.json")["licences_given"] == {"own": "CC0-1.0"}
    assert "Given by who made this bundle: 'own' is under CC0-1.0.\n" in (out / "NOTICE").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize(
    ("licences", "said"),
    [
        ({"own": "InC"}, "say 'InC': in copyright"),
        ({"own": "to whom it may concern"}, "not known here"),
        ({"own": " "}, "say nothing: not stated"),
        ({"owm": "CC0-1.0"}, "A licence was given for 'owm', which is none of the labels"),
        ({"letters": "CC0-1.0"}, "Of texts their own documents decide"),
    ],
)
def test_licence_that_says_nothing_or_is_of_nothing_is_refused(
    licences: dict[str, str], said: str, tmp_path: Path
) -> None:
    model = made(tmp_path / "model", labels(), method="probe")
    with pytest.raises(ModelError, match=said):
        Bundle(model.folder, licences=licences).check()


def test_base_of_unknown_terms_is_told(tmp_path: Path) -> None:
    model = made(tmp_path / "model", labels(licence="CC0-1.0"), "tiny-modernbert", method="probe")
    with pytest.raises(ModelError) as caught:
        Bundle(model.folder).check()
    assert caught.value.happened.startswith("'model' was made from the model 'tiny-modernbert'; ")
    assert '--licence "tiny-modernbert=ITS LICENCE", or' in caught.value.next_step
    allowed = Bundle(model.folder, licences={"tiny-modernbert": "Apache-2.0"}).check()
    assert allowed.terms.value == "name the source"
    alike = Bundle(model.folder, licences={"tiny-modernbert": "CC0-1.0"}).save(tmp_path / "out")
    assert (alike / "NOTICE").read_text(encoding="utf-8").splitlines()[-3:] == [
        "Learnt from the labels 'own' under: CC0-1.0.",
        "Made from the model 'tiny-modernbert' under: CC0-1.0.",
        "Given by who made this bundle: 'tiny-modernbert' is under CC0-1.0.",
    ]


def test_folder_without_the_fields_says_what_to_do(tmp_path: Path) -> None:
    model = made(tmp_path / "model", labels(licence="CC0-1.0"), method="probe")
    older = tmp_path / "older"
    with sealed_folder(older, {"kind": "finetuned"}) as aside:
        for name in read_manifest(model.folder)["files"]:
            (aside / name).write_bytes((model.folder / name).read_bytes())
        recipe = read_json(aside / "recipe.json")
        write_json(aside / "recipe.json", {"recipe": recipe["recipe"]})
    with pytest.raises(ModelError, match="names nothing that it was made from") as caught:
        Bundle(older).check()
    assert "kb.Finetune" in caught.value.next_step


def test_labels_of_a_corpus_are_somebodys_and_its_texts_somebody_elses(tmp_path: Path) -> None:
    rows = pl.concat([part.rows for part in sentences()])
    texts = Corpus.from_table(
        rows.drop("label").with_columns(licence=pl.lit("CC-BY-NC-4.0")), name="films"
    )
    table = tmp_path / "genres.csv"
    rows.select("id", "label").write_csv(table)
    given = read_labels(table, corpus=texts)
    model = made(tmp_path / "model", given, method="probe")
    told = read_json(model.folder / "recipe.json")["made_from"]["labels"]
    assert told["file"] == "genres.csv"
    assert told["sha256"] == hashlib.sha256(table.read_bytes()).hexdigest()
    assert told["texts"]["fingerprint"] == texts.fingerprint
    bundle = Bundle(model.folder, licences={"genres": "CC0-1.0"}).check()
    assert [(one.what, one.name, one.licence) for one in bundle.stated][1:] == [
        ("labels", "genres", "CC0-1.0"),
        ("texts", "films", "CC-BY-NC-4.0"),
    ]
    assert bundle.terms.value == "not for sale"
    assert "The labelled texts are of 'films' under: CC-BY-NC-4.0." in (
        model.folder / "NOTICE"
    ).read_text(encoding="utf-8")


def test_version_of_the_guideline_is_told(tmp_path: Path) -> None:
    texts = Corpus.from_texts([f"sol {n}" for n in range(8)], name="sky")
    ids = texts.table["id"].tolist()
    given = GivenLabels.open(ids, tmp_path / "sky.jsonl", labels=["fair", "foul"])
    for n, one in enumerate(ids):
        given.add(one, ["fair", "foul"][n % 2], who="Selma", guideline="what one sees", version="2")
    found = FewShotClassifier.train(given.merged.labels(texts), "tiny-bert")
    told = read_json(found.save(tmp_path / "few") / "recipe.json")["made_from"]["labels"]
    assert (told["guideline_versions"], told["file"]) == ("2", "sky.jsonl")
    assert told["sha256"] == hashlib.sha256((tmp_path / "sky.jsonl").read_bytes()).hexdigest()


@pytest.mark.parametrize("way", ["frozen", "contrast"])
def test_bundle_of_a_few_shot_classifier_answers_as_it_does(
    way: str, tmp_path: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = labels(licence="CC-BY-4.0")
    if way == "frozen":
        model = FewShotClassifier.train(given, "tiny-bert")
    else:
        model = FewShotClassifier.contrast(given, "tiny-bert", recipe=Contrast(most_steps=2))
    out = Bundle(model.save(tmp_path / "few")).save(tmp_path / "out")
    assert FewShotClassifier.open(out).predict(TEXTS).equals(model.predict(TEXTS))
    assert read_json(out / "rights.json")["terms"] == "under the same terms"
    assert str(shelf) not in "".join(path.read_text("utf-8") for path in out.rglob("*.json"))
    assert "Made of a few sentences.\nLearnt from the labels 'own'" in (out / "NOTICE").read_text(
        encoding="utf-8"
    )
    if way == "frozen":
        monkeypatch.setenv("KBNOTEBOOKS_MODELS", str(tmp_path / "nothing"))
        elsewhere = shelf.parent / f"{tmp_path.name}-encoder"
        (shelf / "tiny-bert").rename(elsewhere)
        try:
            with pytest.raises(ModelError, match="The encoder 'tiny-bert' of the classifier in"):
                FewShotClassifier.open(out)
            again = FewShotClassifier.open(out, encoder=elsewhere)
            assert again.predict(TEXTS).equals(model.predict(TEXTS))
        finally:
            elsewhere.rename(shelf / "tiny-bert")


def test_encoder_of_a_classifier_is_handed_on_by_itself(tmp_path: Path) -> None:
    model = FewShotClassifier.contrast(
        labels(licence="CC-BY-4.0"), "tiny-bert", recipe=Contrast(most_steps=2)
    )
    bundle = Bundle(model.save(tmp_path / "few") / "encoder").check()
    assert [(one.what, one.name) for one in bundle.stated] == [
        ("texts", "letters"),
        ("labels", "own"),
    ]


def test_evaluation_of_ones_own_goes_along(tmp_path: Path) -> None:
    given = labels(licence="CC0-1.0")
    model = FewShotClassifier.train(given, "tiny-bert")
    found = evaluate(given.corpus, model.predict(given), given.rows.select("id", "label"))
    folder = model.save(tmp_path / "few")
    said = read_json(Bundle(folder, scores=found).save(tmp_path / "out") / "evaluation.json")
    assert said["scores"] == found.rows.to_dicts()
    assert said["of"]["fingerprint"] == given.corpus.fingerprint


def test_open_model_is_bundled_by_its_folder_and_one_without_is_refused(tmp_path: Path) -> None:
    given = labels(licence="CC0-1.0")
    model = made(tmp_path / "topics", given, method="probe")
    assert Bundle(model).folder == tmp_path / "topics"
    with pytest.raises(ModelError) as caught:
        Bundle(FewShotClassifier.train(given, "tiny-bert"))
    assert str(caught.value) == (
        "The model is a FewShotClassifier that lies in no folder. A bundle is made of what is "
        'saved.\n  kb.Bundle(model.save("models/mine"))'
    )


def test_command_takes_the_licence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(made(tmp_path / "model", labels(), method="probe").folder)
    asked = ["bundle", folder, "--show", "--licence"]
    assert __main__.main([*asked, "own=CC0-1.0"]) == 0
    assert "'model' may leave the house: under the same terms." in capsys.readouterr().out
    assert __main__.main([*asked, "CC0-1.0"]) != 0
    assert "--licence got 'CC0-1.0'." in capsys.readouterr().err
