"""A model with new pieces: the old ones say what they said, the new ones begin as their mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

from kblib.corpora import Corpus
from kblib.errors import ModelError
from kblib.jobs.specs import Pretrain
from kblib.models.build import build_model
from kblib.models.extended import Extension, extend_model
from kblib.models.shape import ARCHITECTURES, ModelShape
from kblib.tokens.subwords import Tokenizer

NEW = 12


@pytest.fixture(scope="module", params=ARCHITECTURES)
def origin(
    request: pytest.FixtureRequest, films: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Give a small model of each layout that has cut its texts into letters so far."""
    folder = tmp_path_factory.mktemp("origin") / request.param
    masked = request.param in ("bert", "modernbert")
    kind: Any = "wordpiece" if masked else "bpe"
    tokenizer = Tokenizer.train(films, kind=kind, vocab_size=150 if masked else 270)
    shape = ModelShape(
        1, 2, 32, architecture=request.param, vocab_size=tokenizer.vocab_size, seq_len=64
    )
    build_model(shape, dropout=0.0, seed=5).save_pretrained(folder)
    tokenizer.save(folder)
    return folder


@pytest.fixture(scope="module")
def found(origin: Path, films: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Extension:
    to = tmp_path_factory.mktemp("extended") / "model"
    return extend_model(origin, films, new_pieces=NEW, to=to)


def opened(folder: Path, origin: Path) -> Any:
    masked = origin.name in ("bert", "modernbert")
    model_class: Any = AutoModelForMaskedLM if masked else AutoModelForCausalLM
    model, told = model_class.from_pretrained(folder, output_loading_info=True)
    assert not told["missing_keys"]
    return model.eval()


@torch.no_grad()
def test_old_pieces_have_equal_logits_in_plain_transformers(found: Extension, origin: Path) -> None:
    before, after = opened(origin, origin), opened(found.folder, origin)
    rows = before.config.vocab_size
    assert after.config.vocab_size == rows + NEW
    ids_BT = torch.randint(rows, (4, 16), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        after(ids_BT).logits[..., :rows], before(ids_BT).logits, rtol=1e-6, atol=1e-6
    )


@torch.no_grad()
def test_new_pieces_begin_as_the_mean_of_their_parts(found: Extension, origin: Path) -> None:
    """By hand, from the words of the table."""
    before, after = opened(origin, origin), opened(found.folder, origin)
    old = Tokenizer.open(origin)
    heads = [(one.get_output_embeddings()) for one in (before, after)]
    for row in found.table.itertuples():
        parts = [old.engine.token_to_id(part) for part in str(row.parts).split(" ")]
        mean = before.get_input_embeddings().weight[parts].mean(0)
        assert torch.allclose(after.get_input_embeddings().weight[row.id], mean)
        assert torch.allclose(heads[1].weight[row.id], heads[0].weight[parts].mean(0))
        if heads[0].bias is not None:
            assert torch.allclose(heads[1].bias[row.id], heads[0].bias[parts].mean())


def test_costs_are_told_by_decade(found: Extension, films: Corpus, origin: Path) -> None:
    tokenizer = Tokenizer.open(found.folder)
    tokens = sum(len(ids) for ids in tokenizer.encode_batch(list(films.texts()), special=False))
    whole = found.costs.by("all").iloc[0]
    assert whole["after"] == pytest.approx(tokens / films.n_words)
    assert whole["after"] < whole["before"]
    assert str(found) == (
        f"{NEW} new pieces: {whole['after']:.2f} tokens a word instead of {whole['before']:.2f}."
    )
    card = (found.folder / "README.md").read_text()
    for decade, row in found.costs.by("decade").iterrows():
        assert f"| {decade} | {row['before']:.2f} | {row['after']:.2f} |" in card
    assert found.provenance["fingerprint"] == films.fingerprint


def test_transformers_cuts_as_we_do(found: Extension, films: Corpus) -> None:
    theirs = AutoTokenizer.from_pretrained(found.folder)
    text = next(iter(films.texts()))
    assert theirs(text)["input_ids"] == Tokenizer.open(found.folder).encode(text)


def test_training_goes_on_from_it(found: Extension, films: Corpus, tmp_home: Path) -> None:
    job = Pretrain(films, continue_from=str(found.folder), steps=1, seq_len=16)
    assert job.shape.vocab_size == Tokenizer.open(found.folder).vocab_size


def test_folder_that_is_there_is_left(origin: Path, films: Corpus, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        extend_model(origin, films, new_pieces=5, to=tmp_path)


def test_model_that_is_not_here_is_named(films: Corpus, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        extend_model("nobody/nothing", films, new_pieces=5, to=tmp_path / "new")
