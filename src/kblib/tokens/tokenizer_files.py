"""The files that a tokenizer is opened from; looked for without opening any."""

from __future__ import annotations

from pathlib import Path

from kblib.errors import TokenError

TOKENIZER_FILE = "tokenizer.json"
WORD_LISTS = (
    "vocab.txt",
    "vocab.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
)
"""Of older folders, which only transformers knows how to read."""


def require_tokenizer(folder: Path) -> None:
    """Check that a folder holds a tokenizer.

    Raises
    ------
    TokenError
        If it does not.
    """
    if not any((folder / name).is_file() for name in (TOKENIZER_FILE, *WORD_LISTS)):
        raise TokenError(
            f"There is no tokenizer in {folder}.",
            f"{TOKENIZER_FILE} was expected, or one of: {', '.join(WORD_LISTS)}.",
            "Tokenizer.train(texts) makes one.",
        )
