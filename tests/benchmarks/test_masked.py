"""All guessers are asked for the same words, and films are told apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks import masked
from benchmarks.guessers import Answers, Hidden, ask_model, ask_ngrams
from benchmarks.outcome import BenchmarkError
from kblib.jobs.prepare import split_parts
from kblib.ngrams.kneser_ney import KneserNey
from kblib.training.scoring import MASK_RATE, MASK_SEED


@pytest.fixture
def hidden(data, job) -> Hidden:
    return Hidden.choose(data.test, data.tokenizer, job.seq_len, None)


def answers(name: str, ranks: list[int]) -> Answers:
    return Answers(name, np.zeros(len(ranks)), np.array(ranks))


def test_places_point_at_what_was_hidden(data, hidden: Hidden) -> None:
    stream = np.concatenate(list(data.test.stream()))
    assert stream[hidden.places].tolist() == hidden.masked.targets[hidden.asked].tolist()


def test_model_answers_as_its_full_forward_does(model, hidden: Hidden) -> None:
    found = ask_model(model, hidden)
    ranks, nats = [], []
    for inputs, positions, targets in zip(
        hidden.masked.input_ids, hidden.masked.positions, hidden.masked.targets, strict=True
    ):
        with torch.inference_mode():
            logits = model.model(torch.tensor([inputs.tolist()])).logits[0].double()
        for position, target in zip(positions, targets, strict=True):
            shares = logits[position].softmax(-1)
            ranks.append(int((shares > shares[target]).sum()))
            nats.append(float(-shares[target].log()))
    assert found.rank.tolist() == ranks
    assert found.nats == pytest.approx(nats, abs=1e-4)


def test_model_answers_count_as_the_library_scores(model, data, job, hidden: Hidden) -> None:
    found = ask_model(model, hidden)
    scores = model.accuracy(data.test, seed=MASK_SEED, mask_rate=MASK_RATE, seq_len=job.seq_len)
    assert scores.n == found.rank.size
    assert scores.loss == pytest.approx(found.nats.mean(), abs=1e-5)
    assert scores.top5 == found.right(5).mean()


def test_unigrams_guess_the_most_frequent_pieces(data, hidden: Hidden) -> None:
    begin_id, end_id = data.tokenizer.encode("")
    ids = np.concatenate(list(data.train.stream()))
    single = KneserNey.train(
        ids, order=1, vocab_size=data.tokenizer.vocab_size, begin_id=begin_id, end_id=end_id
    )
    found = ask_ngrams("unigrams", single, hidden, data.tokenizer, sides="left")
    counts = data.train.counts()
    counts[list(data.tokenizer.special_ids)] = -1
    best = set(np.argsort(-counts, kind="stable")[:5].tolist())
    targets = hidden.masked.targets[hidden.asked]
    assert found.right(5).tolist() == [int(target) in best for target in targets]


def test_films_are_those_of_the_documents(data, job, hidden: Hidden) -> None:
    film_of = [
        document.origin["film"]
        for document in split_parts(job)[2].documents()
        for _ in data.tokenizer.encode(document.text)
    ]
    found = masked.groups_of(hidden.places, data, job)
    assert found.tolist() == [film_of[place] for place in hidden.places]


def test_model_of_another_split_is_refused(model, job, data) -> None:
    with pytest.raises(BenchmarkError, match="It may have read the test part"):
        masked.open_model(str(model.folder), replace(job, seed=2), data)


def test_measure_tells_all_guessers_and_the_terms(monkeypatch, model, job) -> None:
    monkeypatch.setattr(masked, "mini_masked", lambda: job)
    monkeypatch.setattr(masked, "MODEL", str(model.folder))
    result = masked.measure().result
    names = ["small", "5-grams, both sides", "5-grams, left side only", "unigrams"]
    assert [row[0] for row in result.rows] == names
    assert job.corpus.fingerprint[:12] in result.note
    assert "small finds fewer than 5-grams" in result.note


def test_verdict_names_the_better_one_either_way() -> None:
    films = np.arange(200) % 50
    good, bad = answers("good", [0] * 200), answers("bad", [0, 9] * 100)
    assert masked.verdict(good, [bad], films).startswith("good finds more than bad, by 50.0%")
    assert masked.verdict(bad, [good], films).startswith("bad finds fewer than good, by 50.0%")


def test_verdict_leaves_a_small_difference_open() -> None:
    films = np.arange(40)
    one, two = answers("one", [0, 1] * 20), answers("two", [1, 0] * 20)
    assert "cannot be told apart" in masked.verdict(one, [two], films)
