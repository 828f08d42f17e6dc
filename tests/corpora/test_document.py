from __future__ import annotations

import dataclasses

import pytest

from kblib.corpora import Document


@pytest.mark.parametrize(
    ("date", "year"),
    [("1935", 1935), ("1935-04-12", 1935), ("", None), ("188", None), ("XXXX", None)],
)
def test_year_is_the_front_of_the_date(date, year):
    assert Document("a", "text", date=date).year == year


def test_document_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Document("a", "text").text = "other"
