"""The last cell of a lesson: data and methods, in the reader's language."""

from __future__ import annotations

from typing import Any, cast

from kblib.methods import Methods
from kblib.methods import methods as written
from kblib.methods.speech import Language
from kbnotebooks._words import language


def methods(*results: Any) -> Methods:
    """Write the paragraph on data and methods that a publication needs, from the results.

    Parameters
    ----------
    results
        Corpora, models, and results with ``.provenance``, in the order they shall be told.

    Raises
    ------
    CorpusError
        If nothing is given, or something that does not know where it comes from.
    """
    return written(*results, language=cast("Language", language()))
