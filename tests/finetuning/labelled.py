"""Small labelled texts of each kind, and tiny models of each layout."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import polars as pl
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM

from kblib.labels import Labels, read_labels
from kblib.labels.parts import Parts
from kblib.models.build import build_causal, build_masked
from kblib.models.folder import save_model
from kblib.models.layouts import is_causal
from kblib.models.shape import ModelShape
from kblib.tokens.subwords import Tokenizer

SEQ_LEN = 48
_WHO = ("Kungen", "Drottningen", "Laget", "Flickan")
_NAMES = ("Karin", "Olle", "Gustaf Adolf")
_PLACES = ("Malmö", "Kiruna", "Stockholm")


def sentences(n: int = 48) -> Parts:
    """Two labels, told by a word."""
    rows = [
        {
            "text": f"{_WHO[number % 4]} {'vann matchen' if number % 2 else 'såg regnet'} i går.",
            "label": "sport" if number % 2 else "weather",
            "film": f"SF{number // 4}",
        }
        for number in range(n)
    ]
    return read_labels(rows, name="sentences").split(test=0.25, valid=0.25)


def pairs(n: int = 48) -> Parts:
    rows = [
        {
            "text": f"{_WHO[number % 4]} reser.",
            "text_pair": f"{_WHO[(number + number // 2 % 2) % 4]} reser i dag.",
            "label": "other" if number // 2 % 2 else "same",
            "film": f"SF{number // 4}",
        }
        for number in range(n)
    ]
    return read_labels(rows, text=("text", "text_pair"), name="pairs").split(test=0.25, valid=0.25)


def numbers(n: int = 48) -> Parts:
    rows = [
        {"text": " ".join(["bra"] * (1 + number % 5)), "label": 10.0 * (number % 5),
         "film": f"SF{number // 4}"}
        for number in range(n)
    ]  # fmt: skip
    return read_labels(rows, scale=True, name="numbers").split(test=0.25, valid=0.25)


def names(n: int = 48) -> Parts:
    rows: list[dict[str, Any]] = []
    for number in range(n):
        draw = random.Random(number)
        name, place = draw.choice(_NAMES).split(), draw.choice(_PLACES)
        tokens = ["I", "dag", "reser", *name, "till", place, "."]
        label = ["O"] * 3 + ["B-PER"] + ["I-PER"] * (len(name) - 1) + ["O", "B-LOC", "O"]
        rows.append({"tokens": tokens, "label": label, "document": f"d{number // 4}"})
    return read_labels(rows, text="tokens", name="names").split(test=0.25, valid=0.25)


KINDS = {"sentences": sentences, "pairs": pairs, "numbers": numbers, "names": names}


def texts_of(parts: Parts) -> list[str]:
    frames = [part.rows for part in parts]
    seconds = [frame["text_pair"] for frame in frames if "text_pair" in frame.columns]
    return pl.concat([*(frame["text"] for frame in frames), *seconds]).to_list()


def tiny_model(folder: Path, architecture: str, recipe: dict[str, Any] | None = None) -> Path:
    """Save a model of two layers whose tokenizer knows the words of all kinds."""
    texts = [text for kind in KINDS.values() for text in texts_of(kind())]
    masked = architecture in ("modernbert", "bert")
    tokenizer = Tokenizer.train(texts, kind="wordpiece" if masked else "bpe", vocab_size=320)
    shape = ModelShape(
        2, 2, 32, architecture=architecture, vocab_size=tokenizer.vocab_size, seq_len=SEQ_LEN
    )
    return save_model(
        folder / f"tiny-{architecture}",
        model=(build_masked if masked else build_causal)(shape, seed=1),
        tokenizer=tokenizer,
        recipe=recipe or {},
        scores={},
        card="# tiny\n",
        notice="Made of a few sentences.\n",
    )


def random_model(folder: Path, layout: str) -> Path:
    """Save a model of two layers of any layout as transformers makes and saves it."""
    texts = [text for kind in KINDS.values() for text in texts_of(kind())]
    causal = is_causal(layout)
    tokenizer = Tokenizer.train(texts, kind="bpe" if causal else "wordpiece", vocab_size=320)
    config = AutoConfig.for_model(
        layout,
        vocab_size=tokenizer.vocab_size,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=SEQ_LEN + 2,
        pad_token_id=tokenizer.pad_id if tokenizer.has("pad_token") else 0,
        **_SMALLER.get(layout, {"intermediate_size": 64}),
    )
    opener: Any = AutoModelForCausalLM if causal else AutoModelForMaskedLM
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        made = opener.from_config(config)
    home = folder / f"random-{layout}"
    made.save_pretrained(home)
    tokenizer.save(home, seq_len=SEQ_LEN)
    return home


_LLAMA = {"intermediate_size": 64, "num_key_value_heads": 1, "head_dim": 16}
_MOE = {**_LLAMA, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16}
_SMALLER: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("mistral", "mixtral", "qwen2", "qwen3", "smollm3", "stablelm"), _LLAMA),
    **dict.fromkeys(("gemma", "gemma2", "gemma3_text"), _LLAMA),
    **dict.fromkeys(("qwen2_moe", "qwen3_moe"), _MOE),
    "gpt2": {},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "gptj": {"rotary_dim": 8},
}


def first(labels: Labels, n: int) -> Labels:
    return Labels(labels.name, labels.rows.head(n), labels.labels, labels.provenance)
