"""``python -m kblib finetune``: what a command line asks for, and what it prints."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from kblib.__main__ import main, parser
from kblib.cluster import finetune_command
from kblib.cluster.finetune_command import job_of, scores_lines
from kblib.finetuning.here import finetune
from tests.finetuning.labelled import sentences


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return sentences().train.save(tmp_path / "labels.csv")


def test_words_become_a_job(table: Path) -> None:
    words = f"finetune {table} --method full --seeds 1 2 --test 0.25 --by film --balance".split()
    job = job_of(parser().parse_args(words))
    assert (job.method, job.seeds, job.balance) == ("full", (1, 2), "classes")
    assert job.material.by == "film"
    assert job.material.name == "labels"


def test_latest_years_are_tested_and_those_before_validate(tmp_path: Path) -> None:
    rows = "".join(f"text {n},{n % 2},{1900 + n // 2}\n" for n in range(60))
    path = tmp_path / "years.csv"
    path.write_text(f"text,label,year\n{rows}", encoding="utf-8")
    parts = job_of(parser().parse_args(["finetune", str(path), "--time", "year"])).material.parts
    first, last = (
        [ends(parts[name].rows["year"]) for name in ("train", "valid", "test")]
        for ends in (min, max)
    )
    assert first == sorted(first)
    assert all(a < b for a, b in zip(last, first[1:], strict=False))


def test_table_of_a_swedish_spreadsheet_is_read(tmp_path: Path) -> None:
    rows = "".join(f"{'år' if n % 2 else 'sjö'} {n};{n % 2}\n" for n in range(40))
    path = tmp_path / "tabell.csv"
    path.write_text(f"text;label\n{rows}", encoding="cp1252")
    words = ["finetune", str(path), "--separator", ";", "--encoding", "cp1252"]
    texts = job_of(parser().parse_args(words)).material.train.rows["text"].to_list()
    assert {text.split()[0] for text in texts} == {"år", "sjö"}


def test_two_columns_are_pairs(tmp_path: Path) -> None:
    rows = "\n".join(f"en {n},två {n},{n % 2}.5" for n in range(40))
    path = tmp_path / "pairs.csv"
    path.write_text(f"one,other,alike\n{rows}\n", encoding="utf-8")
    words = f"finetune {path} --text one other --label alike --scale".split()
    job = job_of(parser().parse_args(words))
    assert (job.material.task.kind, job.material.task.is_scale) == ("pairs", True)


def test_command_sends_the_job_and_saves_what_it_made(
    table: Path, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = finetune(sentences(), "kb-mini-masked", steps=2)
    sent = []

    class Run:
        name = "run"

        def result(self):
            return model

    monkeypatch.setattr(finetune_command, "submit", lambda job, site: sent.append(job) or Run())
    saved = tmp_path / "saved"
    assert main(["finetune", str(table), "--save", str(saved)]) == 0
    printed = capsys.readouterr().out
    assert "python -m kblib status run" in printed
    assert "macro_f1" in printed
    assert (saved / "adapter_model.safetensors").is_file()
    assert sent[0].model == "kb-mini-masked"
    assert next(scores_lines(model)).startswith(
        "<FinetunedModel kb-mini-masked-sentences-lora: weather"
    )
    assert set(model.table.columns) == {"measure", "label", "score", "low", "high"}
    assert "on 12 texts" in model.title


def test_folder_that_is_there_is_told_before_the_training(table: Path, tmp_path, capsys) -> None:
    assert main(["finetune", str(table), "--save", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"JobError: There is a '{tmp_path}' already.")


def test_three_columns_of_text_are_refused(table: Path, capsys) -> None:
    assert main(["finetune", str(table), "--text", "a", "b", "c"]) == 1
    assert "One column was expected, or two for pairs." in capsys.readouterr().err


def test_interval_that_begins_at_zero_is_printed() -> None:
    scores = {"test": {"macro_f1": 0.05}, "intervals": {"macro_f1": (0.0, 0.2)}}
    model = SimpleNamespace(scores=scores, seeds=())
    assert [*scores_lines(model)][1].endswith("0.050   0.000 to 0.200")


def test_what_is_wrong_is_told_without_a_traceback(table: Path, capsys) -> None:
    assert main(["finetune", str(table), "--label", "genre"]) == 1
    assert "genre" in capsys.readouterr().err
