"""An adapter from training to opening; scored on films that neither it nor its base has read."""

from __future__ import annotations

import shutil
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kblib.adapters import folder as adapters
from kblib.adapters.film_scores import FilmScores, difference, score_films
from kblib.adapters.folder import open_adapted, period_adapters
from kblib.adapters.period import is_made, make_adapter
from kblib.adapters.period_card import verdict
from kblib.adapters.recipe import PeriodRecipe
from kblib.errors import IntegrityError, ModelError
from kblib.files import check_folder, read_json
from kblib.models.scores import score_masked
from kblib.models.training_split import TrainingSplit
from kblib.tokens.pack import TokenBlocks
from kblib.training.scoring import MASK_RATE, MASK_SEED

RECIPE = PeriodRecipe(
    "tiny-masked", 1930, epochs=2, rank=4, alpha=8, learning_rate=2e-2, batch_size=8, seq_len=16
)


@pytest.fixture(scope="module")
def made(masked, newsreels, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("adapters") / "tiny-masked-1930s"
    return make_adapter(RECIPE, newsreels, target, lambda _: None, base=masked)


def logits(model) -> torch.Tensor:
    with torch.inference_mode():
        return model.model(torch.tensor([[2, 7, 4, 9, 3]])).logits


def test_folder_is_whole_small_and_says_no_machine(made: Path) -> None:
    manifest = check_folder(made, contents=True)
    assert (manifest["kind"], manifest["period"], manifest["medium"]) == (
        "adapter", "1930s", "speech",
    )  # fmt: skip
    said = read_json(made / "adapter_config.json")
    assert said["base_model_name_or_path"] == "tiny-masked"
    assert said["target_modules"] == sorted(said["target_modules"])
    assert "invented films" in (made / "NOTICE").read_text(encoding="utf-8")


def test_adapter_beats_an_untrained_base(made: Path) -> None:
    scores = read_json(made / "scores.json")
    assert scores["adapted"]["loss"] < scores["base"]["loss"]
    assert scores["gain_nats"] == pytest.approx(scores["base"]["loss"] - scores["adapted"]["loss"])
    assert verdict("1930s", scores) in (made / "README.md").read_text(encoding="utf-8")


def test_scores_are_of_test_films_of_the_decade(made: Path, masked, newsreels) -> None:
    test = RECIPE.texts_of(TrainingSplit.of(masked.folder, newsreels).test)
    assert read_json(made / "scores.json")["provenance"]["part_fingerprint"] == test.fingerprint
    assert set(test.frame().collect()["year"]) == {1935}


def test_opened_adapter_scores_what_was_written(made: Path, masked, newsreels) -> None:
    opened = open_adapted(made, base=masked)
    split = TrainingSplit.of(masked.folder, newsreels)
    (found,) = score_films(
        [opened.model], RECIPE.texts_of(split.test), "film", masked.tokenizer, 16
    )
    assert found.loss == pytest.approx(read_json(made / "scores.json")["adapted"]["loss"], abs=1e-5)


def test_base_is_left_as_it_is(made: Path, masked) -> None:
    before = logits(masked)
    opened = open_adapted(made, base=masked)
    assert torch.equal(logits(masked), before)
    assert not torch.allclose(logits(opened), before)


def test_adapter_is_what_peft_opens(made: Path, masked) -> None:
    from peft import PeftModel

    plain = PeftModel.from_pretrained(deepcopy(masked.model), str(made)).eval()
    with torch.inference_mode():
        theirs = plain(torch.tensor([[2, 7, 4, 9, 3]])).logits
    assert torch.allclose(theirs, logits(open_adapted(made, base=masked)), atol=1e-5)


def test_same_recipe_gives_the_same_numbers(made: Path, masked, newsreels, tmp_path: Path) -> None:
    again = make_adapter(RECIPE, newsreels, tmp_path / "again", lambda _: None, base=masked)
    for name in ("adapter_model.safetensors", "scores.json", "adapter_config.json"):
        assert (again / name).read_bytes() == (made / name).read_bytes()


def test_adapter_of_another_base_is_refused(made: Path, masked) -> None:
    other = type(masked)(masked.model, masked.tokenizer, name="other")
    with pytest.raises(ModelError, match="belongs to tiny-masked"):
        open_adapted(made, base=other)


def test_damaged_adapter_is_refused(made: Path, masked, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(made, tmp_path / "copy"))
    (copy / "adapter_model.safetensors").write_bytes(b"nothing")
    with pytest.raises(IntegrityError):
        open_adapted(copy, base=masked)


def test_adapter_that_is_nowhere_is_said(masked) -> None:
    with pytest.raises(ModelError, match="No adapter is called 'kb-mini-masked-1890s'"):
        open_adapted("kb-mini-masked-1890s", base=masked)


def test_adapters_of_a_model_are_found(made: Path, masked, monkeypatch) -> None:
    monkeypatch.setattr(adapters.settings, "model_folders", lambda: (made.parent,))
    (found,) = period_adapters(masked)
    assert (found.period, found.medium, found.folder) == ("1930s", "speech", made)
    assert period_adapters(type(masked)(masked.model, masked.tokenizer, name="x")) == []


def test_made_adapter_is_known_by_recipe_and_base(made: Path, masked, monkeypatch) -> None:
    monkeypatch.setattr("kblib.adapters.period.find_model", lambda _: masked.folder)
    assert is_made(RECIPE, made)
    assert not is_made(replace(RECIPE, rank=2), made)
    assert not is_made(RECIPE, made.parent)


def test_corpus_of_another_training_is_refused(masked, newsreels, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="was not trained on corpus 'newsreels'"):
        make_adapter(
            RECIPE, newsreels.sample(300, seed=1), tmp_path / "x", lambda _: None, base=masked
        )


def test_films_add_up_to_the_whole(masked, newsreels, tmp_path: Path) -> None:
    """Where each film is whole blocks, the films' sums are what one scoring of each gives."""
    corpus = newsreels.filter(film=["SF1"])
    (found,) = score_films([masked.model], corpus, "film", masked.tokenizer, 16)
    blocks = TokenBlocks.pack(corpus, masked.tokenizer, tmp_path / "blocks")
    whole = score_masked(
        masked.model, blocks, masked.tokenizer, seq_len=16, mask_rate=MASK_RATE, seed=MASK_SEED
    )
    assert (found.n.tolist(), found.loss) == ([whole.n], pytest.approx(whole.loss))


def test_difference_by_hand() -> None:
    """Two films of 10 and 30 words, 2 and 3 nats less: 5 nats in 40 words."""
    n, right = np.array([10.0, 30.0]), np.array([1.0, 1.0])
    base = FilmScores(n, np.array([40.0, 90.0]), right)
    ours = FilmScores(n, np.array([38.0, 87.0]), right)
    found = difference(ours, base)
    assert found["gain_nats"] == pytest.approx(5 / 40)
    # Resamples hold twice the first (2/10), twice the second (3/30), or both.
    assert (found["gain_low"], found["gain_high"]) == pytest.approx((0.1, 0.2))


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.01, 0.03, "better than"), (-0.03, -0.01, "worse than"), (-0.01, 0.03, "cannot be told")],
)
def test_verdict_says_who_wins(low: float, high: float, said: str) -> None:
    scores = {"gain_nats": (low + high) / 2, "gain_low": low, "gain_high": high, "films": 30}
    assert said in verdict("1930s", scores)
