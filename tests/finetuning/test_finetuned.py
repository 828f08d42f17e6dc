"""Every head on every kind of model: trained, scored, saved, opened again, asked."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
import torch
from safetensors.torch import load_file, save_file

from kblib.errors import IntegrityError, LabelError, ModelError
from kblib.finetuning import opening, saving
from kblib.finetuning.here import finetune
from kblib.finetuning.model import FinetunedModel
from tests.finetuning.labelled import KINDS, names, numbers, pairs, sentences

QUICK = {"steps": 3, "eval_every": 2, "batch_size": 8}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("architecture", ["modernbert", "bert", "gpt_neox", "llama"])
def test_every_head_is_saved_and_opened_with_equal_answers(
    kind: str, architecture: str, tiny, tmp_path: Path
) -> None:
    """Saving itself compares logits bit by bit; here the answers of two openings are compared."""
    parts = KINDS[kind]()
    dropout = {} if architecture != "llama" else {"dropout": 0.0}
    made = finetune(parts, tiny(architecture), folder=tmp_path / "made", **QUICK, **dropout)
    again = FinetunedModel.open(tmp_path / "made")
    assert again.predict(parts.test).equals(made.predict(parts.test))
    assert again.labels == parts.train.labels
    assert again.scores == made.scores
    assert set(made.scores["test"]) > {"loss", "score"}


@pytest.mark.parametrize("method", ["full", "probe"])
@pytest.mark.parametrize("kind", ["sentences", "names"])
def test_other_methods_are_saved_and_opened_with_equal_answers(
    kind: str, method: str, tiny, tmp_path: Path
) -> None:
    parts = KINDS[kind]()
    made = finetune(parts, tiny("bert"), method=method, folder=tmp_path / "made", **QUICK)
    assert FinetunedModel.open(made.folder).predict(parts.test).equals(made.predict(parts.test))
    stored = {path.name for path in made.folder.glob("*.safetensors")}
    assert stored == {{"full": "model.safetensors", "probe": "head.safetensors"}[method]}


def test_labels_that_a_word_tells_are_learnt() -> None:
    parts = sentences(96)
    model = finetune(parts, "kb-mini-masked", epochs=4, seeds=(1, 2))
    assert model.scores["test"]["accuracy"] == 1.0
    answers = model.predict(["Laget vann matchen.", "Flickan såg regnet."])
    assert answers["label"].tolist() == ["sport", "weather"]
    assert answers["id"].tolist() == [1, 2]
    both = answers[["score_sport", "score_weather"]].sum(axis=1)
    assert both.to_list() == pytest.approx([1, 1])
    assert model.seeds["seed"].tolist() == [1, 2]
    assert set(model.scores["over_seeds"]["accuracy"]) == {"mean", "spread"}


def test_names_are_found_with_their_characters() -> None:
    model = finetune(names(96), "kb-mini-masked", steps=50, batch_size=8)
    text = "I dag reser Gustaf Adolf till Kiruna."
    found = model.predict([text])["spans"][0]
    assert [(span["text"], span["label"]) for span in found] == [
        ("Gustaf Adolf", "PER"),
        ("Kiruna", "LOC"),
    ]
    assert all(text[span["start"] : span["end"]] == span["text"] for span in found)
    listed = model.predict([["I", "dag", "reser", "Olle"]])["words"][0]
    assert [word["word"] for word in listed] == ["I", "dag", "reser", "Olle"]


def test_numbers_come_in_the_units_of_the_labels() -> None:
    model = finetune(numbers(96), "kb-mini-masked", steps=50, batch_size=8)
    low, high = model.predict(["bra", "bra bra bra bra bra"])["value"]
    assert low < 15 < 25 < high
    assert model.scores["test"]["spearman"] > 0.8


def test_base_is_left_as_it_was(tiny) -> None:
    folder = Path(tiny("bert"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    finetune(sentences(), str(folder), method="full", **QUICK)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_head_that_is_lost_on_the_way_is_noticed(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trap of peft issues 310 and 577: weights of the head left out, or saved as others."""

    def without_head(state, path, **about) -> None:
        spoilt = {
            name: torch.randn_like(value) if "classifier" in name else value
            for name, value in state.items()
        }
        save_file(spoilt, path, **about)

    monkeypatch.setattr(saving, "save_file", without_head)
    with pytest.raises(IntegrityError, match="gives other answers than the trained one"):
        finetune(sentences(), tiny("bert"), **QUICK)


