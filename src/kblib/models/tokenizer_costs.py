"""What a text costs in tokens with each tokenizer that a model could bring, or be given.

A model reads and is paid for by the token. A vocabulary learnt from other texts, an older spelling,
or poor recognition of letters cut the same words into more pieces: more compute, and less text in
an input. The table says by how much, before a vocabulary is extended or a model is chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl

from kblib.corpora import Corpus
from kblib.errors import TokenError
from kblib.models.catalog import find_model
from kblib.tokens.extended import extensions
from kblib.tokens.subwords import Tokenizer

_UNKNOWN = "not said"
_BY = ("decade", "source")
Candidates = Mapping[str, Tokenizer | str | Path] | Iterable[str | Path]


@dataclass(frozen=True, eq=False)
class TokenizerCosts:
    """Tokens a word of each tokenizer, on the whole corpus and on its parts.

    Parameters
    ----------
    table
        One row a tokenizer and part: ``tokenizer``, ``by`` (``all``, ``decade``, ``source``),
        ``part``, ``words``, ``tokens``, ``tokens_per_word``, and ``times``: how many times the
        tokens of the cheapest tokenizer on the same part.
    provenance
        The corpus, and each tokenizer by name, size and fingerprint.
    """

    table: pd.DataFrame
    provenance: dict[str, Any]

    @property
    def cheapest(self) -> str:
        """The tokenizer that cuts the whole corpus into the fewest tokens."""
        whole = self.table[self.table["by"] == "all"]
        return str(whole["tokenizer"].iloc[int(whole["tokens"].to_numpy().argmin())])

    def by(self, by: str = "decade") -> pd.DataFrame:
        """Return tokens a word with a row a part and a column a tokenizer, in the order given.

        Raises
        ------
        TokenError
            If the parts are neither decades nor sources.
        """
        if by not in ("all", *_BY):
            raise TokenError(
                f"There are no costs by '{by}'.", f"Known are all, {', '.join(_BY)}.", "costs.by()"
            )
        chosen = self.table[self.table["by"] == by]
        names = list(self.provenance["tokenizers"])
        return chosen.pivot_table(
            index="part", columns="tokenizer", values="tokens_per_word"
        ).reindex(columns=names)

    def _repr_html_(self) -> str:
        return self.by("decade").to_html(float_format="{:.2f}".format)


def tokenizer_costs(
    corpus: Corpus, tokenizers: Candidates, *, new_pieces: int | Iterable[int] = ()
) -> TokenizerCosts:
    """Count the tokens a word that each tokenizer needs, by decade and by source.

    Parameters
    ----------
    corpus
        The texts to be read. A word is what stands between spaces, as `Corpus.n_words` counts.
    tokenizers
        Names of models whose tokenizers are compared, or folders; or a mapping of names of your
        own to these or to `Tokenizer` objects. Marks around a text are not counted.
    new_pieces
        Each tokenizer is counted once more with so many pieces learnt from the corpus, as
        `extend_model` would add them; several numbers are several candidates. Texts that were not
        learnt from may gain less.

    Raises
    ------
    TokenError
        If there is nothing to compare, a tokenizer is none or cannot be extended, or the corpus has
        no words.
    ModelError
        If a model is not here.

    Examples
    --------
    >>> texts = Corpus.from_texts(["sol och regn"] * 3, name="weather")
    >>> small = Tokenizer.train(texts, kind="bpe", vocab_size=300)
    >>> tokenizer_costs(texts, {"small": small}).cheapest
    'small'
    >>> list(tokenizer_costs(texts, {"small": small}, new_pieces=1).by("all").columns)
    ['small', 'small + 1']
    """
    opened = _opened(tokenizers)
    sizes = [new_pieces] if isinstance(new_pieces, int) else list(new_pieces)
    if sizes:
        opened = _with_new_pieces(opened, corpus, sizes)
    counted: dict[tuple[str, str, str], tuple[int, int]] = {}
    columns = ["text", *(name for name in ("date", "year", "source") if name in corpus.columns)]
    for batch in corpus.batches(columns=columns):
        texts = batch["text"].to_list()
        words = [len(text.split()) for text in texts]
        parts = _parts(batch)
        for name, tokenizer in opened.items():
            tokens = [len(ids) for ids in tokenizer.encode_batch(texts, special=False)]
            _add(counted, name, parts, words, tokens)
    return TokenizerCosts(_table(counted, corpus), _provenance(corpus, opened))


def _opened(tokenizers: Candidates) -> dict[str, Tokenizer]:
    if isinstance(tokenizers, str | Path):
        tokenizers = [tokenizers]
    named = (
        dict(tokenizers)
        if isinstance(tokenizers, Mapping)
        else {Path(one).name if isinstance(one, Path) else str(one): one for one in tokenizers}
    )
    if not named:
        raise TokenError(
            "No tokenizer was given.",
            "At least one name of a model was expected.",
            'kb.tokenizer_costs(corpus, ["kb-mini-masked", "kb-mini-causal"])',
        )
    return {name: _open(one) for name, one in named.items()}


def _open(one: object) -> Tokenizer:
    if isinstance(one, Tokenizer):
        return one
    if isinstance(one, str | Path):
        return Tokenizer.open(find_model(one))
    raise TokenError(
        f"A {type(one).__name__} was given as a tokenizer.",
        "The name of a model, a folder or a Tokenizer was expected.",
        'kb.tokenizer_costs(corpus, ["kb-mini-masked"])',
    )


def _with_new_pieces(
    opened: Mapping[str, Tokenizer], corpus: Corpus, sizes: list[int]
) -> dict[str, Tokenizer]:
    """Put beside each tokenizer what it would be; few texts yield fewer pieces than asked for."""
    found: dict[str, Tokenizer] = {}
    for name, tokenizer in opened.items():
        found[name] = tokenizer
        for one in extensions(tokenizer, corpus, sizes).values():
            found[f"{name} + {len(one.pieces):,}"] = one.tokenizer
    return found


def _parts(batch: pl.DataFrame) -> dict[str, list[str]]:
    """Return which part each text is in: all, its decade, its source."""
    parts = {"all": ["all"] * len(batch)}
    when = next((name for name in ("year", "date") if name in batch.columns), None)
    if when is not None:
        parts["decade"] = [_decade(value) for value in batch[when].to_list()]
    if "source" in batch.columns:
        parts["source"] = [str(value) if value else _UNKNOWN for value in batch["source"].to_list()]
    return parts


def _decade(value: object) -> str:
    year = str(value)[:4]
    return f"{year[:3]}0s" if year.isdigit() else _UNKNOWN


def _add(
    counted: dict[tuple[str, str, str], tuple[int, int]],
    name: str,
    parts: Mapping[str, list[str]],
    words: list[int],
    tokens: list[int],
) -> None:
    for by, of_text in parts.items():
        for part, n_words, n_tokens in zip(of_text, words, tokens, strict=True):
            before = counted.get((name, by, part), (0, 0))
            counted[name, by, part] = (before[0] + n_words, before[1] + n_tokens)


def _table(counted: Mapping[tuple[str, str, str], tuple[int, int]], corpus: Corpus) -> pd.DataFrame:
    rows = [(*key, *value) for key, value in counted.items() if value[0]]
    if not rows:
        raise TokenError(f"Corpus '{corpus.name}' has no words.", "Texts to count were expected.")
    table = pd.DataFrame(rows, columns=["tokenizer", "by", "part", "words", "tokens"])
    table["tokens_per_word"] = table["tokens"] / table["words"]
    table["times"] = table["tokens"] / table.groupby(["by", "part"])["tokens"].transform("min")
    order = pd.Categorical(table["by"], ["all", *_BY], ordered=True)
    return (
        table.assign(_order=order)
        .sort_values(["_order", "part", "tokens_per_word"], kind="stable")
        .drop(columns="_order")
        .reset_index(drop=True)
    )


def _provenance(corpus: Corpus, opened: Mapping[str, Tokenizer]) -> dict[str, Any]:
    return {
        "corpus": corpus.name,
        "fingerprint": corpus.fingerprint,
        "tokenizers": {
            name: {"pieces": one.vocab_size, "fingerprint": one.fingerprint}
            for name, one in opened.items()
        },
    }
