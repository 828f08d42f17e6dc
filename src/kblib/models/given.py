"""What a question to a model must hold: a model that is opened, and a text."""

from __future__ import annotations

from typing import Any

from kblib.errors import ModelError

SENTENCE = "Kungen besökte Stockholm."
LONGEST = 60


def check_model(model: Any, has: str) -> None:
    """Refuse what has not the part that is asked, such as the mere name of a model.

    Raises
    ------
    ModelError
        If it has no such attribute.
    """
    if not hasattr(model, has):
        raise ModelError(
            f"The model is {shortened(model)}.",
            "An opened model was expected.",
            'model = MaskedLM.open("kb-mini-masked")',
        )


def check_text(text: Any) -> None:
    """Refuse what is no text.

    Raises
    ------
    ModelError
        If it is not a string.
    """
    if not isinstance(text, str):
        raise ModelError(
            f"The text is {shortened(text)}.", "A sentence was expected.", f'"{SENTENCE}"'
        )


def shortened(given: Any) -> str:
    """Return the beginning of how a thing is written: a corpus would fill the screen.

    Examples
    --------
    >>> shortened("kb-mini-masked"), shortened(range(9))
    ("'kb-mini-masked'", 'range(0, 9)')
    """
    first = repr(given).partition("\n")[0]
    return first if len(first) <= LONGEST else first[: LONGEST - 3] + "..."
