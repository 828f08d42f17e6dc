"""BatchPredict: what it asks of which model, what it refuses, what a shard and a preview give."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from kblib.corpora import Corpus
from kblib.errors import IntegrityError, JobError, ModelError, TokenError
from kblib.files import sha256
from kblib.jobs import predict_shard
from kblib.jobs.batch import BatchTask
from kblib.jobs.predict import BatchPredict, weights_of
from kblib.jobs.preview import Preview
from kblib.jobs.shard_work import ShardWork
from kblib.models.catalog import find_model
from kblib.models.linears import check_units
from kblib.models.masked import MaskedLM
from kblib.runs import RunFolder

MASKED, CAUSAL = "kb-mini-masked", "kb-mini-causal"


def has_units(precision: str) -> bool:
    try:
        check_units(precision, torch.device("cpu"))
    except ModelError:
        return False
    return True


needs_vnni = pytest.mark.skipif(
    not has_units("int8"), reason="this processor has no units for int8"
)
needs_bf16 = pytest.mark.skipif(
    not has_units("bf16"), reason="this processor has no units for bf16"
)


@pytest.fixture
def blanks(films: Corpus) -> Corpus:
    """Give twelve sentences with a blank, on pages; two are alike."""
    texts = [text.replace(text.split()[2], "[MASK]", 1) for text in films.head(11)["text"]]
    return Corpus.from_texts([*texts, texts[0]], name="blanks", page=list(range(1, 13)))


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Give a copy of the masked model that a test may spoil."""
    return Path(shutil.copytree(find_model(MASKED), tmp_path / "copied"))


def test_usual_task_is_that_of_the_model(blanks: Corpus) -> None:
    assert BatchPredict(MASKED, blanks).task == "fill"
    assert BatchPredict(CAUSAL, blanks).task == "bits"
    job = BatchPredict(MASKED, blanks, task="vectors", rows=5)
    assert (job.label, job.n_shards, job.model) == ("kb-mini-masked-vectors", 3, find_model(MASKED))


def test_opened_model_is_asked_by_its_folder(blanks: Corpus) -> None:
    model = MaskedLM.open(MASKED)
    assert BatchPredict(model, blanks).key == BatchPredict(MASKED, blanks).key
    model.folder = None
    with pytest.raises(JobError, match="which lies in no folder"):
        BatchPredict(model, blanks)


def test_other_model_task_or_number_of_words_is_another_job(blanks: Corpus, copied: Path) -> None:
    jobs = [
        BatchPredict(MASKED, blanks),
        BatchPredict(MASKED, blanks, k=3),
        BatchPredict(MASKED, blanks, task="vectors"),
        BatchPredict(CAUSAL, blanks),
        BatchPredict(copied, blanks),
    ]
    assert len({job.key for job in jobs}) == len(jobs)


def test_what_a_run_reads_is_a_plain_batch_with_the_same_key(blanks: Corpus) -> None:
    job = BatchPredict(MASKED, blanks, rows=5)
    saved = job.with_saved_corpus()
    again = BatchTask.from_dict(saved.to_dict())
    assert again.key == saved.key == job.key
    assert again.label == job.label


def test_shard_has_the_answers_of_one_by_one_at_their_documents(blanks: Corpus) -> None:
    job = BatchPredict(MASKED, blanks, k=3)
    table = predict_shard.predict(job.shard(0), **job.arguments)
    assert table["id"].to_list() == [document.id for document in blanks]
    assert table["page"].to_list() == list(range(1, 13))
    model = MaskedLM.open(MASKED)
    for document, row in zip(blanks, table.to_dicts(), strict=True):
        alone = model.fill(document.text, k=3).table
        assert row["words"] == list(alone["word"])
        np.testing.assert_allclose(row["probabilities"], alone["probability"], atol=1e-5)
    digest = sha256(find_model(MASKED) / "model.safetensors")
    assert table["weights"].unique().to_list() == [digest]
    assert table["model"].unique().to_list() == [MASKED]
    first, last = table.drop("id", "page")[0], table.drop("id", "page")[-1]
    assert first.equals(last)  # equal texts have equal answers