@pytest.mark.parametrize("method", ["lora", "probe"])
def test_other_base_is_refused_in_words(method: str, tiny, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny("bert"), tmp_path / "base"))
    made = finetune(sentences(), str(base), method=method, folder=tmp_path / "made", **QUICK)
    weights = load_file(base / "model.safetensors")
    changed = {name: value + 0.01 for name, value in weights.items()}
    save_file(changed, base / "model.safetensors", metadata={"format": "pt"})
    (base / "manifest.json").unlink()
    with pytest.raises(ModelError, match="belongs to the model 'base'") as caught:
        FinetunedModel.open(made.folder)
    assert "noise" in caught.value.expected
    shutil.rmtree(base)
    with pytest.raises(ModelError, match="which is not here"):
        FinetunedModel.open(made.folder)
    moved = shutil.copytree(tiny("bert"), tmp_path / "moved")
    again = FinetunedModel.open(made.folder, base=moved)
    assert again.predict(["Laget vann."]).equals(made.predict(["Laget vann."]))


def test_merged_model_stands_alone(tiny, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    parts = sentences()
    made = finetune(parts, tiny("bert"), **QUICK)
    whole = made.save(tmp_path / "whole", merged=True)
    again = FinetunedModel.open(whole)
    assert again.about.method == "full"
    assert again.predict(parts.test)["score"].to_list() == pytest.approx(
        made.predict(parts.test)["score"].to_list(), abs=1e-6
    )
    plain = AutoModelForSequenceClassification.from_pretrained(whole)
    assert plain.config.id2label == {0: "weather", 1: "sport"}
    further = finetune(parts, str(whole), **QUICK)
    assert further.labels == ("weather", "sport")
    with pytest.raises(ModelError, match="holds an adapter"):
        finetune(parts, str(made.folder), **QUICK)


def test_folder_that_is_there_is_not_written_over(tiny, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is a folder"):
        finetune(sentences(), tiny("bert"), folder=tmp_path, **QUICK)


def test_damaged_head_is_named(tiny, tmp_path: Path) -> None:
    made = finetune(sentences(), tiny("bert"), method="probe", folder=tmp_path / "made", **QUICK)
    (made.folder / "manifest.json").unlink()
    stored = load_file(made.folder / opening.HEAD)
    stored.pop(sorted(stored)[0])
    save_file(stored, made.folder / opening.HEAD)
    with pytest.raises(IntegrityError, match="differ in"):
        FinetunedModel.open(made.folder)


def test_pairs_need_their_second_texts(tiny) -> None:
    model = finetune(pairs(), tiny("bert"), **QUICK)
    with pytest.raises(ValueError, match="got no second ones"):
        model.predict(["Kungen reser."])
    with pytest.raises(ValueError, match="1 second ones for 2"):
        model.predict(["Kungen reser.", "Olle reser."], ["Ja."])
    assert len(model.predict(["Kungen reser."], ["Kungen reser i dag."])) == 1


def test_table_is_read_by_its_texts_and_what_is_no_text_is_named(tiny) -> None:
    model = finetune(sentences(), tiny("bert"), **QUICK)
    table = pl.DataFrame({"id": ["a", "b"], "text": ["Laget vann.", "Regn."], "year": [1931, 1932]})
    said = model.predict(table.to_pandas())
    assert said["id"].tolist() == ["a", "b"]
    assert said["label"].tolist() == model.predict(table["text"])["label"].tolist()
    for wrong, told in (
        (["Laget vann.", 3], "Text 2 of 2 is 3."),
        ([None], "Text 1 of 1 is None."),
        ("ord " * 40_000, "predict got 'ord ord"),
    ):
        with pytest.raises(LabelError) as error:
            model.predict(wrong)
        assert error.value.happened.startswith(told)
        assert len(str(error.value)) < 300


def test_long_and_empty_texts_are_answered_with_a_note(tiny) -> None:
    model = finetune(sentences(), tiny("bert"), **QUICK)
    answers = model.predict(["Laget vann matchen i går. " * 400, " "])
    assert answers["n_windows"][0] > 10
    assert answers["note"].tolist()[0].startswith("Read in ")
    assert answers["label"].isna().tolist() == [False, True]
    assert answers["note"][1] == "The text is empty."
