"""Contrastive finetuning: its pairs, its loss by hand, the same twice, a folder that is used."""

from __future__ import annotations

import signal
from collections import Counter

import numpy as np
import pytest
import torch

from kblib.errors import LabelError
from kblib.fewshot.classifier import FewShotClassifier
from kblib.fewshot.contrastive import CosineObjective, contrast
from kblib.fewshot.contrastive_pairs import PairDraw
from kblib.fewshot.contrastive_recipe import Contrast
from kblib.jobs.predict_shard import predict
from kblib.models.build import build_masked
from kblib.models.folder import save_model
from kblib.models.masked import MaskedLM
from kblib.models.sentence_encoder import SentenceEncoder
from kblib.models.shape import ModelShape
from kblib.tokens.subwords import Tokenizer
from tests.fewshot.few_made import made_labels

FAST = Contrast(pairs_per_text=4, batch_size=8, learning_rate=3e-3, most_steps=24)


@pytest.fixture(scope="module")
def labels():
    return made_labels(36, films=6, clear=1.0)


@pytest.fixture(scope="module", params=["modernbert", "bert"])
def folder(request, labels, tmp_path_factory):
    """Give a random model of two layers."""
    tokenizer = Tokenizer.train(labels.rows["text"].to_list() * 2, vocab_size=200)
    shape = ModelShape(
        2, 2, 32, architecture=request.param, vocab_size=tokenizer.vocab_size, seq_len=24
    )
    return save_model(
        tmp_path_factory.mktemp("models") / request.param,
        model=build_masked(shape, seed=1),
        tokenizer=tokenizer,
        recipe={},
        scores={},
        card="# small\n",
        notice="From made sentences.\n",
    )


@pytest.fixture(scope="module")
def classifier(labels, folder):
    return FewShotClassifier.contrast(labels, folder, recipe=FAST, seed=5)


def test_pairs_are_what_they_say():
    labels = ["a"] * 6 + ["b"] * 3 + ["c"]
    draw = PairDraw(labels, batch_size=10, seed=1)
    seen = Counter()
    for step in range(200):
        pairs = draw.step(step)
        assert pairs.same.tolist() == [1] * 5 + [0] * 5
        for first, second, same in zip(pairs.first, pairs.second, pairs.same, strict=True):
            assert first != second
            assert (labels[first] == labels[second]) == bool(same)
            seen[labels[first] + labels[second]] += 1
    # Labels are drawn evenly, however many texts they have: 1,000 pairs of each kind.
    assert 430 < seen["aa"] < 570
    assert seen["cc"] == 0
    assert all(120 < seen[two] < 215 for two in ("ab", "ba", "ac", "ca", "bc", "cb"))


def test_pairs_of_a_step_depend_on_seed_and_step_alone():
    once, again = (PairDraw("aabb", batch_size=4, seed=3) for _ in range(2))
    again.step(0)
    assert once.step(7).first.tolist() == again.step(7).first.tolist()
    other = [PairDraw("aabb" * 9, batch_size=9, seed=one).step(7).first.tolist() for one in (3, 4)]
    assert other[0] != other[1]


@pytest.mark.parametrize("labels", [["a", "a"], ["a", "b"]])
def test_labels_without_pairs_are_refused(labels):
    with pytest.raises(LabelError, match="make no pairs"):
        PairDraw(labels, batch_size=4, seed=1)


def test_loss_is_the_squared_error_of_cosines(folder):
    model = MaskedLM.open(folder)
    rows = [model.tokenizer.encode(text) for text in ("regn och sol", "match nu", "kungen")]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    first, second, same = torch.tensor([0, 0]), torch.tensor([1, 2]), torch.tensor([1, 0])
    with torch.inference_mode():
        loss = CosineObjective(model.model)(ids, mask, first, second, same)
        vectors = [
            model.model.base_model(input_ids=torch.tensor([row]))[0][0].mean(0).numpy()
            for row in rows
        ]
    cosines = [
        float(vectors[0] @ one / np.linalg.norm(vectors[0]) / np.linalg.norm(one))
        for one in vectors[1:]
    ]
    assert float(loss) == pytest.approx(((cosines[0] - 1) ** 2 + cosines[1] ** 2) / 2, rel=1e-4)


