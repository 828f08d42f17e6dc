"""Twelve short documents, and a tokenizer of either kind that learnt from them."""

from __future__ import annotations

import pytest

from kblib.tokens.subwords import Tokenizer

DOCUMENTS = (
    "Kungen och kronprinsen besökte Stockholm i dag.",
    "Drottningen besökte Göteborg i går.",
    "Tåget går från Stockholm till Malmö.",
    "Det svenska laget vann matchen i Göteborg.",
    "Filmen visar en ny utställning i Stockholm.",
    "På biblioteket läser vi tidningar från 1890.",
    "Tidningarna skriver om kungen och drottningen.",
    "Flygplanet landade på Bromma i går.",
    "I dag vann laget från Malmö.",
    "En ny järnväg går till Kiruna.",
    "Järnvägen och flygplanet: två sätt att resa.",
    "Vi läser om resan till Kiruna i tidningen.",
)


@pytest.fixture(scope="session")
def documents() -> tuple[str, ...]:
    return DOCUMENTS


@pytest.fixture(scope="session")
def wordpiece() -> Tokenizer:
    return Tokenizer.train(DOCUMENTS, vocab_size=300)


@pytest.fixture(scope="session")
def bpe() -> Tokenizer:
    return Tokenizer.train(DOCUMENTS, kind="bpe", vocab_size=300)