def test_model_is_found_by_its_name_where_a_site_has_it_otherwise(blanks: Corpus) -> None:
    job = BatchPredict(MASKED, blanks)
    by_name = predict_shard.predict(job.shard(0), **{**job.arguments, "model": MASKED})
    assert by_name.equals(predict_shard.predict(job.shard(0), **job.arguments))


def test_model_in_the_cache_of_the_hub_is_called_as_on_the_hub(
    blanks: Corpus, tmp_path: Path
) -> None:
    cached = tmp_path / "models--KB--small" / "snapshots" / "5dfe"
    shutil.copytree(find_model(MASKED), cached)
    job = BatchPredict(cached, blanks)
    assert job.label == "KB-small-fill"
    table = predict_shard.predict(job.shard(0), **job.arguments)
    assert table["model"].unique().to_list() == ["KB/small"]
    with pytest.raises(JobError, match=r'kb\.BatchPredict\("KB/small", corpus, task="fill"\)'):
        BatchPredict(cached, blanks, task="labels")


def test_equal_texts_are_asked_once(blanks: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(texts: list[str]) -> pl.DataFrame:
        asked.extend(texts)
        return pl.DataFrame({"length": list(map(len, texts))})

    monkeypatch.setattr(predict_shard, "opened", lambda *_: predict_shard.Opened(answer))
    job = BatchPredict(MASKED, blanks)
    table = predict_shard.predict(job.shard(0), **job.arguments)
    texts = [document.text for document in blanks]
    assert len(asked) == len(set(asked)) == len(set(texts)) < len(texts)
    assert table["length"].to_list() == list(map(len, texts))


@pytest.mark.parametrize(
    ("model", "task", "columns"),
    [
        (MASKED, "surprisal", {"bits", "n_pieces", "bits_per_piece", "pseudo_perplexity"}),
        (MASKED, "vectors", {"vector"}),
        (CAUSAL, "bits", {"bits", "n_bytes", "bits_per_byte"}),
    ],
)
def test_shards_of_a_task_have_columns_of_their_own(
    films: Corpus, model: str, task: str, columns: set[str]
) -> None:
    job = BatchPredict(model, films.filter(film="SF1"), task=task)
    table = predict_shard.predict(job.shard(0), **job.arguments)
    of_corpus = {"id", "film", "language", "licence"}
    always = {*of_corpus, "n_tokens", "n_windows", "note", "model", "weights", "precision"}
    assert set(table.columns) == columns | always
    assert table.height == 10
    assert all(table[column].null_count() == 0 for column in columns)


def test_where_a_text_stands_on_a_page_is_in_the_result() -> None:
    corpus = Corpus.from_texts(
        ["Kungen kom.", "Laget vann."],
        issue=["DN 1935-04-12"] * 2,
        page=[3, 4],
        block=["TB_7", "TB_9"],
        box=[[10, 20, 300, 40], [10, 80, 310, 44]],
        ocr=[0.91, None],
        model=["Zeiss", "Leica"],
    )
    job = BatchPredict(MASKED, corpus, task="vectors")
    table = predict_shard.predict(job.shard(0), **job.arguments)
    assert table["box"].to_list() == [[10, 20, 300, 40], [10, 80, 310, 44]]
    assert table["ocr"].to_list() == [0.91, None]
    assert table.select("issue", "page", "block").rows() == [
        ("DN 1935-04-12", 3, "TB_7"),
        ("DN 1935-04-12", 4, "TB_9"),
    ]
    assert table["corpus_model"].to_list() == ["Zeiss", "Leica"]
    assert table["model"].unique().to_list() == [MASKED]
    assert "text" not in table.columns


def _opened_as(monkeypatch: pytest.MonkeyPatch, cosine: float) -> list[str]:
    compared: list[str] = []

    def alike(texts: list[str]) -> float:
        compared.extend(texts)
        return cosine

    def answer(texts: list[str]) -> pl.DataFrame:
        return pl.DataFrame({"length": list(map(len, texts))})

    monkeypatch.setattr(predict_shard, "opened", lambda *_: predict_shard.Opened(answer, alike))
    return compared


def test_shard_in_int8_says_how_alike_it_is(films: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = _opened_as(monkeypatch, 0.995)
    job = BatchPredict(MASKED, films, task="vectors", precision="int8", rows=50)
    table = predict_shard.predict(job.shard(1), **job.arguments)
    texts = list(dict.fromkeys(job.shard(1)["text"]))
    assert compared == texts[:16]
    assert table["cosine_to_fp32"].unique().to_list() == [0.995]
    assert table["precision"].unique().to_list() == ["int8"]


def test_shard_whose_vectors_turn_is_refused(
    films: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    _opened_as(monkeypatch, 0.886)
    job = BatchPredict(MASKED, films, task="vectors", precision="int8")
    with pytest.raises(ModelError) as caught:
        predict_shard.predict(job.shard(0), **job.arguments)
    assert str(caught.value) == (
        "In int8 the model 'kb-mini-masked' gives other vectors: their cosine to those in fp32 "
        "goes down to 0.886. 0.99 at least was expected, of 16 texts of each shard.\n"
        '  kb.BatchPredict(model, corpus, precision="fp32")'
    )


@pytest.mark.parametrize(
    "precision", [pytest.param("int8", marks=needs_vnni), pytest.param("bf16", marks=needs_bf16)]
)
def test_short_numbers_are_near_fp32_in_a_trained_model(films: Corpus, precision: str) -> None:
    texts = films.filter(film=["SF1", "SF2"])
    jobs = [BatchPredict(MASKED, texts, task="vectors", precision=p) for p in ("fp32", precision)]
    assert jobs[0].key != jobs[1].key
    exact, near = (predict_shard.predict(job.shard(0), **job.arguments) for job in jobs)
    pairs = zip(exact["vector"], near["vector"], strict=True)
    cosines = [a @ b / np.sqrt((a @ a) * (b @ b)) for a, b in (map(np.array, two) for two in pairs)]
    assert 0.99 < min(cosines) < 1 - 1e-6
    assert near["cosine_to_fp32"][0] == pytest.approx(min(cosines[:16]), abs=1e-3)


def test_unknown_precision_is_refused(blanks: Corpus) -> None:
    with pytest.raises(
        JobError, match=r"got precision='int4'\. Known are 'fp32' \(32-bit floats\)"
    ):
        BatchPredict(MASKED, blanks, precision="int4")


def test_run_gives_the_table_of_its_shards(blanks: Corpus, tmp_path: Path) -> None:
    job = BatchPredict(MASKED, blanks, rows=5, k=2)
    run = RunFolder.create(tmp_path / "run", {"job": job.with_saved_corpus().to_dict()})
    work = ShardWork(run)
    for number in (2, 0, 1):  # in any order
        assert work.carry_out(number)[2] == ""
    tables = [pl.read_parquet(work.files.file(number)) for number in range(3)]
    alone = [predict_shard.predict(job.shard(number), **job.arguments) for number in range(3)]
    assert pl.concat(tables).equals(pl.concat(alone))


def test_changed_weights_are_refused_by_the_worker(blanks: Corpus, copied: Path) -> None:
    job = BatchPredict(copied, blanks)
    (copied / "manifest.json").unlink()
    weights = copied / "model.safetensors"
    assert weights_of(copied) == job.arguments["weights"]
    with weights.open("r+b") as file:
        file.seek(-4, 2)
        file.write(b"\x00\x00\x00\x01")
    predict_shard.opened.cache_clear()
    with pytest.raises(IntegrityError, match=r"they were changed since\.\n.*Submit the job again"):
        predict_shard.predict(job.shard(0), **job.arguments)


def test_preview_measures_a_sample_here_and_says_so(blanks: Corpus) -> None:
    preview = BatchPredict(MASKED, blanks, rows=1).preview(6, seed=3)
    assert isinstance(preview, Preview)
    sample = blanks.sample(6, seed=3)
    assert preview.answers["id"].to_list() == [document.id for document in sample]
    ratio = sum(len(one.text) for one in blanks) / sum(len(one.text) for one in sample)
    assert preview.hours(4) * 4 * 3600 == pytest.approx(preview.seconds * ratio)
    assert preview.texts_per_s * preview.hours(1) * 3600 == pytest.approx(12)
    assert list(preview.table["workers"]) == [1, 2, 4, 8, 16]
    assert list(preview.table["hours"]) == [preview.hours(n) for n in preview.table["workers"]]
    said = str(preview)
    assert said.startswith("6 of 12 texts took ")
    assert "Measured here, not on the site it may be sent to" in said
    limit = re.search(r"kb\.submit\(job, budget_gpu_hours=(\S+)\)$", said)
    assert limit is not None
    assert float(limit[1]) == pytest.approx(2 * preview.gpu_hours, rel=0.06)
    assert preview.provenance["precision"] == "fp32"


def test_preview_promises_no_hurry_from_workers_that_find_no_work(blanks: Corpus) -> None:
    preview = BatchPredict(MASKED, blanks, rows=5).preview(6)
    assert preview.n_shards == 3
    assert preview.hours(2) == pytest.approx(preview.hours(1) * 2 / 3)
    assert preview.hours(16) == pytest.approx(preview.hours(1) / 3)
    assert "shards, and so workers that find work: 3; " in str(preview)
    with pytest.raises(JobError, match=r"workers='x'\. At least 1 was expected"):
        preview.hours("x")  # type: ignore[arg-type]


def test_preview_says_that_answers_have_notes() -> None:
    said = str(BatchPredict(MASKED, Corpus.from_texts(["Kungen kom."]), task="fill").preview(1))
    assert "Answers with a note: 1 of 1, as: " in said


def test_preview_of_no_text_is_refused(blanks: Corpus) -> None:
    with pytest.raises(JobError, match=r"n_texts=0\. At least 1 text was expected"):
        BatchPredict(MASKED, blanks).preview(0)


def test_causal_model_asked_for_labels_is_refused(blanks: Corpus) -> None:
    with pytest.raises(JobError) as caught:
        BatchPredict(CAUSAL, blanks, task="labels")
    assert str(caught.value) == (
        "The model 'kb-mini-causal' is a GPTNeoXForCausalLM; task='labels' was asked of it. That "
        "needs a classifier. This one can do: bits, vectors.\n"
        '  kb.BatchPredict("kb-mini-causal", corpus, task="bits")'
    )


def test_unknown_task_is_refused_with_those_there_are(blanks: Corpus) -> None:
    with pytest.raises(JobError, match=r"got task='lables'\. Known are 'fill' \(words for"):
        BatchPredict(MASKED, blanks, task="lables")


@pytest.mark.parametrize("k", [0, 1.5, True, 1001])
def test_number_of_words_that_is_none_is_refused(blanks: Corpus, k: object) -> None:
    with pytest.raises(JobError, match=r"From 1 to 1,000 words were expected"):
        BatchPredict(MASKED, blanks, k=k)  # type: ignore[arg-type]


def test_model_without_tokenizer_is_refused(blanks: Corpus, copied: Path) -> None:
    (copied / "tokenizer.json").unlink()
    with pytest.raises(TokenError, match=r"There is no tokenizer in .*copied"):
        BatchPredict(copied, blanks)


def test_model_without_safetensors_is_refused(blanks: Corpus, copied: Path) -> None:
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    with pytest.raises(JobError, match=r"holds no weights\. A \.safetensors file was expected"):
        BatchPredict(copied, blanks)


def test_list_of_texts_and_unknown_model_are_refused(blanks: Corpus) -> None:
    with pytest.raises(JobError, match=r"got a list for its corpus\. A corpus was expected"):
        BatchPredict(MASKED, ["Kungen [MASK]."])  # type: ignore[arg-type]
    with pytest.raises(JobError, match=r"'.+', which has no documents\. One text at least") as told:
        BatchPredict(MASKED, blanks.filter(page=99))
    assert "print(corpus) says which filter left them out" in str(told.value)
    with pytest.raises(ModelError, match="No model named 'kb-mini-maskd'"):
        BatchPredict("kb-mini-maskd", blanks)
