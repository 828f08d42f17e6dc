"""What a licence or a rights statement lets one do with weights that were derived from a text.

A policy, to be agreed with whoever holds the rights, not law. In the European Union a library may
train on what it holds (Directive (EU) 2019/790, articles 3 and 4); that the weights may leave it is
said nowhere. So they leave where each text's own terms allow something derived from it to be
passed on, or where somebody answers for an agreement.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Terms(StrEnum):
    """Under what something derived from a text may be passed on; the strictest is the last."""

    FREE = "free"
    NAMED = "name the source"
    ALIKE = "under the same terms"
    NOT_FOR_SALE = "not for sale"
    NOT_STATED = "not stated"
    UNKNOWN = "not known here"
    NOT_CHANGED = "nothing derived from it"
    IN_COPYRIGHT = "in copyright"

    @property
    def may_leave(self) -> bool:
        """Whether what was derived from such a text may leave the house."""
        return self in (Terms.FREE, Terms.NAMED, Terms.ALIKE, Terms.NOT_FOR_SALE)

    @property
    def strictness(self) -> int:
        """Its place in the order; of two terms the one with the higher holds."""
        return list(Terms).index(self)


_KNOWN = (
    (r"cc0|pdm|public domain|noc-(us|oklr)", Terms.FREE),
    (r"cc-by(-nc)?-nd", Terms.NOT_CHANGED),
    (r"cc-by-nc|noc-nc", Terms.NOT_FOR_SALE),
    (r"cc-by-sa|odbl", Terms.ALIKE),
    (r"(cc-by|apache|mit|bsd|odc-by)\b", Terms.NAMED),
    (r"inc\b|in copyright|all rights reserved", Terms.IN_COPYRIGHT),
    (r"und\b|cne\b|none stated", Terms.NOT_STATED),
)
"""How a statement begins: SPDX's names of licences (spdx.org/licenses), Creative Commons' addresses
written as these, and the ends of the addresses of rightsstatements.org."""
_CC = re.compile(r"https?://creativecommons\.org/licenses/([a-z-]+)/([0-9.]+).*")
_CC_FREE = re.compile(r"https?://creativecommons\.org/publicdomain/(zero|mark)/.*")
_GAPS = re.compile(r"[\s_-]+")
_STATEMENT = re.compile(r"https?://rightsstatements\.org/(?:vocab|page)/([A-Za-z-]+)/.*")


def terms_of(statement: str) -> Terms:
    """Return the terms of one licence or rights statement.

    Examples
    --------
    >>> terms_of("CC-BY-NC-4.0").value, terms_of("https://rightsstatements.org/vocab/InC/1.0/").value
    ('not for sale', 'in copyright')
    """
    said = statement.strip()
    if not said:
        return Terms.NOT_STATED
    said = _CC.sub(r"cc-\1-\2", said)
    said = _CC_FREE.sub("cc0", said)
    said = _STATEMENT.sub(r"\1", said).lower()
    if said.startswith("cc"):  # people write CC BY-NC, CC BY NC and CC_BY_NC
        said = _GAPS.sub("-", said)
    return next((terms for start, terms in _KNOWN if re.match(start, said)), Terms.UNKNOWN)


def stricter_of(licence: str, rights: str) -> Terms:
    """Return what holds for a document by both of its columns; one that is empty says nothing."""
    told = [terms_of(one) for one in (licence, rights) if one.strip()]
    return max(told, key=lambda one: one.strictness, default=Terms.NOT_STATED)
