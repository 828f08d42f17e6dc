"""What is refused before anything is done."""

from __future__ import annotations

import polars as pl
import pytest

from kblib.errors import JobError, LabelError
from kblib.finetuning.here import recipe_of
from kblib.finetuning.material import Material
from kblib.labels import Labels, read_labels
from kblib.labels.parts import Parts
from tests.finetuning.labelled import first, sentences


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"method": "prefix"}, "method='prefix'"),
        ({"epochs": 0}, "epochs=0"),
        ({"steps": 1.5}, "steps=1.5"),
        ({"batch_size": True}, "batch_size=True"),
        ({"learning_rate": float("inf")}, "learning_rate=inf"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"rank": 0}, "rank=0"),
        ({"quantize": "int4"}, "quantize='int4'"),
        ({"balance": True}, "balance=True"),
        ({"seeds": ()}, "seeds=\\(\\)"),
        ({"seeds": (1, 1)}, "seeds=\\(1, 1\\)"),
        ({"seeds": "123"}, "seeds='123'"),
        ({"patience": 0}, "patience=0"),
    ],
)
def test_impossible_number_is_named(numbers: dict, said: str) -> None:
    with pytest.raises(JobError, match=said) as caught:
        recipe_of(numbers)
    assert "kb.Finetune(" in caught.value.next_step


def test_one_seed_may_be_a_number() -> None:
    assert recipe_of({"seeds": 7}).seeds == (7,)
    assert recipe_of({"seeds": range(3)}).seeds == (0, 1, 2)


def test_usual_rate_is_that_of_method_and_size() -> None:
    assert recipe_of({"method": "full"}).rate_for(5_000_000) == 5e-4
    assert recipe_of({"method": "full"}).rate_for(110_000_000) == 3e-5
    assert recipe_of({"learning_rate": 1e-5}).rate_for(1) == 1e-5


def labelled(rows: list[dict], **how) -> Labels:
    return read_labels(rows, **how)


def films(n: int, label=lambda number: "ab"[number % 2], text="text") -> list[dict]:
    return [
        {"text": f"{text} {number}", "label": label(number), "film": f"f{number // 2}"}
        for number in range(n)
    ]


def test_labels_are_split_by_their_groups_and_validated() -> None:
    made = Material.of(labelled(films(40)), valid=0.2)
    assert made.by == "film"
    groups = [set(part.rows["film"]) for part in made.parts.values()]
    assert len(groups) == 3
    assert not (groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2])


def test_split_by_time_validates_by_the_latest_years_before_the_test() -> None:
    rows = [
        {"text": f"text {n}", "label": "ab"[n % 2], "year": 1900 + n // 2, "film": f"f{n % 7}"}
        for n in range(60)
    ]
    parts = labelled(rows).split(test=0.2, time="year")
    made = Material.of(parts, valid=0.1)
    years = {name: set(part.rows["year"]) for name, part in made.parts.items()}
    assert years["test"] == {*range(1924, 1930)}
    assert years["valid"] == {1922, 1923}
    assert years["train"] == {*range(1900, 1922)}
    by_chance = Material.of(labelled(rows).split(test=0.2, by="year"), valid=0.1).parts
    assert min(by_chance["valid"].rows["year"]) < max(by_chance["train"].rows["year"])
    assert Material.of(parts, valid=0.0).valid is None


def test_too_few_groups_leave_no_validation_part_and_say_so() -> None:
    parts = labelled(films(8)).split(test=0.25)
    few = first(parts.train, 2)
    made = Material.of(Parts(Labels("x", pl.concat([few.rows] * 2).with_columns(
        id=pl.Series([f"n{n}" for n in range(4)])), few.labels, {}), parts.test, None, "film"),
        valid=0.2)  # fmt: skip
    assert made.valid is None
    assert any("nothing stops early" in warning for warning in made.warnings)


def test_one_label_is_refused() -> None:
    with pytest.raises(LabelError, match=r"Every label of .* is 'a'"):
        Material.of(labelled(films(40, lambda _: "a")), valid=0.1)
    with pytest.raises(LabelError, match="has the number 3"):
        Material.of(labelled(films(40, lambda _: 3), scale=True), valid=0.1)


def test_label_with_one_text_is_refused_by_name() -> None:
    parts = sentences()
    rows = parts.train.rows.with_columns(
        label=pl.Series(["sport", *["weather"] * (len(parts.train) - 1)])
    )
    lone = Labels("lone", rows, parts.train.labels, {})
    with pytest.raises(LabelError, match="too few texts of 'sport' \\(1\\)"):
        Material.of(Parts(lone, parts.test, parts.valid, "film"), valid=0.1)


def test_group_in_two_parts_is_refused_by_name() -> None:
    labels = labelled(films(40))
    cut = [
        Labels(n, labels.rows[a:b], labels.labels, {}) for n, a, b in (("x", 0, 31), ("y", 31, 40))
    ]
    with pytest.raises(LabelError, match="film 'f15' is in the train part and in the test part"):
        Material.of(Parts(cut[0], cut[1], None, "film"), valid=0.1)


def test_empty_text_is_refused_by_its_id() -> None:
    parts = sentences()
    rows = parts.test.rows.with_columns(text=pl.lit("  "))
    empty = Labels("empty", rows, parts.test.labels, {})
    with pytest.raises(LabelError, match="of 'empty' are empty; the first is 'sentences/"):
        Material.of(Parts(parts.train, empty, parts.valid, "film"), valid=0.1)


def test_parts_of_different_labels_are_refused() -> None:
    parts, other = sentences(), labelled(films(40)).split(test=0.2)
    with pytest.raises(LabelError, match="2 different lists of labels"):
        Material.of(Parts(parts.train, other.test, None, "film"), valid=0.1)


def test_what_is_no_labels_is_refused() -> None:
    with pytest.raises(LabelError, match="got a list"):
        Material.of([{"text": "a", "label": "b"}], valid=0.1)  # type: ignore[arg-type]
