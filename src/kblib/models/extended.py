"""A model with a larger vocabulary: new pieces of new texts, each beginning as what it was before.

A vocabulary learnt from other texts cuts words into many pieces (`kblib.models.tokenizer_costs`).
New pieces make the same text shorter; the model knows them as the mean of the pieces that spelt
them, and learns the rest when its training goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd
import torch
from torch import nn
from transformers import PreTrainedModel

from kblib.corpora import Corpus
from kblib.corpora.rights import told_corpus
from kblib.models.build import embedding_matrix
from kblib.models.continued import open_to_train
from kblib.models.folder import save_model
from kblib.models.origin import folder_of_origin, name_of_origin, shape_in
from kblib.models.tokenizer_costs import TokenizerCosts, tokenizer_costs
from kblib.models.told import told_model
from kblib.tokens.extended import NewPiece, extended
from kblib.tokens.subwords import Tokenizer


@dataclass(frozen=True, eq=False)
class Extension:
    """A model with new pieces, and what they save.

    Parameters
    ----------
    folder
        The extended model; `Pretrain(corpus, continue_from=folder)` goes on from it.
    table
        One row a new piece: how it is spelt, its id, the older pieces that spelt it, how often it
        was met when it was found.
    costs
        Tokens a word before and after, by decade and source.
    """

    folder: Path
    table: pd.DataFrame
    costs: TokenizerCosts

    @property
    def provenance(self) -> dict[str, Any]:
        """The corpus and both tokenizers by their fingerprints."""
        return self.costs.provenance

    def __str__(self) -> str:
        whole = self.costs.by("all").iloc[0]
        return (
            f"{len(self.table):,} new pieces: {whole['after']:.2f} tokens a word instead of "
            f"{whole['before']:.2f}."
        )


def extend_model(
    model: str | Path, corpus: Corpus, *, new_pieces: int, to: Path | str
) -> Extension:
    """Save a model with new pieces learnt from a corpus, ready for its training to go on.

    Texts in which no new piece occurs are cut as before, and the model gives them the same logits
    over the old pieces.

    Parameters
    ----------
    model
        A folder with safetensors, or a name; its tokenizer is a WordPiece or a BPE.
    corpus
        What is to be read in fewer tokens.
    new_pieces
        How many at most.
    to
        Where the extended model is saved.

    Raises
    ------
    TokenError
        If the tokenizer is of another kind, or nothing is to be gained.
    ModelError
        If the model is not here, or of a layout that cannot be trained on.
    FileExistsError
        If the folder is there already.

    References
    ----------
    Gee et al. (2022), Fast vocabulary transfer for language model compression: a new piece begins
    as the mean of the pieces that spelt it.
    """
    folder = folder_of_origin(str(model))
    if Path(to).exists():
        raise FileExistsError(to)
    before = Tokenizer.open(folder)
    after = extended(before, corpus, new_pieces)
    opened = open_to_train(folder, shape_in(folder))
    _give_rows(opened, after.tokenizer.vocab_size, after.pieces)
    costs = tokenizer_costs(corpus, {"before": before, "after": after.tokenizer})
    saved = save_model(
        to,
        model=opened,
        tokenizer=after.tokenizer,
        recipe=_recipe(folder, corpus, after.pieces),
        scores={"tokens_a_word": _told(costs)},
        card=_card(str(model), corpus, costs, len(after.pieces)),
    )
    return Extension(saved, _table(before, after.pieces), costs)


@torch.no_grad()
def _give_rows(model: PreTrainedModel, vocab_size: int, pieces: Iterable[NewPiece]) -> None:
    """Give each new piece the mean of its parts: in the embeddings, in the head, in its bias."""
    if vocab_size > embedding_matrix(model).shape[0]:  # some models have rows to spare
        model.resize_token_embeddings(vocab_size, mean_resizing=False)
    head = cast(Any, model).get_output_embeddings()
    rows: list[nn.Parameter] = [embedding_matrix(model), head.weight]
    if getattr(head, "bias", None) is not None:
        rows.append(head.bias)
    for values in {id(one): one for one in rows}.values():  # a tied head is the embeddings
        for piece in pieces:
            values[piece.id] = values[list(piece.parts)].mean(0)


def _table(before: Tokenizer, pieces: Iterable[NewPiece]) -> pd.DataFrame:
    rows = [
        (one.piece, one.id, " ".join(before.token(part) for part in one.parts), one.count)
        for one in pieces
    ]
    return pd.DataFrame(rows, columns=["piece", "id", "parts", "count"])


def _recipe(folder: Path, corpus: Corpus, pieces: tuple[NewPiece, ...]) -> dict[str, Any]:
    return {
        "extended_from": told_model(folder),
        "corpus": told_corpus(corpus),
        "new_pieces": [one.piece for one in pieces],
        "beginning": "mean of the pieces that spelt it",
    }


def _told(costs: TokenizerCosts) -> dict[str, dict[str, float]]:
    tables = [costs.by("all"), costs.by("decade")]
    return {
        str(part): {name: float(row[name]) for name in ("before", "after")}
        for table in tables
        for part, row in table.iterrows()
    }


def _card(model: str, corpus: Corpus, costs: TokenizerCosts, n_pieces: int) -> str:
    rows = "\n".join(
        f"| {part} | {row['before']:.2f} | {row['after']:.2f} |"
        for part, row in _told(costs).items()
    )
    return f"""# {name_of_origin(model)}, with a larger vocabulary

{n_pieces:,} pieces learnt from the corpus '{corpus.name}' (fingerprint {corpus.fingerprint[:12]})
were added to {name_of_origin(model)}. Each began as the mean of the pieces that spelt it: the
model is meant to be trained further, and says little of the new pieces before.

| texts | tokens a word, before | after |
|---|---|---|
{rows}

What {name_of_origin(model)} may be used for, and what it has read, holds for this one as well.
"""
