"""Jobs as files: written from a notebook, read by a shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kblib.corpora import Corpus
from kblib.errors import JobError
from kblib.jobs.batch import BatchTask
from kblib.jobs.specs import Pretrain
from kblib.jobs.written import open_job
from kblib.models.shape import ModelShape
from kblib.runs import RunFolder


@pytest.fixture
def job(films: Corpus, tiny_shape: ModelShape, tmp_home: Path) -> Pretrain:
    return Pretrain(films, tiny_shape, steps=3, seq_len=16, batch_size=8)


def test_training_is_read_as_it_was_written(job: Pretrain, tmp_path: Path) -> None:
    path = job.save(tmp_path / "job.json")
    assert open_job(path).key == job.key
    assert json.loads(path.read_text())["corpus"]["fingerprint"] == job.corpus.fingerprint


@pytest.mark.parametrize("of_a_corpus", [True, False])
def test_batch_is_read_as_it_was_written(
    films: Corpus, tmp_home: Path, tmp_path: Path, of_a_corpus: bool
) -> None:
    shards = films if of_a_corpus else [{"word": ["sol"]}, {"word": ["snö"]}]
    task = BatchTask("polars:DataFrame", shards, name="words")
    assert open_job(task.save(tmp_path / "job.json")).key == task.key


def test_run_is_read_as_the_job_that_it_carries_out(job: Pretrain, tmp_path: Path) -> None:
    config = {"job": job.with_saved_corpus().to_dict(), "site": "local", "ranks": 1}
    run = RunFolder.create(tmp_path / "run", config)
    assert open_job(run.path).key == job.key


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not json", r"cannot be read as a job"),
        ("[1, 2]", r"holds no job that can be sent: its kind is None"),
        ('{"kind": "preflight"}', r"its kind is 'preflight'\. One of these was expected: pretrain"),
        ('{"kind": "batch"}', r"lacks something, or has something that is unknown: 'function'"),
        ('{"job": 3}', r"its kind is None"),
    ],
)
def test_file_that_is_no_job_is_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "job.json"
    path.write_text(text)
    with pytest.raises(JobError, match=said):
        open_job(path)


def test_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"There is no .*job\.json\. The file of a job"):
        open_job(tmp_path / "job.json")