def test_training_is_that_of_a_plain_loop(labels, folder):
    """Text by text, without padding, with torch's own AdamW and the rate by hand."""
    texts, names = (labels.rows[one].to_list() for one in ("text", "label"))
    recipe = Contrast(batch_size=4, most_steps=3, learning_rate=1e-3, warmup=0.5)
    made = contrast(MaskedLM.open(folder), texts, names, recipe, seed=2)
    plain = MaskedLM.open(folder)
    body = plain.model.base_model.train()
    groups = [
        [one for one in body.parameters() if (one.ndim > 1) == many] for many in (True, False)
    ]
    optimizer = torch.optim.AdamW(
        [{"params": groups[0], "weight_decay": 0.01}, {"params": groups[1], "weight_decay": 0.0}],
        betas=(0.9, 0.98),
        eps=1e-6,
    )
    draw, losses = PairDraw(names, batch_size=4, seed=2), []
    for step, rate in enumerate([0.5e-3, 1e-3, 1e-3]):
        vectors = {}
        pairs = draw.step(step)
        for place in {*pairs.first.tolist(), *pairs.second.tolist()}:
            ids = torch.tensor([plain.tokenizer.encode(texts[place])])
            vectors[place] = body(input_ids=ids)[0][0].mean(0)
        apart = [
            (torch.cosine_similarity(vectors[a], vectors[b], dim=0) - same) ** 2
            for a, b, same in zip(
                pairs.first.tolist(), pairs.second.tolist(), pairs.same.tolist(), strict=True
            )
        ]
        loss = torch.stack(apart).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(body.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert made.losses == pytest.approx(losses, rel=1e-4)
    ours = made.reader.model.base_model.state_dict()
    for name, value in body.state_dict().items():
        torch.testing.assert_close(ours[name], value, atol=2e-5, rtol=1e-3)


def test_texts_of_a_label_come_near_each_other(labels, folder, classifier):
    names = np.array(labels.rows["label"].to_list())
    alike = names[:, None] == names[None, :]
    gaps = []
    for encoder in (SentenceEncoder.open(folder), classifier.encoder):
        vectors = encoder.encode(labels.rows["text"].to_list())
        cosines = vectors @ vectors.T
        gaps.append(cosines[alike].mean() - cosines[~alike].mean())
    assert gaps[1] > gaps[0] + 0.2
    assert (classifier.predict(labels)["label"] == names).mean() > 0.9


def test_same_seed_gives_the_same_losses(labels, folder):
    texts, names = (labels.rows[one].to_list() for one in ("text", "label"))
    model = MaskedLM.open(folder)
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    recipe = Contrast(batch_size=4, most_steps=3)
    made = [contrast(model, texts, names, recipe, seed=seed) for seed in (1, 1, 2)]
    assert made[0].losses == made[1].losses
    assert made[0].losses != made[2].losses
    after = model.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_interrupt_keeps_what_was_learnt(labels, folder):
    texts, names = (labels.rows[one].to_list() for one in ("text", "label"))
    model, recipe = MaskedLM.open(folder), Contrast(batch_size=4, most_steps=9)
    before = signal.getsignal(signal.SIGINT)

    def interrupt(done: int, steps: int) -> None:
        if done == 2:
            signal.raise_signal(signal.SIGINT)

    made = contrast(model, texts, names, recipe, seed=1, progress=interrupt)
    assert made.interrupted
    assert made.losses == contrast(model, texts, names, recipe, seed=1).losses[:2]
    assert signal.getsignal(signal.SIGINT) is before


def test_interrupted_classifier_says_so(labels, folder):
    def interrupt(done: int, steps: int) -> None:
        signal.raise_signal(signal.SIGINT)

    found = FewShotClassifier.contrast(
        labels, folder, recipe=Contrast(most_steps=5), progress=interrupt
    )
    assert found.warnings[0] == "The finetuning was ended after 1 of 5 steps."
    assert found.predict(["regn"])["label"].notna().all()


def test_long_texts_are_cut_in_training_and_told(labels, folder):
    texts = ["regn " * 30, "sol", "match", "lag"]
    made = contrast(
        MaskedLM.open(folder), texts, ["a", "a", "b", "b"], Contrast(most_steps=1), seed=1
    )
    assert made.cut == 1


def test_text_that_holds_nothing_is_refused(labels, folder):
    with pytest.raises(LabelError, match=r"The text '\\u200b' holds nothing"):
        contrast(MaskedLM.open(folder), ["\u200b", "b", "c"], "aab", Contrast(), seed=1)


def test_saved_classifier_answers_the_same_and_so_does_its_copy(labels, classifier, tmp_path):
    before = classifier.predict(labels)
    once = FewShotClassifier.open(classifier.save(tmp_path / "once"))
    again = FewShotClassifier.open(once.save(tmp_path / "again"))
    assert once.predict(labels).equals(before)
    assert again.predict(labels).equals(before)


def test_encoder_is_a_model_folder_that_batches_read(labels, classifier, tmp_path):
    folder = classifier.save(tmp_path / "topics") / "encoder"
    assert (folder / "NOTICE").read_text(encoding="utf-8") == "From made sentences.\n"
    from kblib.jobs.predict import weights_of

    shard = labels.rows.select("id", "text").head(5)
    rows = predict(shard, model=str(folder), weights=weights_of(folder), task="vectors")
    found = np.array(rows["vector"].to_list())
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    vectors = classifier.encoder.encode(shard["text"].to_list())
    np.testing.assert_allclose(found, vectors, atol=1e-5)


@pytest.mark.parametrize(
    "numbers", [{"batch_size": 1}, {"learning_rate": 2.0}, {"most_steps": 1.5}, {"warmup": -0.1}]
)
def test_recipe_refuses_what_makes_no_sense(numbers):
    with pytest.raises(LabelError, match=f"{next(iter(numbers))} is"):
        Contrast(**numbers)


def test_steps_grow_with_texts_to_an_end():
    recipe = Contrast(pairs_per_text=10, batch_size=16, most_steps=300)
    assert [recipe.steps(n) for n in (8, 64, 512)] == [10, 80, 300]


def test_large_models_take_small_steps_unless_told():
    assert Contrast().rate_for(400_000_000) < Contrast().rate_for(5_000_000)
    assert Contrast(learning_rate=1e-3).rate_for(400_000_000) == 1e-3
