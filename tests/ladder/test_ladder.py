"""A ladder asked: one list for all, decades, the true word, and questions it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kblib.corpora import Corpus
from kblib.errors import ModelError
from kblib.ladder.ladder import Ladder
from kblib.ladder.periods import counted, decades_of
from kblib.ladder.rungs import ALL_YEARS
from kblib.ladder.word_counts import WordCounts
from kblib.models.training_split import TrainingSplit

NAMES = [
    "trigram, left", "5-gram, left", "5-gram, both sides", "masked model",
    "GPT, left", "GPT, whole sentence",
]  # fmt: skip
TEXT = "Kungen [MASK] Stockholm i dag, och båten ser inte."


def test_all_rungs_choose_from_one_list(ladder: Ladder) -> None:
    answer = ladder.ask(TEXT, answer="lämnar", k=100)
    assert [one.name for one in answer.answers] == NAMES
    lists = {tuple(sorted(word.word for word in one.best)) for one in answer.answers}
    assert len(lists) == 1
    for one in answer.answers:
        assert sum(word.share for word in one.best) == pytest.approx(1)


def test_candidates_are_the_frequent_words_of_the_training_part(ladder, masked, newsreels) -> None:
    train = TrainingSplit.of(masked.folder, newsreels).train
    assert ladder.candidates == WordCounts.of(train).most_frequent(30)
    assert ladder.about["train"] == train.fingerprint


def test_answer_is_always_among_the_candidates(ladder: Ladder) -> None:
    answer = ladder.ask(TEXT, answer="Mariestad")
    assert answer.provenance["candidates"] == 31
    assert all(one.truth.word == "Mariestad" for one in answer.answers)
    assert not answer.answers[0].truth.known


def test_rank_is_the_place_among_all(ladder: Ladder) -> None:
    answer = ladder.ask(TEXT, answer="lämnar", k=30)
    for one in answer.answers:
        assert one.best[one.truth.rank - 1] == one.truth
        shares = [word.share for word in one.best]
        assert shares == sorted(shares, reverse=True)


def test_answer_is_found_in_the_source_with_its_part(ladder, newsreels, masked) -> None:
    split = TrainingSplit.of(masked.folder, newsreels)
    text = next(split.test.texts())
    word = text.split()[1]
    answer = ladder.ask(text.replace(f" {word} ", " [MASK] ", 1))
    assert answer.truth == word
    assert answer.sources[0].part == "test"
    assert text in [one.text for one in answer.sources]


def test_decade_has_its_own_ngrams_and_says_what_the_others_read(ladder: Ladder) -> None:
    answer = ladder.ask(TEXT, decade="1940s")
    periods = {one.name: one.period for one in answer.answers}
    assert list(periods) == NAMES
    assert [periods[name] for name in NAMES[:3]] == ["1940s"] * 3
    assert [periods[name] for name in NAMES[3:]] == [ALL_YEARS] * 3
    assert [bool(one.caution) for one in answer.answers] == [False] * 3 + [True] * 3
    assert all(not one.caution for one in ladder.ask(TEXT).answers)


def test_ngrams_of_a_decade_read_that_decade_and_medium_only(ladder, masked, newsreels) -> None:
    train = TrainingSplit.of(masked.folder, newsreels).train
    decade = train.filter(years=(1940, 1949), medium="speech")
    (rung,) = (r for r in ladder.rungs if (r.name, r.period) == ("trigram, left", "1940s"))
    assert rung.model.about["corpus"]["fingerprint"] == decade.fingerprint
    assert (rung.read.first, rung.read.last) == (1945, 1945)


def test_decade_with_too_little_text_is_left_out_with_the_reason(newsreels: Corpus) -> None:
    found = {decade.name: decade for decade in decades_of(newsreels, "intertitle")}
    words = sum(len(text.split()) for text in newsreels.filter(medium="intertitle").texts())
    assert found["1920s"].n_words == words
    assert found["1920s"].why_not == (
        f"The 1920s have {words:,} words of intertitle; a model of its own needs 200,000."
    )
    assert not found["1920s"].enough


def test_corpus_without_years_has_no_decades(films: Corpus) -> None:
    assert decades_of(films, "speech") == []


def test_unknown_decade_is_refused_with_those_there_are(ladder: Ladder) -> None:
    with pytest.raises(ModelError) as caught:
        ladder.ask(TEXT, decade="1920s")
    assert str(caught.value) == (
        "There are no models of the decade '1920s'. There are: 1930s, 1940s.\n"
        '  ladder.ask(text, decade="1930s")'
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"candidates": []}, "There is no candidate"),
        ({"answer": "två ord"}, "The candidate 'två ord' is not one word"),
        ({"k": 0}, "k is 0"),
        ({"k": 2.5}, "k is 2.5"),
    ],
)
def test_impossible_questions_are_refused(ladder: Ladder, asked, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        ladder.ask(TEXT, **asked)


def test_sentence_longer_than_a_model_reads_is_refused(ladder: Ladder) -> None:
    with pytest.raises(ModelError, match="'tiny-masked' reads at most 64 at once"):
        ladder.ask("Kungen ser båten. " * 30 + TEXT)


def test_ladder_without_rungs_is_refused() -> None:
    with pytest.raises(ModelError, match="The ladder has no rungs"):
        Ladder((), ("kungen",))


def test_table_has_the_true_word_of_each_model(ladder: Ladder) -> None:
    table = ladder.ask(TEXT, answer="lämnar", k=2).table
    true = table[table["true"]]
    assert list(true["model"]) == NAMES
    assert set(true["word"]) == {"lämnar"}
    assert list(table.columns[:6]) == ["model", "period", "rank", "word", "share", "bits"]
    assert np.isfinite(true["bits"][true["axis"] != ""]).all()


def test_counted_model_is_kept_and_found_again(newsreels: Corpus, tmp_home: Path) -> None:
    first = counted(newsreels, 2)
    (folder,) = (tmp_home / "ngrams").iterdir()
    before = (folder / "manifest.json").stat().st_mtime_ns
    again = counted(newsreels, 2)
    assert (folder / "manifest.json").stat().st_mtime_ns == before
    assert again.log10_score("Kungen ser båten") == first.log10_score("Kungen ser båten")


def test_damaged_model_is_counted_again(newsreels: Corpus, tmp_home: Path) -> None:
    whole = counted(newsreels, 2).log10_score("Kungen")
    (folder,) = (tmp_home / "ngrams").iterdir()
    largest = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    largest.write_bytes(b"")
    assert counted(newsreels, 2).log10_score("Kungen") == whole
