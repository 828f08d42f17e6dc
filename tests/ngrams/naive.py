"""The slow, plain way to split, search and count: a second source for every number."""

from __future__ import annotations

import random
import unicodedata
from collections import Counter

from kblib.corpora import Corpus

WORDS = [
    "sol",
    "regn",
    "järnväg",
    "jernväg",
    "järnvägen",
    "tåg",
    "och",
    "i",
    "på",
    "det",
    "svenska",
    "laget",
    "åker",
    "Ål",
    "ärlig",
    "örn",
]
GAPS = [" ", " ", " ", ", ", ". ", "\n", " – ", "! ", "/"]


def is_letter(character):
    return unicodedata.category(character)[0] == "L"


def is_digit(character):
    return unicodedata.category(character)[0] == "N"


def is_inside(character):
    return is_letter(character) or is_digit(character) or unicodedata.category(character)[0] == "M"


def naive_words(text):
    """Split as the definition says, a character at a time."""
    words, at = [], 0
    while at < len(text):
        if not (is_letter(text[at]) or is_digit(text[at])):
            at += 1
            continue
        end = _number_end(text, at) or _word_end(text, at)
        words.append(text[at:end])
        at = end
    return words


def _number_end(text, at):
    end = _digits(text, at)
    first = end
    while end > at and text[end : end + 1] in (".", ",", ":") and text[end : end + 1]:
        more = _digits(text, end + 1)
        if more == end + 1:
            break
        end = more
    return end if end > first else None


def _digits(text, at):
    while at < len(text) and is_digit(text[at]):
        at += 1
    return at


def _word_end(text, at):
    end = at
    while True:
        while end < len(text) and (is_inside(text[end]) or text[end] == "\u00ad"):
            end += 1
        joined = text[end : end + 1] and text[end] in "-‐‑'’:" and text[end + 1 : end + 2]
        if not joined or not is_letter(text[end + 1]):
            return end
        end += 1


def naive_fold(word):
    plain = unicodedata.normalize("NFC", word).lower().replace("\u00ad", "")
    return plain.replace("‐", "-").replace("‑", "-").replace("’", "'")


def folded_words(text):
    return [naive_fold(word) for word in naive_words(text)]


def naive_hits(texts, phrase):
    """Count a phrase the slow way, text by text."""
    wanted = phrase.split()
    counts = []
    for text in texts:
        words = folded_words(text)
        starts = range(len(words) - len(wanted) + 1)
        counts.append(sum(words[at : at + len(wanted)] == wanted for at in starts))
    return counts


def naive_ngrams(texts, n):
    counts, documents = Counter(), Counter()
    for text in texts:
        words = folded_words(text)
        grams = [" ".join(words[at : at + n]) for at in range(len(words) - n + 1)]
        counts.update(grams)
        documents.update(set(grams))
    return counts, documents


def random_corpus(n=400, seed=3, *, media=("speech", "intertitle")):
    """Make texts of forty films of 1930 to 1936, some of unknown year, one year without films."""
    draw = random.Random(seed)
    rows = []
    for _ in range(n):
        film = draw.randrange(40)
        length = draw.randint(0, 12)
        text = "".join(draw.choice(WORDS) + draw.choice(GAPS) for _ in range(length))
        year = [1930, 1931, 1932, 1933, 1935, 1936, None][film % 7]
        rows.append(
            (text or "...", year, f"SF{film}", draw.choice(media), ["sf", "kino"][film % 2])
        )
    rows.sort(key=lambda row: row[2])
    texts, years, films, medium, collection = map(list, zip(*rows, strict=True))
    return Corpus.from_texts(
        texts, name="reels", year=years, film=films, medium=medium, collection=collection
    )
