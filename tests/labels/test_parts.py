"""Splits of labelled texts: groups stay whole, equal texts too, or the latest are tested."""

from __future__ import annotations

import pytest

from kblib.corpora.parts import rank
from kblib.errors import LabelError
from kblib.labels import Labels, read_labels


def labels(**columns) -> Labels:
    n = len(next(iter(columns.values())))
    named = {"text": [f"text {at}" for at in range(n)], "label": ["a", "b"] * (n // 2), **columns}
    rows = [dict(zip(named, row, strict=True)) for row in zip(*named.values(), strict=True)]
    return read_labels(rows, name="films")


def test_films_are_in_one_part_each_and_every_text_is_in_one():
    some = labels(film=[f"film {n // 4}" for n in range(40)])
    parts = some.split(test=0.2, valid=0.1, seed=3)
    films = [set(part.table["film"]) for part in parts]
    assert [len(one) for one in films] == [7, 1, 2]
    assert len(set.union(*films)) == 10
    assert sum(len(part) for part in parts) == 40
    assert parts.by == "film"
    train, valid, test = parts
    assert (train, valid, test) == (parts.train, parts.valid, parts.test)
    assert parts.test.name == "films-test"
    assert parts.test.provenance["split"] == {
        "part": "test", "test": 0.2, "valid": 0.1, "by": "film", "time": None, "seed": 3
    }  # fmt: skip


def test_groups_are_ranked_as_in_a_corpus():
    some = labels(film=[f"film {n}" for n in range(10)])
    first = sorted({f"film {n}" for n in range(10)}, key=lambda film: rank(5, film))[:2]
    assert set(some.split(test=0.2, seed=5).test.table["film"]) == set(first)
    assert some.split(seed=5).test.table.equals(some.split(seed=5).test.table)


def test_equal_texts_stay_together_where_nothing_else_is_known():
    some = labels(text=[f"text {n // 2}" for n in range(20)])
    train, test = some.split(test=0.3)
    assert not set(train.table["text"]) & set(test.table["text"])


def test_names_of_labels_are_the_same_in_all_parts_and_one_that_is_missing_is_told():
    some = labels(label=["a"] * 8 + ["b", "b"], year=list(range(1900, 1910)))
    parts = some.split(test=0.2, time="year")
    assert parts.train.labels == parts.test.labels == ("a", "b")
    assert parts.warnings == ("'b' is not in the train part.", "'a' is not in the test part.")
    assert parts.table.to_dict("list") == {"label": ["a", "b"], "train": [8, 0], "test": [0, 2]}
    assert "'films' split by year: train 8, test 2" in repr(parts)


def test_points_of_a_scale_are_told_for_each_part():
    rows = [{"text": f"text {n}", "label": n / 2, "year": 1900 + n} for n in range(10)]
    parts = read_labels(rows, scale=True).split(test=0.2, time="year")
    assert parts.table.to_numpy().tolist() == [
        ["train", 8, 0, 1.75, 3.5],
        ["test", 2, 4, 4.25, 4.5],
    ]
    assert parts.warnings == ()


def test_texts_that_stand_on_both_sides_are_told():
    some = labels(text=["same"] * 10, id=[str(n) for n in range(10)])
    assert "2 of 2 texts to test stand in train as well." in some.split(by="id").warnings


def test_latest_years_are_tested_whole_and_those_before_validate():
    some = labels(year=[1900 + n // 3 for n in range(30)])
    parts = some.split(test=0.2, valid=0.1, time="year")
    assert set(parts.test.table["year"]) == {1908, 1909}
    assert set(parts.valid.table["year"]) == {1907}
    assert parts.train.table["year"].max() == 1906


def test_times_of_a_file_are_text_and_in_the_order_of_time_all_the_same():
    by_number = labels(number=[str(n + 1) for n in range(12)]).split(test=0.2, time="number")
    assert set(by_number.test.table["number"]) == {"11", "12"}
    days = [f"1914-{n:02}-05" for n in range(1, 10)] + ["1913"]
    assert set(labels(day=days).split(test=0.2, time="day").test.table["day"]) == {*days[7:9]}
    with pytest.raises(LabelError, match=r"A day is '1/9/1914', and what is later than that"):
        labels(day=["1/9/1914", "2/9/1914"] * 5).split(time="day")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"test": 0}, "test=0 and valid=0.0 leave no train part or no test part."),
        ({"by": "issue"}, "The labels have no column 'issue'."),
        ({"by": "film", "time": "year"}, "by='film' and time='year' were both given."),
        ({"by": "label"}, "There are 2 different values of 'label', too few to split."),
        ({"time": "year"}, "1 of 10 texts have no year."),
    ],
)
def test_split_that_cannot_be_made_is_refused(asked, said):
    some = labels(film=list("abcdefghij"), year=[*range(1900, 1909), None])
    with pytest.raises(LabelError) as error:
        some.split(**{"valid": 0.3 if asked.get("by") == "label" else 0.0, **asked})
    assert said in str(error.value)


def test_many_labels_that_a_part_lacks_are_counted():
    some = labels(label=[f"label {n}" for n in range(10)], film=[f"film {n}" for n in range(10)])
    (train, test) = some.split(test=0.4).warnings
    assert train.startswith("4 labels are not in the train part: label ")
    assert test.startswith("6 labels are not in the test part: label ")


def test_versions_of_one_text_in_two_parts_are_told():
    said = "Barnen är ett lands framtid och desto bättre uppfostrade {} bättre blir landet"
    texts = [said.format(f"barn {n}") for n in range(3)] + [f"kort text {n}" for n in range(7)]
    some = labels(text=texts, film=[f"film {n}" for n in range(10)])
    parts = [some.split(test=0.5, seed=seed) for seed in range(12)]
    for one in parts:
        versions = ["barn" in text for part in (one.train, one.test) for text in part.rows["text"]]
        told = [note for note in one.warnings if "8 words in a row" in note]
        assert bool(told) == (any(versions[:5]) and any(versions[5:]))
    assert any("8 words in a row" in note for one in parts for note in one.warnings)
