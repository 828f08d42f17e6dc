"""Probes; the second source is `fill` over the whole vocabulary, and loops over templates."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from transformers import PreTrainedModel

from kblib.errors import ModelError
from kblib.files import write_json
from kblib.models.build import build_masked
from kblib.models.masked import MaskedLM
from kblib.models.probe import probe
from kblib.models.probe_result import row_of
from kblib.ngrams.resampling import Band
from kblib.tokens.subwords import Tokenizer

from .conftest import shape_for

TEMPLATES = ["{} går till [MASK].", "I dag besökte {} [MASK]."]
PAIRS = [("Kungen", "Drottningen"), ("kungen", "drottningen")]
WORDS = ["Stockholm", "Malmö", "Kiruna"]


@pytest.fixture
def model(masked_model: PreTrainedModel, wordpiece: Tokenizer) -> MaskedLM:
    return MaskedLM(masked_model, wordpiece, name="one")


@pytest.fixture
def other(wordpiece: Tokenizer) -> MaskedLM:
    built = build_masked(shape_for("bert", wordpiece), seed=2)
    return MaskedLM(built, wordpiece, name="two")


def odds_bits(model: MaskedLM, text: str, word: str) -> float:
    table = model.fill(text, k=10**6).table.set_index("token")["probability"]
    p = table[word]
    return math.log2(p / (1 - p))


def test_log_odds_are_those_of_fill(model: MaskedLM) -> None:
    one_piece = [w for w in WORDS if len(model.tokenizer.encode(w, special=False)) == 1]
    assert one_piece
    found = probe(model, TEMPLATES, PAIRS, one_piece)
    for row in found.answers.itertuples():
        first, second = (row.template.replace("{}", c) for c in (row.first, row.second))
        wanted = odds_bits(model, first, row.word) - odds_bits(model, second, row.word)
        assert row.log_odds == pytest.approx(wanted, abs=1e-3)
    assert len(found.answers) == len(TEMPLATES) * len(PAIRS) * len(one_piece)


def test_row_is_the_mean_of_its_answers(model: MaskedLM, other: MaskedLM) -> None:
    found = probe([model, other], TEMPLATES, PAIRS, WORDS)
    for row in found.table.itertuples():
        answers = found.answers[found.answers["word"] == row.word]
        assert row.log_odds == pytest.approx(answers["log_odds"].mean())
        by_template = answers.groupby("template")["log_odds"].mean()
        assert (row.lowest_template, row.highest_template) == pytest.approx(
            (by_template.min(), by_template.max())
        )
        by_training = answers.groupby("training")["log_odds"].mean()
        assert (row.lowest_training, row.highest_training) == pytest.approx(
            (by_training.min(), by_training.max())
        )
        assert row.training_note == "range of 2 trainings"


def test_other_way_round_has_the_other_sign(model: MaskedLM) -> None:
    one = probe(model, TEMPLATES, PAIRS, WORDS)
    turned = probe(model, TEMPLATES, [(b, a) for a, b in PAIRS], WORDS)
    np.testing.assert_allclose(one.log_odds["all years"], -turned.log_odds["all years"], atol=1e-9)


def test_training_uncertainty_of_one_model_is_unknown(model: MaskedLM) -> None:
    found = probe(model, TEMPLATES, PAIRS, WORDS)
    assert {row.training_note for row in found.rows} == {"unknown: one training"}
    assert all(math.isnan(row.lowest_training) for row in found.rows)
    assert "Training uncertainty is unknown" in found.warnings[-1]


def test_two_trainings_leave_out_that_warning(model: MaskedLM, other: MaskedLM) -> None:
    assert probe([model, other], TEMPLATES, PAIRS, WORDS).warnings == ()


def test_few_templates_have_a_range_and_no_interval(model: MaskedLM) -> None:
    row = probe(model, TEMPLATES, PAIRS, WORDS).rows[0]
    assert math.isnan(row.template_low)
    assert row.template_note == "2 templates, under 10: no interval"
    assert row.lowest_template <= row.log_odds <= row.highest_template


def test_interval_draws_templates_not_answers() -> None:
    """Twenty models and pairs that agree add nothing: the interval is that of the templates."""
    means_S = np.random.default_rng(1).normal(size=16)
    values_MSP = np.tile(means_S[None, :, None], (5, 1, 4))
    row = row_of("all", "word", values_MSP, Band(resamples=4000))
    half = 1.96 * means_S.std() / math.sqrt(16)
    assert row.template_low == pytest.approx(means_S.mean() - half, abs=0.12)
    assert row.template_high == pytest.approx(means_S.mean() + half, abs=0.12)
    assert row.lowest_training == row.highest_training == pytest.approx(means_S.mean())


def test_groups_are_periods_with_their_own_warnings(
    model: MaskedLM, other: MaskedLM, tmp_path: Path
) -> None:
    write_json(tmp_path / "recipe.json", {"job": {"corpus": {"years": [1930, 1939]}}})
    model.folder = tmp_path
    found = probe({1930: model, 1940: [model, other]}, TEMPLATES, PAIRS, WORDS)
    assert found.groups == ("1930-1939", "1940-1949")
    assert [row.trainings for row in found.rows] == [1] * 3 + [2] * 3
    assert (
        found.warnings[0] == "one has read texts of 1930-1939 only: it knows nothing of 1940-1949."
    )
    assert found.warnings[1].startswith("Which years two has read is not recorded")


def test_two_groups_of_one_name_are_refused(model: MaskedLM) -> None:
    with pytest.raises(ModelError, match="Two groups of models are called '1930-1939'"):
        probe({1930: model, (1930, 1939): model}, TEMPLATES, PAIRS, WORDS)


def test_model_is_opened_by_its_name(
    masked_folder: Path, model: MaskedLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_MODELS", str(masked_folder.parent))
    found = probe("small", TEMPLATES, PAIRS, WORDS)
    wanted = probe(model, TEMPLATES, PAIRS, WORDS)
    np.testing.assert_allclose(found.log_odds["all years"], wanted.log_odds["all years"], atol=1e-4)


def test_model_of_all_years_is_warned_of(model: MaskedLM, tmp_path: Path) -> None:
    write_json(tmp_path / "recipe.json", {"job": {"corpus": {"years": [1930, 1959]}}})
    model.folder = tmp_path
    found = probe(model, TEMPLATES, PAIRS, WORDS, about=1935)
    assert "its answer is of all these years, not of 1935" in found.warnings[0]


def test_word_that_cannot_be_spelt_has_no_number_and_a_warning(model: MaskedLM) -> None:
    found = probe(model, TEMPLATES, PAIRS, ["Malmö", "☃"])
    assert math.isfinite(found.rows[0].log_odds)
    assert math.isnan(found.rows[1].log_odds)
    assert "'☃' cannot be spelt by every model: it has no number." in found.warnings


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"templates": []}, "A list of sentences was expected"),
        ({"templates": "{} går till [MASK]."}, "A list of sentences was expected"),
        ({"templates": ["Kungen går till [MASK]."]}, "has 0 places {}. One was expected"),
        ({"templates": ["{} går till Malmö."]}, r"has no \[MASK\]"),
        ({"templates": ["{} [MASK] [MASK]."]}, r"has 2 \[MASK\]"),
        ({"templates": ["{} går till [MASK]en."]}, "stands inside a word"),
        ({"templates": ["{} och " + "och " * 40 + "[MASK]."]}, "at most 32"),
        ({"pairs": []}, "A list of pairs was expected"),
        ({"pairs": [("Han", "Han")]}, "is no pair"),
        ({"pairs": ["Han"]}, "is no pair"),
        ({"pairs": [("Han", None)]}, "is no pair"),
        ({"pairs": [3]}, "3 is no pair"),
        ({"templates": [3]}, "The text is 3. A sentence was expected"),
        ({"words": [3]}, "A list of words was expected"),
        ({"words": []}, "A list of words was expected"),
        ({"words": "läkare"}, "A list of words was expected"),
        ({"models": []}, "No model was given"),
        ({"models": {}}, "No model was given"),
        ({"models": [3]}, "3 is no masked model"),
        ({"models": ["kb-none"]}, "kb-none"),
        ({"models": {1930: None}}, "None is no masked model"),
    ],
)
def test_question_that_makes_no_sense_is_refused(
    model: MaskedLM, change: dict[str, object], said: str
) -> None:
    asked = {"models": model, "templates": TEMPLATES, "pairs": PAIRS, "words": WORDS, **change}
    with pytest.raises(ModelError, match=said):
        probe(**asked)
