from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from kblib import settings
from kblib.corpora import Corpus
from kblib.errors import IntegrityError, TrainingError
from kblib.files import MANIFEST, sealed_folder
from kblib.jobs.prepare import PARTS, prepare, split_parts
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer


@pytest.fixture
def job(films: Corpus, tiny_shape: ModelShape, tmp_home: Path) -> Pretrain:
    return Pretrain(films, tiny_shape, steps=1, seq_len=16, batch_size=8, valid=0.1, test=0.1)


def times(folder: Path) -> dict[str, int]:
    """Return when each file was last written."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file()
    }


# The split


def test_no_film_is_in_two_parts(job: Pretrain) -> None:
    films = [set(part.table["film"]) for part in split_parts(job)]
    assert [len(one) for one in films] == [32, 4, 4]
    assert not films[0] & films[1]
    assert not films[0] & films[2]
    assert not films[1] & films[2]


def test_parts_together_are_the_corpus(job: Pretrain) -> None:
    ids = [one for part in split_parts(job) for one in part.table["id"]]
    assert sorted(ids) == sorted(job.corpus.table["id"])


def test_another_seed_splits_otherwise(job: Pretrain) -> None:
    tests = [set(split_parts(replace(job, seed=seed))[2].table["film"]) for seed in (1, 2)]
    assert tests[0] != tests[1]


# Tokenizer and blocks


def test_tokenizer_saw_the_training_part_only(job: Pretrain) -> None:
    """Every film has a letter of its own; which films are held out depends on their names alone."""
    numbers = [int(name.removeprefix("SF")) for name in job.corpus.table["film"]]
    marked = [
        f"{text} {chr(0x4E00 + number) * 2}"
        for text, number in zip(job.corpus.texts(), numbers, strict=True)
    ]
    own = Corpus.from_texts(marked, name="marked", film=list(job.corpus.table["film"]))
    larger = replace(job.shape, vocab_size=600)
    prepared = prepare(replace(job, corpus=own, shape=larger))
    train, *others = split_parts(replace(job, corpus=own))
    known = {piece for piece in prepared.tokenizer.engine.get_vocab() if piece >= "\u4e00"}
    assert {piece[0] for piece in known} == {text[-1] for text in train.texts()}
    for part in others:
        for text in part.texts():
            assert prepared.tokenizer.unknown_id in prepared.tokenizer.encode(text)


@pytest.mark.parametrize("number", range(3), ids=PARTS)
def test_blocks_hold_each_part_in_its_order(job: Pretrain, number: int) -> None:
    prepared = prepare(job)
    blocks: TokenBlocks = (prepared.train, prepared.valid, prepared.test)[number]
    texts = split_parts(job)[number].texts()
    expected = [index for text in texts for index in prepared.tokenizer.encode(text)]
    found = [int(index) for piece in blocks.stream() for index in piece]
    assert found == expected


def test_masked_models_read_wordpiece_and_causal_ones_bpe(job: Pretrain) -> None:
    causal = replace(job.shape, architecture="gpt_neox", n_inner=None)
    assert prepare(job).tokenizer.kind == "wordpiece"
    assert prepare(replace(job, shape=causal)).tokenizer.kind == "bpe"


def test_held_out_parts_are_scored_as_the_job_asks(job: Pretrain) -> None:
    prepared = prepare(job)
    held_out = prepared.held_out("test", job, most_blocks=7)
    assert (held_out.blocks, held_out.objective) == (prepared.test, "masked")
    assert (held_out.seq_len, held_out.most_blocks) == (16, 7)


# Found again


def test_second_call_makes_nothing_new(job: Pretrain) -> None:
    first = prepare(job)
    before = times(first.folder)
    second = prepare(job)
    assert second.folder == first.folder
    assert times(second.folder) == before


@pytest.mark.parametrize(
    "same", [{"steps": 99}, {"learning_rate": 1.0}, {"seq_len": 8}, {"name": "other"}]
)
def test_numbers_that_decide_no_ids_share_the_blocks(job: Pretrain, same: dict[str, int]) -> None:
    assert prepare(replace(job, **same)).folder == prepare(job).folder


@pytest.mark.parametrize("other", [{"seed": 2}, {"test": 0.2}, {"split_by": "id"}])
def test_another_split_has_blocks_of_its_own(job: Pretrain, other: dict[str, int]) -> None:
    assert prepare(replace(job, **other)).folder != prepare(job).folder


def test_another_vocabulary_has_blocks_of_its_own(job: Pretrain) -> None:
    smaller = replace(job.shape, vocab_size=120)
    assert prepare(replace(job, shape=smaller)).folder != prepare(job).folder


def test_equal_texts_with_other_films_have_blocks_of_their_own(job: Pretrain) -> None:
    turned = Corpus.from_texts(
        list(job.corpus.texts()), name="films", film=list(job.corpus.table["film"])[::-1]
    )
    assert prepare(replace(job, corpus=turned)).folder != prepare(job).folder


@pytest.mark.parametrize("lost", ["tokenizer", "train", "valid", "test"])
def test_part_that_is_missing_is_made_again_with_equal_bytes(job: Pretrain, lost: str) -> None:
    folder = prepare(job).folder
    before = {path.name: path.read_bytes() for path in (folder / lost).iterdir()}
    shutil.rmtree(folder / lost)
    prepare(job)
    after = {path.name: path.read_bytes() for path in (folder / lost).iterdir()}
    assert after == before


def test_blocks_of_another_tokenizer_are_refused(job: Pretrain) -> None:
    prepared = prepare(job)
    other = Tokenizer.train(["sol och regn och snö"] * 9, vocab_size=60)
    shutil.rmtree(prepared.folder / "tokenizer")
    with sealed_folder(prepared.folder / "tokenizer", {}) as aside:
        other.save(aside)
    with pytest.raises(IntegrityError) as caught:
        prepare(job)
    assert str(caught.value) == (
        f"{prepared.folder}/train was packed with tokenizer {prepared.tokenizer.fingerprint[:12]}. "
        f"The one beside it is {other.fingerprint[:12]}.\n"
        f"  It is made again when it is gone: rm -r {prepared.folder}/train"
    )


def test_blocks_of_other_texts_are_refused(job: Pretrain) -> None:
    prepared = prepare(job)
    train, _, test = split_parts(job)
    for name in ("valid", "test"):
        shutil.rmtree(prepared.folder / name)
    TokenBlocks.pack(train, prepared.tokenizer, prepared.folder / "test")
    with pytest.raises(IntegrityError) as caught:
        prepare(job)  # must make the valid part, so it works out all of them
    assert str(caught.value) == (
        f"{prepared.folder}/test was packed from texts {train.fingerprint[:12]}. "
        f"This part of corpus 'films-test' is {test.fingerprint[:12]}.\n"
        f"  It is made again when it is gone: rm -r {prepared.folder}/test"
    )


@pytest.mark.parametrize("damaged", ["tokenizer", "valid"])
def test_damaged_part_is_named_with_the_way_to_get_it_back(job: Pretrain, damaged: str) -> None:
    folder = prepare(job).folder / damaged
    next(path for path in sorted(folder.iterdir()) if path.name != MANIFEST).write_bytes(b"")
    with pytest.raises(IntegrityError) as caught:
        prepare(job)
    assert str(caught.value).endswith(f"  It is made again when it is gone: rm -r {folder}")
    shutil.rmtree(folder)
    prepare(job)


def test_half_a_preparation_is_not_taken_for_a_whole_one(job: Pretrain) -> None:
    """What a killed process leaves beside the place of each folder is passed over."""
    folder = prepare(job).folder
    shutil.rmtree(folder / "tokenizer")
    half = folder / ".tokenizer.a1b2"
    half.mkdir()
    (half / "tokenizer.json").write_text("{")
    assert prepare(job).tokenizer.vocab_size > 100


def test_two_runs_that_prepare_the_same_at_once_agree(job: Pretrain) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(prepare, [job] * 4))
    assert len({one.folder for one in found}) == 1
    assert len({one.tokenizer.fingerprint for one in found}) == 1
    assert {one.train.n_tokens for one in found} == {prepare(job).train.n_tokens}
    assert not [path for path in found[0].folder.iterdir() if path.name.startswith(".")]


def test_blocks_lie_below_the_home(job: Pretrain) -> None:
    assert prepare(job).folder.parent == settings.home() / "tokens"


# Too little text


@pytest.fixture
def short(tiny_shape: ModelShape, tmp_home: Path) -> Pretrain:
    corpus = Corpus.from_texts(["sol och regn"] * 30 + ["sol"], name="short")
    return Pretrain(corpus, tiny_shape, steps=1, seq_len=16, test=0.2)


def test_part_without_a_single_block_is_refused(short: Pretrain) -> None:
    valid = split_parts(short)[1]
    with pytest.raises(TrainingError) as caught:
        prepare(short)
    (n_tokens,) = [int(word) for word in str(caught.value).split() if word.isdigit()][:1]
    assert n_tokens < 16
    assert len(valid) == 1
    assert str(caught.value) == (
        f"The valid part of corpus 'short' has {n_tokens} tokens. "
        "At least one block of 16 was expected; the corpus was split by 'id' into parts for "
        "training, validation (0.03) and test (0.2).\n"
        "  Use more text, larger shares (valid=0.1, test=0.1), or a smaller seq_len."
    )
