"""Which label's words stand in the text? The baseline that any model has to beat.

No model: words are counted, in whatever case. A word that ends with ``*`` finds all that begin so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from kblib.zeroshot.asked import Asked
from kblib.zeroshot.evidence import Evidence

_ANY = "*"
NO_MODEL = "none"


class Keywords:
    """Labels by words that stand in the text."""

    name = "keywords"
    opened = None

    @property
    def provenance(self) -> dict[str, str]:
        """That no model was asked."""
        return {"model": NO_MODEL}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know."""
        said = (
            "Scores are shares of the keywords found, and no probabilities; a text with none of "
            "them has no label."
        )
        return (said,)

    def evidence(self, texts: Sequence[str], asked: Asked, *, multi: bool) -> Evidence:
        """Return the logarithm of how often a label's words were found; minus infinity for none.

        With `multi`, a label is said if one of its words stands there.
        """
        patterns = [_pattern(wordings) for wordings in asked.wordings]
        found_NL = np.array(
            [[len(pattern.findall(text)) for pattern in patterns] for text in texts],
            dtype=np.float64,
        ).reshape(len(texts), len(patterns))
        with np.errstate(divide="ignore"):
            values_NL = np.where(found_NL > 0, np.inf, -np.inf) if multi else np.log(found_NL)
        labels = [prompt.label for prompt in asked.prompts]
        return Evidence(values_NL[:, labels])


def _pattern(wordings: Sequence[str]) -> re.Pattern[str]:
    """Return what finds one of some words.

    Examples
    --------
    >>> _pattern(["regn*", "snö"]).findall("Regnet blev snö, sedan snöslask.")
    ['Regnet', 'snö']
    """
    each = [
        re.escape(one.removesuffix(_ANY).strip()) + (r"\w*" if one.endswith(_ANY) else "")
        for one in wordings
    ]
    return re.compile(rf"\b(?:{'|'.join(each)})\b", re.IGNORECASE)
