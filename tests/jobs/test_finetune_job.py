"""The job of a finetuning: what it says of itself, what it keeps, what it refuses."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from kblib.errors import JobError, ModelError, TokenError
from kblib.jobs import finetune_job
from kblib.jobs.finetune_job import Finetune
from kblib.jobs.written import open_job
from kblib.models.catalog import find_model
from tests.finetuning.labelled import KINDS, names, sentences

MODEL = "kb-mini-masked"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_what_is_read(kind: str, tmp_home: Path) -> None:
    parts = KINDS[kind]()
    job = Finetune(parts, MODEL, seeds=(1, 2), learning_rate=1e-3)
    content = json.loads(json.dumps(job.with_saved_corpus().to_dict()))
    again = Finetune.from_dict(content)
    assert again.key == job.key
    assert again.numbers() == job.numbers()
    for name, part in job.material.parts.items():
        read = again.material.parts[name]
        assert read.rows.select(sorted(part.rows.columns)).equals(
            part.rows.select(sorted(part.rows.columns))
        )
        assert (read.labels, read.kind) == (part.labels, part.kind)


def test_key_is_what_is_asked(tmp_home: Path) -> None:
    parts = sentences()
    job = Finetune(parts, MODEL)
    assert job.key == Finetune(sentences(), MODEL).key
    other_labels = parts.train.rows.with_columns(label=parts.train.rows["label"].reverse())
    parts.train.__dict__["rows"] = other_labels
    jobs = [
        job,
        Finetune(parts, MODEL),
        Finetune(sentences(), "kb-mini-causal"),
        Finetune(sentences(), MODEL, method="probe"),
        Finetune(sentences(), MODEL, seeds=(1, 2)),
        Finetune(sentences(52), MODEL),
    ]
    assert len({one.key for one in jobs}) == len(jobs)


def test_name_says_model_labels_and_method() -> None:
    assert Finetune(sentences(), MODEL).label == "kb-mini-masked-sentences-lora"
    assert Finetune(sentences(), MODEL, name="Väder & sport").label == "Väder-sport"


def test_job_is_saved_for_the_shell(tmp_path: Path, tmp_home: Path) -> None:
    job = Finetune(sentences(), MODEL, method="full")
    again = open_job(job.save(tmp_path / "job.json"))
    assert isinstance(again, Finetune)
    assert again.key == job.key


def test_labels_that_were_changed_since_are_refused(tmp_home: Path) -> None:
    content = Finetune(sentences(), MODEL).with_saved_corpus().to_dict()
    content["labels"]["content"] = "0" * 64
    with pytest.raises(JobError, match="other columns were changed since"):
        Finetune.from_dict(content)


def test_model_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelError, match="No model named 'kb-mini-maskd'"):
        Finetune(sentences(), "kb-mini-maskd")


def test_model_without_a_tokenizer_is_refused_at_once(tmp_path: Path) -> None:
    bare = Path(shutil.copytree(find_model(MODEL), tmp_path / "bare"))
    for name in ("tokenizer.json", "tokenizer_config.json", "manifest.json"):
        (bare / name).unlink()
    with pytest.raises(TokenError, match="There is no tokenizer in"):
        Finetune(sentences(), str(bare))


def test_layout_that_cannot_be_finetuned_is_refused_when_the_job_is_made(tmp_path: Path) -> None:
    other = Path(shutil.copytree(find_model(MODEL), tmp_path / "other"))
    (other / "manifest.json").unlink()
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "model_type": "t5"}))
    for method in ("lora", "full", "probe"):
        with pytest.raises(ModelError, match="'other' has the layout 't5', which cannot be"):
            Finetune(sentences(), str(other), method=method)
    (other / "config.json").write_text(json.dumps({**config, "model_type": "opt"}))
    assert Finetune(sentences(), str(other)).model == str(other)
    with pytest.raises(ModelError, match="transformers has no head that labels words"):
        Finetune(names(), str(other))


def test_window_longer_than_the_model_reads_is_refused_when_the_job_is_made() -> None:
    with pytest.raises(ModelError, match="Finetune got seq_len=100000") as caught:
        Finetune(sentences(), MODEL, seq_len=100_000)
    assert "kb.Finetune(..., seq_len=" in str(caught.value)


def test_model_of_the_hub_is_looked_at_when_it_is_here(
    tmp_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only its name is known, the job can be made; at submit its folder is there."""
    other = Path(shutil.copytree(find_model(MODEL), tmp_path / "other"))
    (other / "manifest.json").unlink()
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "model_type": "bart"}))
    job = Finetune(sentences(), "somebody/some-model")
    monkeypatch.setattr(finetune_job, "folder_of_origin", lambda _name: other)
    with pytest.raises(ModelError, match="'other' has the layout 'bart'"):
        job.with_saved_corpus()


def test_adapter_is_no_model_to_begin_with() -> None:
    folder = find_model(MODEL).parent / "kb-mini-masked-1930s"
    with pytest.raises(ModelError, match="1930s"):
        Finetune(sentences(), str(folder))


def test_number_that_is_impossible_is_refused() -> None:
    with pytest.raises(JobError, match="Finetune got epochs=-1"):
        Finetune(sentences(), MODEL, epochs=-1)


def test_missing_part_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetune_job, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="method='qlora' needs peft, bitsandbytes") as caught:
        Finetune(sentences(), MODEL, method="qlora").with_saved_corpus()
    assert "pip install" in str(caught.value)


def test_fields_can_be_replaced() -> None:
    job = Finetune(sentences(), MODEL)
    assert replace(job, method="full").method == "full"
