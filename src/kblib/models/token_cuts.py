"""How tokenizers cut a text up: the pieces of each word, several tokenizers side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kblib.errors import ModelError
from kblib.models.catalog import find_model
from kblib.models.given import check_text, shortened
from kblib.models.words import Word, read_words
from kblib.tokens.subwords import Tokenizer

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE = 'token_cuts("hvarje jernvägsstation", ["kb-mini-masked"])'
Tokenizers = Any
"""A tokenizer, a model, the name or folder of one; a list of these, or a dictionary with names."""


@dataclass(frozen=True)
class TokenCuts:
    """The words of a text with their pieces, by tokenizer.

    Attributes
    ----------
    text
        The text.
    words
        The words and marks as each tokenizer cuts them, by its name.
    provenance
        The fingerprint of each tokenizer.
    """

    text: str
    words: Mapping[str, tuple[Word, ...]]
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> pd.DataFrame:
        """One row a tokenizer and word: tokenizer, word, kind, pieces, n_pieces, known."""
        import pandas as pd

        rows = [
            (name, word.text, word.kind, "+".join(word.pieces), len(word.pieces), word.known)
            for name, words in self.words.items()
            for word in words
        ]
        columns = ["tokenizer", "word", "kind", "pieces", "n_pieces", "known"]
        return pd.DataFrame(rows, columns=columns)

    def per_word(self, name: str) -> float:
        """Return how many pieces a word has on average with one tokenizer; marks left out."""
        counts = [len(word.pieces) for word in self.words[name] if word.kind == "word"]
        return sum(counts) / len(counts) if counts else float("nan")

    def __str__(self) -> str:
        """Return one line a tokenizer, pieces parted by bars."""
        lines = [
            f"{name} ({self.per_word(name):.2f} pieces a word): "
            + " ".join("|".join(word.pieces) for word in words)
            for name, words in self.words.items()
        ]
        return "\n".join(lines)


def token_cuts(text: str, tokenizers: Tokenizers) -> TokenCuts:
    """Cut a text up with one or several tokenizers.

    Raises
    ------
    ModelError
        If the text is empty, or no tokenizer was given.

    Examples
    --------
    >>> tokenizer = Tokenizer.train(["järnväg är en"] * 9, vocab_size=120)
    >>> print(token_cuts("järnväg jernväg", {"mine": tokenizer}))
    mine (2.50 pieces a word): järnväg j|e|rnv|äg
    """
    check_text(text)
    if not text.strip():
        raise ModelError("The text is empty.", "Some words were expected.", EXAMPLE)
    named = named_tokenizers(tokenizers)
    words = {name: read_words(text, one).words for name, one in named.items()}
    return TokenCuts(text, words, {name: one.fingerprint for name, one in named.items()})


def named_tokenizers(given: Tokenizers) -> dict[str, Tokenizer]:
    """Open what is given by name and return tokenizers by name; equal names are numbered.

    Raises
    ------
    ModelError
        If nothing was given, or something that has no tokenizer.
    """
    if isinstance(given, Mapping):
        pairs = list(given.items())
    else:
        several = isinstance(given, Sequence) and not isinstance(given, str)
        pairs = [("", one) for one in (given if several else [given])]
    if not pairs:
        raise ModelError("No tokenizer was given.", "At least one was expected.", EXAMPLE)
    found: dict[str, Tokenizer] = {}
    for name, one in pairs:
        own, tokenizer = _opened(one)
        shown = str(name) or own
        same = sum(known == shown or known.startswith(f"{shown} (") for known in found)
        found[f"{shown} ({same + 1})" if same else shown] = tokenizer
    return found


def _opened(one: Any) -> tuple[str, Tokenizer]:
    """Return a name to show and the tokenizer; only the tokenizer is read, never the weights."""
    if isinstance(one, Tokenizer):
        return one.kind, one
    if isinstance(one, str | Path):
        folder = find_model(one)
        return (folder.name if Path(one).expanduser().is_dir() else str(one)), Tokenizer.open(
            folder
        )
    tokenizer = getattr(one, "tokenizer", None)
    if not isinstance(tokenizer, Tokenizer):
        raise ModelError(
            f"{shortened(one)} has no tokenizer.",
            "A model, a tokenizer or a name was expected.",
            EXAMPLE,
        )
    return str(getattr(one, "name", tokenizer.kind)), tokenizer
