"""The corpus of a job is found again where it lies, and nothing else in its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError, JobError
from kblib.jobs.specs import Pretrain


def test_corpus_that_is_not_saved_has_no_folder(job: Pretrain, tmp_home: Path) -> None:
    assert job.to_dict()["corpus"]["folder"] is None
    folder = job.with_saved_corpus().to_dict()["corpus"]["folder"]
    assert Path(folder).is_relative_to(tmp_home)


def test_corpus_that_was_changed_is_refused(job: Pretrain, tmp_path: Path) -> None:
    saved = replace(job, corpus=job.corpus.save(tmp_path / "films"))
    content = saved.to_dict()
    other = job.corpus.filter(film="SF1").save(tmp_path / "films", replace=True)
    with pytest.raises(JobError) as caught:
        Pretrain.from_dict(content)
    assert str(caught.value) == (
        f"The corpus in {tmp_path}/films has the fingerprint {other.fingerprint[:12]}. "
        f"The job was submitted for {job.corpus.fingerprint[:12]}: "
        "the texts were changed since.\n"
        "  Submit the job again with the corpus as it is now."
    )


def test_corpus_whose_films_were_corrected_is_refused(job: Pretrain, tmp_path: Path) -> None:
    saved = replace(job, corpus=job.corpus.save(tmp_path / "films"))
    content = saved.to_dict()
    table = job.corpus.table.assign(film="SF1")
    other = Corpus.from_table(table, name="films").save(tmp_path / "films", replace=True)
    with pytest.raises(JobError) as caught:
        Pretrain.from_dict(content)
    assert str(caught.value) == (
        f"The corpus in {tmp_path}/films has the content {other.content[:12]}. "
        f"The job was submitted for {job.corpus.content[:12]}: the texts are the same, "
        "but other columns were changed since.\n"
        "  Submit the job again with the corpus as it is now."
    )


def test_corpus_that_is_gone_is_said(job: Pretrain, tmp_path: Path) -> None:
    content = replace(job, corpus=job.corpus.save(tmp_path / "films")).to_dict()
    (tmp_path / "films").rename(tmp_path / "elsewhere")
    with pytest.raises(CorpusError, match="No corpus named"):
        Pretrain.from_dict(content)
