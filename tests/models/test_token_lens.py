"""Pieces a word over a corpus; the second source is a loop over documents and words."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError
from kblib.models.token_lens import token_lens
from kblib.models.words import read_words
from kblib.ngrams.resampling import Band
from kblib.ngrams.words import words_of
from kblib.tokens.subwords import Tokenizer

BAND = Band(resamples=400)


@pytest.fixture(scope="module")
def dated(films: Corpus) -> Corpus:
    """Give 40 films of two decades; every fifth has intertitles, one has no year."""
    table = films.table
    number = table["film"].str[2:].astype(int)
    table["year"] = (1930 + 10 * (number % 2)).astype("Int64")
    table["medium"] = np.where(number % 5 == 0, "intertitle", "speech")
    table.loc[table["film"] == "SF39", "year"] = None
    return Corpus.from_table(table, name="dated")


def slow(corpus: Corpus, tokenizer: Tokenizer) -> dict[tuple[str, int], list[int]]:
    """Return the pieces of every running word by medium and decade, one text at a time."""
    found = defaultdict(list)
    for row in corpus.table.dropna(subset=["year"]).itertuples():
        found[row.medium, int(row.year)] += pieces_of_words(row.text, tokenizer)
    return found


def pieces_of_words(text: str, tokenizer: Tokenizer) -> list[int]:
    """Cut the whole text; by bytes, a word after a space, wherever it stands, has other pieces."""
    if tokenizer.kind == "bpe":
        return [len(tokenizer.encode(f" {word}", special=False)) for word in words_of(text)]
    return [len(w.pieces) for w in read_words(text, tokenizer).words if w.kind == "word"]


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
def test_means_are_those_of_a_loop(
    dated: Corpus, kind: str, wordpiece: Tokenizer, bpe: Tokenizer
) -> None:
    tokenizer = wordpiece if kind == "wordpiece" else bpe
    wanted = slow(dated, tokenizer)
    rows = list(token_lens(dated, tokenizer, band=BAND).table.itertuples())
    assert {(row.medium, row.period) for row in rows} == set(wanted)
    for row in rows:
        pieces = wanted[row.medium, row.period]
        assert row.words == len(pieces)
        assert row.pieces_per_word == pytest.approx(np.mean(pieces))
        whole = np.mean([n == 1 for n in pieces])
        assert row.whole_share + row.unknown_share >= whole - 1e-9 >= row.whole_share - 1e-9


def test_band_is_that_of_films_drawn_by_hand(dated: Corpus, wordpiece: Tokenizer) -> None:
    band = Band(resamples=2000, seed=4)
    row = next(
        row for row in token_lens(dated, wordpiece, band=band).table.itertuples()
        if (row.medium, row.period) == ("speech", 1930)
    )  # fmt: skip
    films = defaultdict(list)
    for one in dated.table.dropna(subset=["year"]).itertuples():
        if (one.medium, one.year) == ("speech", 1930):
            films[one.film] += pieces_of_words(one.text, wordpiece)
    assert row.units == len(films) >= 10
    sums = np.array([(sum(pieces), len(pieces)) for pieces in films.values()])
    drawn = np.random.default_rng(9).integers(len(sums), size=(2000, len(sums)))
    rates = sums[drawn].sum(axis=1)
    low, high = np.percentile(rates[:, 0] / rates[:, 1], [2.5, 97.5])
    assert row.low == pytest.approx(low, abs=0.01)
    assert row.high == pytest.approx(high, abs=0.01)


def test_few_films_have_no_band(dated: Corpus, wordpiece: Tokenizer) -> None:
    few = [
        row for row in token_lens(dated, wordpiece, band=BAND).table.itertuples() if row.units < 10
    ]
    assert few
    assert all(math.isnan(row.low) and math.isnan(row.high) for row in few)
    assert {row.note for row in few} == {"fewer than 10 units (film): no interval"}


def test_tokenizers_stand_side_by_side(dated: Corpus, wordpiece: Tokenizer, bpe: Tokenizer) -> None:
    found = token_lens(dated, {"a": wordpiece, "b": bpe}, band=BAND)
    assert found.tokenizers == ("a", "b")
    alone = token_lens(dated, {"b": bpe}, band=BAND)
    assert found.rows.filter(tokenizer="b").equals(alone.rows, null_equal=True)


def test_kinds_share_out_the_words(dated: Corpus, wordpiece: Tokenizer) -> None:
    found = token_lens(dated, wordpiece, band=BAND)
    by_medium = found.by_kind.groupby("medium")["words"].sum().to_dict()
    assert by_medium == found.table.groupby("medium")["words"].sum().to_dict()


def test_filtered_corpus_counts_its_own_words(dated: Corpus, wordpiece: Tokenizer) -> None:
    speech = dated.filter(medium="speech", years=(1930, 1930))
    whole = token_lens(dated, wordpiece, band=BAND).table
    row = token_lens(speech, wordpiece, band=BAND).table.iloc[0]
    same = whole[(whole["medium"] == "speech") & (whole["period"] == 1930)].iloc[0]
    assert row["words"] == same["words"]
    assert row["pieces_per_word"] == pytest.approx(same["pieces_per_word"])


def test_warnings_name_media_and_lost_words(dated: Corpus, wordpiece: Tokenizer) -> None:
    said = token_lens(dated, wordpiece, band=BAND).warnings
    assert said[0] == "intertitle and speech are separate series; their errors differ."
    assert "of unknown decade and left out" in said[1]


def test_corpus_without_media_is_one_series(films: Corpus, wordpiece: Tokenizer) -> None:
    plain = Corpus.from_table(films.table.assign(year=1930), name="plain")
    assert set(token_lens(plain, wordpiece, band=BAND).table["medium"]) == {"all"}


def test_corpus_without_years_is_refused(films: Corpus, wordpiece: Tokenizer) -> None:
    with pytest.raises(CorpusError, match="year"):
        token_lens(films, wordpiece)
