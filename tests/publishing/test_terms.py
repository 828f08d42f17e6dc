"""Licences and rights statements as people write them, and what they allow."""

from __future__ import annotations

import pytest

from kblib.publishing.terms import Terms, stricter_of, terms_of


@pytest.mark.parametrize(
    ("statement", "terms"),
    [
        ("CC0-1.0", Terms.FREE),
        ("https://creativecommons.org/publicdomain/zero/1.0/", Terms.FREE),
        ("http://creativecommons.org/publicdomain/mark/1.0/", Terms.FREE),
        ("PDM-owner", Terms.FREE),
        ("Public Domain", Terms.FREE),
        ("CC-BY-4.0", Terms.NAMED),
        ("CC BY 4.0", Terms.NAMED),
        ("https://creativecommons.org/licenses/by/4.0/deed.sv", Terms.NAMED),
        ("Apache-2.0", Terms.NAMED),
        ("MIT", Terms.NAMED),
        ("CC-BY-SA-4.0", Terms.ALIKE),
        ("CC-BY-NC-4.0", Terms.NOT_FOR_SALE),
        ("CC BY-NC-SA 4.0", Terms.NOT_FOR_SALE),
        ("CC BY NC 4.0", Terms.NOT_FOR_SALE),
        ("CC_BY_NC_ND", Terms.NOT_CHANGED),
        ("https://rightsstatements.org/vocab/NoC-NC/1.0/", Terms.NOT_FOR_SALE),
        ("CC-BY-ND-4.0", Terms.NOT_CHANGED),
        ("CC-BY-NC-ND-4.0", Terms.NOT_CHANGED),
        ("https://creativecommons.org/licenses/by-nc-nd/4.0/", Terms.NOT_CHANGED),
        ("http://rightsstatements.org/vocab/InC/1.0/", Terms.IN_COPYRIGHT),
        ("InC-OW-EU", Terms.IN_COPYRIGHT),
        ("In copyright", Terms.IN_COPYRIGHT),
        ("https://rightsstatements.org/page/UND/1.0/?language=en", Terms.NOT_STATED),
        ("none stated on the card", Terms.NOT_STATED),
        ("", Terms.NOT_STATED),
        ("  ", Terms.NOT_STATED),
        ("mittens allowed", Terms.UNKNOWN),
        ("incunable", Terms.UNKNOWN),
        ("only in the reading room", Terms.UNKNOWN),
    ],
)
def test_terms_of_a_statement(statement: str, terms: Terms) -> None:
    assert terms_of(statement) is terms


@pytest.mark.parametrize(
    ("licence", "rights", "terms"),
    [
        ("CC0-1.0", "", Terms.FREE),
        ("", "CC-BY-4.0", Terms.NAMED),
        ("CC0-1.0", "InC", Terms.IN_COPYRIGHT),
        ("CC-BY-NC-4.0", "CC-BY-4.0", Terms.NOT_FOR_SALE),
        ("CC-BY-4.0", "ask the archive", Terms.UNKNOWN),
        ("", "", Terms.NOT_STATED),
    ],
)
def test_the_stricter_of_both_columns_holds(licence: str, rights: str, terms: Terms) -> None:
    assert stricter_of(licence, rights) is terms


def test_what_may_leave() -> None:
    leave = [one for one in Terms if one.may_leave]
    assert leave == [Terms.FREE, Terms.NAMED, Terms.ALIKE, Terms.NOT_FOR_SALE]
