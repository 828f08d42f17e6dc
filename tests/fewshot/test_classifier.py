"""A classifier from a few labels: trained, asked, saved and opened; what cannot be is told."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from kblib.corpora import Corpus
from kblib.errors import IntegrityError, JobError, LabelError, ModelError
from kblib.fewshot import folder as few_shot_folder
from kblib.fewshot.classifier import FewShotClassifier
from kblib.fewshot.logistic_head import LogisticHead
from kblib.jobs.predict import BatchPredict, weights_of
from kblib.jobs.predict_shard import predict
from kblib.labels import read_labels
from tests.fewshot.few_made import WordVectors, made_labels


@pytest.fixture(scope="module")
def labels():
    return made_labels()


@pytest.fixture(scope="module")
def classifier(labels):
    return FewShotClassifier.train(labels, WordVectors())


@pytest.fixture
def same_encoder(monkeypatch):
    """Open the stand-in where a saved classifier names it."""
    monkeypatch.setattr(few_shot_folder, "local_folder", lambda name: name)
    monkeypatch.setattr(few_shot_folder.SentenceEncoder, "open", lambda name: WordVectors())


def test_labels_are_those_of_a_plain_logistic_regression(labels, classifier):
    vectors = WordVectors().encode(labels.rows["text"].to_list())
    spread = np.sqrt(((vectors - vectors.mean(axis=0)) ** 2).mean())
    strength = classifier.head.strength
    model = LogisticRegression(C=strength, max_iter=2_000, class_weight="balanced")
    model.fit((vectors - vectors.mean(axis=0)) / spread, labels.rows["label"].to_list())
    plain = model.predict((vectors - vectors.mean(axis=0)) / spread)
    assert classifier.predict(labels)["label"].tolist() == plain.tolist()


def test_predictions_have_a_row_a_text(classifier):
    found = classifier.predict(["regn och snö", "", "kungen och prins"])
    assert found["id"].tolist() == ["1", "2", "3"]
    assert found["label"].tolist()[::2] == ["weather", "court"]
    assert found["label"].isna().tolist() == [False, True, False]
    assert found["note"].tolist()[1] == "The text is empty."
    scores = found[[f"score_{one}" for one in classifier.labels]].iloc[0]
    assert scores.sum() == pytest.approx(1)
    assert scores.max() == found["score"][0]


def test_corpus_is_labelled_by_its_ids(classifier):
    corpus = Corpus.from_texts(["regn", "mål"], name="brev")
    assert classifier.predict(corpus)["id"].tolist() == corpus.table["id"].tolist()


def test_only_empty_texts_have_no_label(classifier):
    assert classifier.predict(["", " "])["label"].isna().all()


def test_provenance_says_from_what_it_was_learnt(labels, classifier):
    known = classifier.provenance
    assert known["n_labels"] == {"weather": 90, "sport": 60, "court": 30}
    assert known["groups"] == "film"
    assert known["labels_fingerprint"] == labels.provenance["fingerprint"]


def test_what_labels_were_split_by_is_kept_together(labels, monkeypatch):
    rows = labels.rows.with_columns(series=pl.col("film").str.tail(1))
    several, seen = read_labels(rows), []
    fit = LogisticHead.fit
    monkeypatch.setattr(
        LogisticHead, "fit", lambda *a, **how: (seen.append(how["groups"]), fit(*a, **how))[1]
    )
    train = several.split(test=0.3, by="series").train
    for part, asked, wanted in (
        (train, None, "series"),
        (train, "film", "film"),
        (several, None, "film"),
        (read_labels(labels.rows.drop("film")).split().train, None, "text"),
        (read_labels(labels.rows.drop("film")), None, None),
    ):
        found = FewShotClassifier.train(part, WordVectors(), groups=asked)
        assert found.provenance["groups"] == wanted
        assert seen.pop() == (None if wanted is None else part.rows[wanted].to_list())
    with pytest.raises(LabelError, match="The labels have no column 'issue'"):
        FewShotClassifier.train(train, WordVectors(), groups="issue")


def test_saved_classifier_answers_the_same(labels, classifier, tmp_path, same_encoder):
    again = FewShotClassifier.open(classifier.save(tmp_path / "topics"))
    assert again.predict(labels).equals(classifier.predict(labels))
    assert again.provenance == classifier.provenance
    assert not list((tmp_path / "topics").glob("*.pkl"))
    assert "| weather | 90 |" in (tmp_path / "topics" / "README.md").read_text(encoding="utf-8")


def test_other_encoder_is_refused(classifier, tmp_path, monkeypatch):
    folder = classifier.save(tmp_path / "topics")
    monkeypatch.setattr(few_shot_folder.SentenceEncoder, "open", lambda name: WordVectors("others"))
    with pytest.raises(ModelError, match=r"has the weights others here\. The classifier in"):
        FewShotClassifier.open(folder)


def test_changed_folder_is_told(classifier, tmp_path, same_encoder):
    folder = classifier.save(tmp_path / "topics")
    about = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(IntegrityError):
        FewShotClassifier.open(folder)


def test_folder_of_something_else_is_told(tmp_path):
    with pytest.raises(ModelError, match="There is no few-shot classifier in"):
        FewShotClassifier.open(tmp_path)


def test_saving_twice_asks_first(classifier, tmp_path):
    folder = classifier.save(tmp_path / "topics")
    with pytest.raises(FileExistsError):
        classifier.save(folder)
    assert classifier.save(folder, replace=True) == folder


def test_rare_and_absent_labels_are_told():
    rows = [{"text": f"regn {n}", "label": "weather"} for n in range(9)]
    rows += [{"text": "kungen", "label": "court"}]
    few = read_labels(rows, labels=["weather", "court", "sport"])
    said = FewShotClassifier.train(few, WordVectors()).warnings
    assert said[0] == "No text has the label sport: it is never given."
    assert said[1] == "Labels of fewer than 4 texts: court (1)."


def test_one_label_is_refused():
    rows = [{"text": f"regn {n}", "label": "weather"} for n in range(9)]
    with pytest.raises(LabelError) as told:
        FewShotClassifier.train(read_labels(rows, name="brev"), WordVectors())
    assert str(told.value) == (
        "All 9 labels of 'brev' are 'weather'. Two different ones at least were expected: with "
        "one, nothing can be told apart.\n  Label texts of another kind too."
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([{"text": "a", "label": "x"}], "The labels are a list."),
        (
            read_labels([{"a": "a", "b": "b", "label": "x"}] * 2, text=("a", "b"), name="pairs"),
            "The labels of 'pairs' are of pairs of texts.",
        ),
        (
            read_labels([{"text": "a", "label": 1}, {"text": "b", "label": 2}], scale=True),
            "The labels of 'labels' are points on a scale.",
        ),
        (
            read_labels([{"tokens": ["a"], "label": ["X"]}], text="tokens"),
            "The labels of 'labels' are of words.",
        ),
    ],
)
def test_other_labels_are_refused(given, told):
    with pytest.raises(LabelError) as error:
        FewShotClassifier.train(given, WordVectors())
    assert error.value.happened == told


def test_what_is_no_encoder_is_refused(labels):
    with pytest.raises(ModelError, match="The encoder is a float"):
        FewShotClassifier.train(labels, 0.5)


def test_table_and_column_of_texts_are_read(classifier):
    table = pl.DataFrame({"id": ["a", "b"], "text": ["regn och snö", "kungen"]}).to_pandas()
    found = classifier.predict(table)
    assert found["id"].tolist() == ["a", "b"]
    assert classifier.predict(table["text"])["label"].tolist() == found["label"].tolist()


@pytest.mark.parametrize("texts", ["regn", [], [3], None])
def test_what_are_no_texts_is_refused(classifier, texts):
    with pytest.raises(LabelError, match="A corpus, a table, labels or a list of texts was"):
        classifier.predict(texts)


def test_batch_job_asks_a_saved_classifier(classifier, tmp_path, same_encoder, monkeypatch):
    monkeypatch.setenv("KBNOTEBOOKS_MODELS", str(tmp_path))
    folder = classifier.save(tmp_path / "topics")
    corpus = Corpus.from_texts(["regn och snö", "mål", "kungen", "regn och snö"], film=list("abcd"))
    job = BatchPredict("topics", corpus)
    assert job.task == "labels"
    rows = predict(corpus.frame().collect(), **job.arguments)
    plain = classifier.predict(corpus)
    for name in ("id", "label", "score", "score_court", "note"):
        assert rows[name].to_list() == pl.from_pandas(plain)[name].to_list()
    assert rows["film"].to_list() == list("abcd")
    assert rows["weights"].unique().to_list() == [weights_of(folder)]


@pytest.mark.parametrize("asked", [{"task": "vectors"}, {"precision": "int8"}])
def test_batch_job_of_another_kind_is_refused(classifier, tmp_path, asked):
    folder = classifier.save(tmp_path / "topics")
    with pytest.raises(JobError, match=r"kb.BatchPredict\(\"topics\", corpus"):
        BatchPredict(folder, Corpus.from_texts(["regn"]), **asked)
