"""Example labels: what they are made of, and that nothing leaks from one part into another."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest

from kblib.corpora import Corpus
from kblib.errors import LabelError
from kblib.labels import Labels
from kblib.labels.given import version_of
from kblib.tasks import topics
from kblib.tasks.asked import example_labels
from kblib.tasks.listed import TASKS
from kblib.tasks.material import balanced
from kblib.tasks.order import moved
from kblib.tasks.tokens import LABELS, stripped
from tests.tasks.made_cues import made_cues

MADE = [name for name in TASKS if name != "topics"]


@pytest.fixture(scope="module")
def cues():
    return made_cues()


@pytest.fixture(scope="module")
def made(cues) -> dict[str, Labels]:
    return {name: example_labels(name, corpus=cues, texts=200) for name in MADE}


@pytest.mark.parametrize("name", MADE)
def test_no_film_is_in_two_parts_and_no_text_is_there_twice(made, name):
    check_leaks(made[name])


def check_leaks(labels: Labels) -> None:
    """Films are told apart by their names: a group of two films is both of them."""
    columns = [one for one in ("text", "text_pair") if one in labels.rows.columns]
    texts = [text for one in columns for text in labels.rows[one]]
    assert len(set(texts)) == len(texts)
    parts = labels.split(test=0.3, valid=0.2, seed=2)
    assert parts.by == "film"
    films = [{film for group in part.rows["film"] for film in group.split("+")} for part in parts]
    assert all(films)
    assert sum(len(one) for one in films) == len(set.union(*films))
    assert not any("stand in train" in one for one in parts.warnings)


@pytest.mark.parametrize("name", MADE)
def test_same_seed_draws_the_same_texts_and_another_seed_others(cues, made, name):
    again = example_labels(name, corpus=cues, texts=200)
    assert again.rows.equals(made[name].rows)
    other = example_labels(name, corpus=cues, texts=100, seed=2)
    assert other.provenance["fingerprint"] != made[name].provenance["fingerprint"]


@pytest.mark.parametrize("name", ["sentences", "collections", "correctness", "relation"])
def test_labels_come_in_equal_numbers(made, name):
    counts = made[name].counts
    assert counts["label"].tolist() == list(TASKS[name].labels)
    assert counts["count"].max() - counts["count"].min() <= 1


def test_windows_tell_neither_length_nor_case_nor_decade(made):
    rows = made["sentences"].rows
    assert {len(text.split()) for text in rows["text"]} == {20}
    assert all(text == text.lower() and "," not in text for text in rows["text"])
    decades = Counter((row["label"], row["year"] // 10) for row in rows.iter_rows(named=True))
    for (label, decade), n in decades.items():
        other = "speech" if label == "intertitle" else "intertitle"
        assert decades[other, decade] == n


def test_words_and_their_labels_give_the_text_back():
    text = "Kungen, som ni ser, reser i dag: heja! Och TV är 25-årig?"
    row = stripped(text)
    said = [
        (word.capitalize() if label.startswith("cap") else word) + label[3:]
        for word, label in zip(row["tokens"], row["label"], strict=True)
    ]
    assert " ".join(said) == "Kungen, som ni ser, reser i dag, heja. Och Tv är 25-årig?"
    assert set(row["label"]) <= set(LABELS)
    assert row["text"] == "kungen som ni ser reser i dag heja och tv är 25-årig"
    assert stripped('"Ja" - sa (han)')["tokens"] == ["ja", "sa", "han"]


def test_moved_word_leaves_the_words_and_changes_their_order():
    for seed in range(50):
        words = ["a", "b", "a", "c", "d", "a", "e"]
        found = moved(words, random.Random(seed))
        assert sorted(found) == sorted(words)
        assert found != words
    assert moved(["ja", "ja", "ja"], random.Random(1)) == ["ja", "ja", "ja"]


def test_sentences_of_both_orders_are_of_the_corpus(cues, made):
    said = {
        tuple(sorted(text.lower().replace(",", "").strip(".").split())) for text in cues.texts()
    }
    for row in made["correctness"].rows.iter_rows(named=True):
        assert tuple(sorted(row["text"].split())) in said
    whole = {text.lower().replace(",", "").strip(".") for text in cues.texts()}
    for row in made["correctness"].rows.iter_rows(named=True):
        assert (row["text"] in whole) == (row["label"] == "as said")


def test_pairs_of_both_labels_have_the_same_texts(cues, made):
    following = dict(zip(cues.texts(), list(cues.texts())[1:], strict=False))
    rows = made["relation"].rows
    films = {row["text"]: row["film"] for row in cues.table.to_dict("records")}
    for row in rows.iter_rows(named=True):
        one, other = films[row["text"]], films[row["text_pair"]]
        assert {one, other} <= set(row["film"].split("+"))
        assert (one == other) == (row["label"] == "next")
        assert (following[row["text"]] == row["text_pair"]) == (row["label"] == "next")


def test_draw_is_equal_in_each_stratum_and_takes_what_the_rarest_has():
    rows = [{"id": str(n), "text": f"text {n}", "label": "ab"[n % 3 == 0], "year": 1930 + n % 20}
            for n in range(300)]  # fmt: skip
    drawn = balanced(rows, "ab", 1_000, 1)
    counts = Counter((row["label"], row["year"] // 10) for row in drawn)
    rare = Counter(row["year"] // 10 for row in rows if row["label"] == "b")
    assert counts == {(label, decade): n for decade, n in rare.items() for label in "ab"}
    assert len(balanced(rows, "ab", 40, 1)) == 40
    assert balanced(rows, "abc", 40, 1) == []


def test_unknown_task_and_unfit_corpus_are_refused_in_words(cues):
    with pytest.raises(LabelError) as error:
        example_labels("sentence", corpus=cues)
    assert str(error.value) == (
        "There are no example labels 'sentence'. There are: tokens, sentences, collections, "
        'correctness, relation, topics.\n  Did you mean kb.example_labels("sentences")?'
    )
    with pytest.raises(LabelError, match="texts is 0"):
        example_labels("tokens", corpus=cues, texts=0)
    plain = cues.filter(medium="speech")
    with pytest.raises(LabelError, match="has no text that example labels 'sentences'"):
        example_labels("sentences", corpus=plain)
    with pytest.raises(LabelError, match="has no column 'film', which this task is made from"):
        example_labels("tokens", corpus=Corpus.from_texts(["Kungen reser."]))
    with pytest.raises(LabelError, match="is not in this corpus"):
        example_labels("topics", corpus=cues)


def test_topics_follow_one_guideline_and_hold_no_text():
    lines = [
        json.loads(line)
        for name in (topics.FIRST, topics.AGAIN)
        for line in (topics.folder() / name).read_text(encoding="utf-8").splitlines()
    ]
    assert {line["version"] for line in lines} == {version_of(topics.guideline())}
    assert {line["label"] for line in lines} <= {*topics.LABELS, "unsure"}
    assert all(f"**{label}**" in topics.guideline() for label in topics.LABELS)
    assert {"text"} & set().union(*lines) == set()


def test_second_reading_is_compared_with_the_first():
    pairs = topics.read_twice()
    assert len(pairs) == 60
    equal = sum(one == other for one, other in pairs) / len(pairs)
    totals = Counter(label for pair in pairs for label in pair)
    n = totals.total()
    chance = sum(count * (count - 1) for count in totals.values()) / (n * (n - 1))
    assert topics.agreement() == pytest.approx((equal - chance) / (1 - chance))


@pytest.mark.slow
@pytest.mark.parametrize("name", list(TASKS))
def test_real_newsreels_make_every_task_without_a_leak(name):
    labels = example_labels(name)
    if name == "topics":
        assert set(labels.rows["label"]) == set(topics.LABELS)
        assert labels.provenance["guideline"] == topics.guideline()
    else:
        assert len(labels) > 2_800
        check_leaks(labels)


@pytest.mark.slow
def test_table_of_tasks_is_true_and_fits_a_terminal():
    found = example_labels(texts=300)
    assert found.table["name"].tolist() == list(TASKS)
    assert "Krippendorff's alpha" in found.table["caveat"].iloc[-1]
    assert max(map(len, repr(found).splitlines())) <= 100
    assert "sentences: sentences: spoken or shown; 300 texts of" in repr(found)
    labels = example_labels("relation", texts=300)
    row = found.rows.filter(name="relation").row(0, named=True)
    assert (row["texts"], row["films"]) == (len(labels), labels.rows["film"].n_unique())
