from __future__ import annotations

import random

import numpy as np
import pytest

from kblib.errors import IntegrityError, ModelError
from kblib.ngrams.language_model import NgramLM


@pytest.fixture(scope="module")
def texts():
    """Nine hundred texts over 700 words, so that a token takes two bytes."""
    draw = random.Random(5)
    words = [f"ord{n}" for n in range(700)]
    weights = [1 / (n + 1) for n in range(700)]
    return [" ".join(draw.choices(words, weights, k=draw.randint(0, 9))) for _ in range(900)]


@pytest.mark.parametrize("order", range(1, 7))
def test_an_opened_model_scores_as_the_saved_one(tmp_path, texts, order):
    model = NgramLM.train(texts, order=order)
    opened = NgramLM.open(model.save(tmp_path / "model"))
    new = [*texts[:50], "ord1 okänt ord2 ord1", ""]
    np.testing.assert_allclose(opened.log10_scores(new), model.log10_scores(new), atol=1e-5)
    assert opened.about == model.about
    assert opened.model.discounts == model.model.discounts
    assert opened.vocabulary.words.to_list() == model.vocabulary.words.to_list()


def test_probabilities_are_memory_mapped(tmp_path, texts):
    opened = NgramLM.open(NgramLM.train(texts, order=3).save(tmp_path / "model"))
    assert all(isinstance(probs, np.memmap) for probs in opened.model.probs)
    assert not opened.model.probs[2].flags.writeable


def test_contexts_with_hundreds_of_followers_are_kept(tmp_path):
    model = NgramLM.train([f"a ord{n}" for n in range(600)], order=2)
    opened = NgramLM.open(model.save(tmp_path / "model"))
    assert np.array_equal(opened.model.trie.tokens[1], model.model.trie.tokens[1])


def test_guesses_and_samples_are_those_of_the_saved_model(tmp_path, texts):
    model = NgramLM.train(texts, order=3)
    opened = NgramLM.open(model.save(tmp_path / "model"))
    assert opened.sample(5, seed=3) == model.sample(5, seed=3)
    assert opened.guess("ord1 [MASK] ord2").words == model.guess("ord1 [MASK] ord2").words


def test_a_pruned_model_is_smaller(tmp_path, texts):
    def size(name, **options):
        folder = NgramLM.train(texts, order=5, **options).save(tmp_path / name)
        return sum(path.stat().st_size for path in folder.iterdir())

    assert size("pruned", prune=(0, 0, 1)) < size("whole") / 2


def test_words_with_odd_characters_survive(tmp_path):
    words = ["a\u00a0b", "\u0085", "c\x0bd", "e\x0c", "\u2028", "\x1c", "😀"]
    opened = NgramLM.open(NgramLM.train([" ".join(words)], order=2).save(tmp_path / "model"))
    assert opened.vocabulary.words.to_list()[3:] == words


def test_a_folder_that_is_there_is_left_alone(tmp_path, texts):
    model = NgramLM.train(texts[:20], order=2)
    model.save(tmp_path / "model")
    with pytest.raises(FileExistsError):
        model.save(tmp_path / "model")
    model.save(tmp_path / "model", replace=True)


def test_a_cut_file_is_named(tmp_path, texts):
    folder = NgramLM.train(texts, order=3).save(tmp_path / "model")
    path = folder / "probs-3.bin"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(IntegrityError, match=r"probs-3\.bin has \d+ bytes"):
        NgramLM.open(folder)


def test_what_is_no_model_is_told(tmp_path):
    with pytest.raises(ModelError, match="There is no n-gram model at") as caught:
        NgramLM.open(tmp_path / "absent")
    assert "NgramLM.train(corpus, order=5).save(folder)" in str(caught.value)
