"""Models and what they answered, in prose: each sentence says what their provenance says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from kblib.methods import methods
from kblib.methods.sentences import ABOUT

MODEL = {"model": "mini", "weights": "ab" * 32}
KNOWN: dict[str, dict[str, Any]] = {
    "MaskedLM": MODEL,
    "CausalLM": MODEL,
    "FillTable": MODEL,
    "Surprisal": MODEL,
    "LeftSurprisal": MODEL,
    "NextWords": MODEL,
    "Attention": MODEL,
    "AttentionControl": MODEL,
    "Generated": MODEL | {"seed": 4, "temperature": 0.8},
    "Continuations": MODEL | {"temperature": 0.8},
    "TokenLens": {"tokenizers": {"mini": "cd" * 32}, "unit": "film", "seed": 1},
    "Probe": {
        "models": {"all years": [MODEL]},
        "templates": ("{} är [MASK].",),
        "pairs": (("hon", "han"),),
        "words": ("glad",),
        "seed": 1,
    },
    "Ladder": {"models": [MODEL], "train": "ef" * 32},
    "FinetunedModel": {
        "model": "mini", "method": "lora", "base": "kb-mini-masked",
        "base_fingerprint": "ab" * 32, "seed": 1,
    },
    "ZeroShotLabels": {
        **MODEL, "method": "sentences", "labels": {"sport": ["sport"]}, "template": ["{}."],
    },
    "LearningCurve": {
        "labels": "mini", "labels_fingerprint": "ab" * 32, "methods": {"tf-idf": {}},
        "draws": 3, "n_train": 200, "n_test": 80, "n_test_groups": 20, "groups": "film",
    },
    "BatchResult": {
        "run": "mini-fill-1",
        "function": "kblib.jobs.predict_shard:predict",
        "arguments": {"model": "models/mini", "weights": "ab" * 32, "task": "fill"},
        "shards": 4,
        "shards_done": 4,
    },
}  # fmt: skip
COUNTING = {
    "Trend", "CorrectedTrend", "QueryQuality", "FrequencyTable", "Concordance", "KeynessTable",
    "CollocationTable", "DispersionTable", "NgramLM", "WordPerplexity",
}  # fmt: skip
"""Told by test_methods.py, of real results."""
LABELLED = {"CorrectedCounts", "AdjustedCounts", "Scores"}
"""Told by tests/evaluation."""


def result(kind: str) -> Any:
    return type(kind, (), {"provenance": KNOWN[kind]})()


def test_every_kind_is_told_somewhere():
    assert set(ABOUT) - set(KNOWN) <= COUNTING | LABELLED | {
        kind for kind in ABOUT if ABOUT[kind].__module__.endswith("of_counting")
    }


@pytest.mark.parametrize("language", ["en", "sv"])
@pytest.mark.parametrize("kind", sorted(KNOWN))
def test_wording_has_no_holes(kind: str, language: Any):
    told = methods(result(kind), language=language).text
    assert not re.search(r"\{\w+\}|None", told), told
    if kind != "TokenLens":
        assert "mini" in told
        assert "abababababab" in told


def test_training_that_went_on_names_all_that_was_read():
    speech = {"name": "speech", "fingerprint": "12" * 32}
    job = {
        "corpus": {"name": "titles", "fingerprint": "34" * 32},
        "mixture": [{"name": "replay", "share": 0.25, "corpus": speech}],
        "continue_from": {
            "name": "old", "fingerprint": "56" * 32,
            "recipe": {"job": {"corpus": speech, "continue_from": {"name": "of-the-hub"}}},
        },
        "seed": 1,
    }  # fmt: skip
    about = MODEL | {"recipe": {"job": job}}
    told = methods(type("CausalLM", (), {"provenance": about})()).text
    assert "25 % of what it read is corpus “speech”, fingerprint 121212121212 (replay)." in told
    assert "The training went on from model “old” (565656565656). That one was trained on " in told
    assert told.count("“speech”") == 2
    assert "The training went on from model “of-the-hub”." in told


def test_result_of_a_run_is_called_by_its_run(tmp_path: Path):
    folder = tmp_path / "runs" / "titles-1a2b" / "result" / "model"
    folder.mkdir(parents=True)
    (folder / "recipe.json").write_text("{}")
    (folder.parent.parent / "state.json").write_text("{}")
    about = {"folder": folder, "provenance": {"model": "model", "weights": "ab" * 32}}
    told = methods(type("CausalLM", (), about)()).text
    assert "Model “titles-1a2b” (weights abababababab)." in told


def test_draw_says_its_seed_and_temperature():
    assert "(temperature 0.8, seed 4)" in methods(result("Generated")).text
    assert "(temperature 0,8, seed 4)" in methods(result("Generated"), language="sv").text


def test_bits_of_masked_models_come_with_a_warning():
    assert "not comparable with the bits" in methods(result("Surprisal")).text


def test_probe_names_pairs_and_words():
    told = methods(result("Probe")).text
    assert "log-odds of “glad” in 1 sentences between hon / han" in told
