"""What the benchmark of batch inference asks: models, and who is asked about them in which way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import torch
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    pipeline,
)

from benchmarks.outcome import BenchmarkError
from kblib.models.batch_masked import fill_all
from kblib.models.batch_texts import labels_all, vectors_all
from kblib.models.catalog import find_model
from kblib.models.classifier import SequenceClassifier
from kblib.models.encoder import Encoder
from kblib.models.fill import as_word
from kblib.models.linears import make_ready
from kblib.models.masked import MaskedLM
from kblib.tokens.subwords import Tokenizer

OWN = "kb-mini-masked"
OURS, PIPELINE, SENTENCES = "kb.BatchPredict", "pipeline", "sentence-transformers"
BATCHES = (1, 8, 32)
SEQ_LEN = 128
K = 5
Peer = Callable[[Sequence[str]], Any]
Answers = list[dict[str, float]]


@dataclass(frozen=True)
class Case:
    """One model and what it is asked for.

    Attributes
    ----------
    name
        To show.
    peers
        Who is asked, by name: ours begin with `OURS`, the others with `PIPELINE` or `SENTENCES`.
    bars
        How many times another's best texts a second ours have to be: ours, the other, the bar.
    read
        Makes what anyone gave comparable: a number for each word, label or place of each text.
    blank
        Whether each text has a word that is hidden.
    exact
        Whose answers are those of the other.
    """

    name: str
    peers: Mapping[str, Peer]
    bars: tuple[tuple[str, str, float], ...]
    read: Callable[[Any], Answers]
    blank: bool = False
    exact: Mapping[str, str] = field(default_factory=dict)


def cases(aside: Path) -> list[Case]:
    """Return all cases; models of random weights are saved aside."""
    tokenizer = Tokenizer.open(find_model(OWN))
    fills = _saved(aside / "fills", BertForMaskedLM, tokenizer)
    labels = _saved(aside / "labels", BertForSequenceClassification, tokenizer)
    return [
        _fill_case("fill-mask, kb-mini-masked", find_model(OWN)),
        _fill_case("fill-mask, 6 layers of 384", fills),
        _label_case("labels, 6 layers of 384", labels),
        _vector_case("vectors, 6 layers of 384", labels),
    ]


def minilm_config(tokenizer: Tokenizer, labels: Sequence[str]) -> BertConfig:
    """Return the layout of MiniLM-L6: 6 layers, 384 wide."""
    names = dict(enumerate(labels))
    return BertConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=384,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=1536,
        max_position_embeddings=SEQ_LEN,
        pad_token_id=tokenizer.pad_id,
        id2label=names,
        label2id={label: number for number, label in names.items()},
    )


def _saved(folder: Path, kind: Any, tokenizer: Tokenizer) -> Path:
    """Save a model of random weights."""
    config = minilm_config(tokenizer, [f"label {number}" for number in range(4)])
    torch.manual_seed(1)
    kind(config).save_pretrained(folder)
    tokenizer.save(folder, seq_len=SEQ_LEN)
    return folder


def _fill_case(name: str, folder: Path) -> Case:
    model = _ready(MaskedLM.open(folder, device="cpu"))

    def read(given: Any) -> Answers:
        if isinstance(given, pl.DataFrame):
            pairs = zip(given["words"], given["probabilities"], strict=True)
            return [dict(zip(words, shares, strict=True)) for words, shares in pairs]
        token = model.tokenizer.token
        return [{as_word(token(one["token"])): one["score"] for one in row} for row in given]

    peers = {OURS: lambda texts: fill_all(model, texts, k=K)}
    peers |= _pipelines("fill-mask", AutoModelForMaskedLM, folder, top_k=K)
    bars = ((OURS, PIPELINE, 2.0),)
    return Case(name, peers, bars, read, blank=True, exact={OURS: _piped(1)})


def _label_case(name: str, folder: Path) -> Case:
    model = _ready(SequenceClassifier.open(folder, device="cpu"))

    def read(given: Any) -> Answers:
        if isinstance(given, pl.DataFrame):
            columns = {label: given[f"score_{label}"] for label in model.labels}
            return [
                {label: scores[n] for label, scores in columns.items()} for n in range(len(given))
            ]
        return [{one["label"]: one["score"] for one in row} for row in given]

    peers: dict[str, Peer] = {OURS: lambda texts: labels_all(model, texts)}
    kind = AutoModelForSequenceClassification
    peers |= _pipelines("text-classification", kind, folder, top_k=None)
    peers |= _sentence_transformers(folder)
    bars = ((OURS, PIPELINE, 1.8), (OURS, SENTENCES, 1.1))
    return Case(name, peers, bars, read, exact={OURS: _piped(1)})


def _vector_case(name: str, folder: Path) -> Case:
    model, small = (_ready(Encoder.open(folder, device="cpu"), kind) for kind in ("fp32", "int8"))

    def read(given: Any) -> Answers:
        rows = given["vector"].to_list() if isinstance(given, pl.DataFrame) else given.tolist()
        return [{str(place): value for place, value in enumerate(row)} for row in rows]

    in_int8 = f"{OURS}, int8"
    peers: dict[str, Peer] = {
        OURS: lambda texts: vectors_all(model, texts),
        in_int8: lambda texts: vectors_all(small, texts),
    }
    peers |= _pipelines("feature-extraction", AutoModel, folder)
    peers |= _sentence_transformers(folder)
    bars = ((OURS, PIPELINE, 1.8), (OURS, SENTENCES, 1.1), (in_int8, SENTENCES, 1.3))
    return Case(name, peers, bars, read, exact={OURS: _sentenced(32)})


def _ready(opened: Any, precision: str = "fp32") -> Any:
    """Make an opened model ready, as a worker does."""
    ready = copy(opened)
    ready.model = make_ready(opened.model, precision)
    return ready


def _piped(size: int) -> str:
    return f"{PIPELINE}, batches of {size}"


def _sentenced(size: int) -> str:
    return f"{SENTENCES}, batches of {size}"


def _pipelines(task: str, kind: Any, folder: Path, **options: Any) -> dict[str, Peer]:
    """Return transformers' own way, with batches of several sizes."""
    peer: Any = pipeline(
        task,  # type: ignore[call-overload]
        model=kind.from_pretrained(folder, dtype=torch.float32),
        tokenizer=AutoTokenizer.from_pretrained(folder),
        device="cpu",
        **options,
    )

    def asked(size: int) -> Peer:
        def ask(texts: Sequence[str]) -> Any:
            with torch.inference_mode():
                return peer(list(texts), batch_size=size)

        return ask

    return {_piped(size): asked(size) for size in BATCHES}


def _sentence_transformers(folder: Path) -> dict[str, Peer]:
    """Return the way of sentence-transformers, which puts a mean over a plain model.

    Raises
    ------
    BenchmarkError
        If it is not installed.
    """
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise BenchmarkError(f"{error}. It is a peer of this: make test installs it.") from None
    model = SentenceTransformer(str(folder), device="cpu")

    def asked(size: int) -> Peer:
        return lambda texts: model.encode(list(texts), batch_size=size, show_progress_bar=False)

    return {_sentenced(size): asked(size) for size in BATCHES[1:]}
