"""The experiment on forgetting: what each run is asked, and how losses are held to the margin."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import replay
from benchmarks.replay import MARGIN, SHARE, Measured, missed, new_job, old_job, row
from kblib.corpora import Corpus
from kblib.models.build import build_model
from kblib.models.folder import save_model
from kblib.tokens.subwords import Tokenizer


@pytest.fixture
def found() -> list[Measured]:
    return [
        Measured(4.0, alone=(4.5, 3.0), replayed=(4.1, 3.2)),
        Measured(5.0, alone=(5.25, 3.5), replayed=(5.05, 3.3)),
    ]


def test_row_holds_means_and_the_extreme_rises(found: list[Measured]) -> None:
    cells = row("without replay", found, [one.alone for one in found])
    assert cells == ["without replay", 4.5, 4.875, 0.375, 0.25, 0.5, 3.25]
    assert len(cells) == len(replay._COLUMNS)


def test_every_seed_is_held_to_the_margin(found: list[Measured]) -> None:
    assert missed(found) == ()
    lost = replace(found[0], replayed=(4.0 + MARGIN + 0.01, 3.2))
    assert missed([lost, found[1]]) == (
        f"With replay the loss on speech rose by more than {MARGIN} nats.",
    )
    kept = replace(found[1], alone=(5.0 + MARGIN - 0.01, 3.5))
    (said,) = missed([found[0], kept])
    assert "nothing is shown" in said


def test_runs_differ_in_what_they_read_alone(films: Corpus, tmp_path, monkeypatch) -> None:
    old = old_job(films, seed=2, steps=40)
    folder = tmp_path / "model"
    small = replace(old.shape, vocab_size=300)
    tokenizer = Tokenizer.train(films, kind="bpe", vocab_size=300)
    save_model(
        folder, model=build_model(small, seed=1), tokenizer=tokenizer, recipe={}, scores={}, card=""
    )
    new = new_job(films, films, str(folder), seed=2, steps=10)
    assert new.shape == small
    assert (new.seed, new.seq_len, new.batch_size) == (old.seed, old.seq_len, old.batch_size)
    mixed = replace(new, replay=films, replay_share=SHARE)
    said = new.to_dict() | {"mixture": mixed.to_dict()["mixture"]}
    assert mixed.to_dict() == said
