"""Corpora besides a job's own: what may be said, what is kept, what is prepared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kblib.corpora import Corpus
from kblib.errors import JobError, TrainingError
from kblib.jobs.mixture import Source
from kblib.jobs.prepare import prepare, split_parts
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape


@pytest.fixture
def rain() -> Corpus:
    texts = [f"Regn över {place} i dag." for place in ("fjällen", "hamnen", "staden")] * 40
    return Corpus.from_texts(texts, name="rain", film=[f"R{n // 4}" for n in range(120)])


@pytest.fixture
def job(films: Corpus, tiny_shape: ModelShape, tmp_home: Path) -> Pretrain:
    return Pretrain(films, tiny_shape, steps=10, seq_len=16, batch_size=8)


def test_shares_add_up_and_the_rest_is_the_jobs_own(job: Pretrain, rain: Corpus) -> None:
    mixed = replace(job, mixture={"rain": (rain, 0.2), "films": (job.corpus, 0.1)})
    assert [one.name for one in mixed.sources] == ["corpus", "rain", "films"]
    assert [one.share for one in mixed.sources] == pytest.approx([0.7, 0.2, 0.1])
    assert job.sources == (Source("corpus", job.corpus, 1.0),)


def test_replay_is_short_for_a_mixture(job: Pretrain, rain: Corpus) -> None:
    short = replace(job, replay=rain, replay_share=0.25)
    assert short.sources == replace(job, mixture={"replay": (rain, 0.25)}).sources
    assert replace(short, steps=11).sources == short.sources
    other = replace(short, replay=job.corpus)
    assert other.sources[1:] == (Source("replay", job.corpus, 0.1),)


def test_mixture_and_monitor_survive_the_disk(job: Pretrain, rain: Corpus) -> None:
    asked = replace(job, replay=rain, monitor={"rain": rain}, isolate_documents=True)
    again = Pretrain.from_dict(asked.with_saved_corpus().to_dict())
    assert again.key == asked.key
    assert [(one.name, one.share) for one in again.sources] == [("corpus", 0.9), ("replay", 0.1)]
    assert list(again.monitored["rain"].texts()) == list(rain.texts())
    assert again.isolate_documents


def test_each_of_them_is_part_of_what_is_asked(job: Pretrain, rain: Corpus) -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"replay": rain},
        {"replay": rain, "replay_share": 0.2},
        {"monitor": {"rain": rain}},
        {"isolate_documents": True},
    ]
    assert len({replace(job, **change).key for change in changes}) == len(changes)


def test_job_without_them_says_nothing_of_them(job: Pretrain) -> None:
    later = {"mixture", "monitor", "isolate_documents", "sample_prompt"}
    assert not later & set(job.to_dict())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"replay_share": 1.0}, "The share of 'replay' is 1.0. A part of the blocks was expected"),
        ({"replay_share": 0.0001}, "The share of 'replay' is 0.0001. A part of the blocks"),
        ({"replay_share": "much"}, "The share of 'replay' is 'much'."),
        ({"replay": "films"}, "mixture names 'replay' for 'films'. A corpus was expected."),
        ({"mixture": "rain"}, "Pretrain got a str in mixture. Names, each with its corpus and"),
        ({"mixture": {"rain": 0.1}}, "Pretrain got a float in mixture."),
        ({"mixture": ["rain"]}, "Pretrain got a str in mixture."),
        ({"monitor": 7}, "Pretrain got a int in monitor. Names, each with its corpus, were"),
        ({"monitor": {"old": "films"}}, "monitor names 'old' for 'films'. A corpus was expected."),
        ({"isolate_documents": "yes"}, "Pretrain got isolate_documents='yes'. True or False"),
        ({"sample_prompt": "Kungen"}, "A modernbert was given sample_prompt='Kungen'."),
    ],
)
def test_what_cannot_be_meant_is_refused(
    job: Pretrain, rain: Corpus, change: dict[str, Any], said: str
) -> None:
    if "replay_share" in change:
        change = {"replay": rain, **change}
    with pytest.raises(JobError) as caught:
        replace(job, **change)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("name", ["corpus", "två ord", "1930", ""])
def test_name_that_is_none_is_refused(job: Pretrain, rain: Corpus, name: str) -> None:
    with pytest.raises(JobError, match=r"mixture has the name"):
        replace(job, mixture={name: (rain, 0.1)})


def test_mixture_that_leaves_nothing_is_refused(job: Pretrain, rain: Corpus) -> None:
    with pytest.raises(JobError) as caught:
        replace(job, mixture={"rain": (rain, 0.6), "more": (rain, 0.4)})
    assert str(caught.value) == (
        "The mixture takes 1 of the blocks: rain 0.6, more 0.4. "
        "Something must be left for the job's own corpus.\n"
        "  kb.Pretrain(corpus, shape, replay=old, replay_share=0.1)"
    )


# Prepared


def ids_of(blocks: Any) -> list[int]:
    return [int(index) for piece in blocks.stream() for index in piece]


def test_other_corpora_are_packed_with_the_jobs_own_tokenizer(job: Pretrain, rain: Corpus) -> None:
    plain = prepare(job)
    mixed = prepare(replace(job, replay=rain, monitor={"rain": rain}, valid=0.2, test=0.1))
    assert mixed.tokenizer.vocab_size == plain.tokenizer.vocab_size
    asked = replace(job, valid=0.2, test=0.1)
    train, valid, _ = split_parts(asked, rain)
    for blocks, part in ((mixed.others["replay"], train), (mixed.monitored["rain"], valid)):
        assert ids_of(blocks) == [i for text in part.texts() for i in mixed.tokenizer.encode(text)]


def test_what_is_monitored_is_never_trained_on(job: Pretrain, rain: Corpus) -> None:
    asked = replace(job, replay=rain, monitor={"rain": rain}, valid=0.2, test=0.1)
    train, valid, test = split_parts(asked, rain)
    films = [set(part.table["film"]) for part in (train, valid, test)]
    assert not films[0] & films[1] | films[0] & films[2]


def test_other_corpus_without_a_block_is_named(job: Pretrain) -> None:
    small = Corpus.from_texts(["Sol."] * 3, name="small")
    with pytest.raises(TrainingError, match=r"The valid part of corpus 'small' has \d+ tokens"):
        prepare(replace(job, monitor={"small": small}, valid=0.3, test=0.3))
