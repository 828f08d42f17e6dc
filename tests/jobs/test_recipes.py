"""Recipes: jobs that can be planned, sized exactly as transformers builds their models."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest
import torch

from kblib import embedded
from kblib.corpora import Corpus
from kblib.errors import JobError
from kblib.jobs import recipes
from kblib.jobs.specs import Pretrain, check_ranks
from kblib.models.build import build_model
from kblib.models.shape import ModelShape

RECIPES: list[Callable[..., Pretrain]] = [
    recipes.neox_20b_continue,
    recipes.neox_20b_from_scratch,
    recipes.open_llama_7b_continue,
    recipes.open_llama_3b_continue,
    recipes.bert_base,
    recipes.bert_large,
    recipes.modernbert_base,
    recipes.mini_masked,
    recipes.mini_causal,
]
every_recipe = pytest.mark.parametrize("recipe", RECIPES, ids=lambda one: one.__name__)


@every_recipe
def test_parameters_are_those_of_transformers(
    recipe: Callable[..., Pretrain], films: Corpus
) -> None:
    shape = recipe(films).shape
    with torch.device("meta"):
        model = build_model(shape, seed=1)
    assert shape.parameters() == model.num_parameters()


@pytest.mark.parametrize(
    ("recipe", "published"),
    [
        (recipes.open_llama_7b_continue, 6_738_415_616),  # Touvron et al. (2023): 6.7 B
        (recipes.open_llama_3b_continue, 3_426_473_600),  # its model card: 3.43 B
        (recipes.modernbert_base, 149_655_232),  # Warner et al. (2024): 149 M
    ],
)
def test_parameters_are_those_published(
    recipe: Callable[..., Pretrain], published: int, films: Corpus
) -> None:
    assert recipe(films).shape.parameters() == published


@every_recipe
def test_recipe_says_its_source(recipe: Callable[..., Pretrain]) -> None:
    assert "References\n" in (inspect.getdoc(recipe) or "")


@pytest.mark.parametrize("recipe", RECIPES[:4] + RECIPES[6:7], ids=lambda one: one.__name__)
def test_batch_of_a_large_one_divides_among_24_nodes_of_four_gpus(
    recipe: Callable[..., Pretrain], films: Corpus
) -> None:
    check_ranks(recipe(films), 96)


@every_recipe
def test_another_length_takes_the_place_of_the_recipes(
    recipe: Callable[..., Pretrain], films: Corpus
) -> None:
    job = recipe(films, steps=5, seed=3)
    assert (job.steps, job.tokens, job.epochs, job.warmup_steps, job.seed) == (
        5,
        None,
        None,
        None,
        3,
    )


@every_recipe
def test_recipe_survives_its_dictionary(recipe: Callable[..., Pretrain], films: Corpus) -> None:
    job = recipe(films.save())
    assert Pretrain.from_dict(job.to_dict()).to_dict() == job.to_dict()


def test_batches_are_those_of_the_papers(films: Corpus) -> None:
    tokens = {r.__name__: r(films).batch_size * r(films).seq_len for r in RECIPES}
    assert tokens["neox_20b_continue"] == pytest.approx(1538 * 2048, rel=0.01)
    assert tokens["open_llama_7b_continue"] == pytest.approx(4e6, rel=0.02)
    assert tokens["bert_base"] == 131_072
    assert recipes.neox_20b_from_scratch(films).steps == 150_000


def test_mini_recipes_are_those_of_the_embedded_models(
    films: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_cleaned_newsreels", lambda: films)
    for name, recipe in (("masked", recipes.mini_masked), ("causal", recipes.mini_causal)):
        made = embedded.EMBEDDED[f"kb-mini-{name}"]()
        assert recipe(made.corpus, name=f"kb-mini-{name}").key == made.key


@every_recipe
def test_what_no_training_takes_is_refused(recipe: Callable[..., Pretrain], films: Corpus) -> None:
    with pytest.raises(JobError) as caught:
        recipe(films, learningrate=1e-4)
    assert str(caught.value).startswith("A recipe got 'learningrate', which no training takes.")
    assert str(caught.value).endswith("\n  Did you mean learning_rate=...?")
    assert recipe(films, replay=films, replay_share=0.2).sources[1].share == 0.2


def test_shape_that_is_not_the_models_is_refused_before_anything_runs(films: Corpus) -> None:
    """The catalog knows the shape; of a folder its config says it."""
    small = ModelShape(2, 2, 64, "gpt_neox", seq_len=2048)
    with pytest.raises(JobError) as caught:
        recipes.neox_20b_continue(films, shape=small)
    assert str(caught.value).startswith("Pretrain got the shape gpt_neox 2x64 of ")
    assert "which is gpt_neox 44x6144 of 20,554,567,680." in str(caught.value)
