from __future__ import annotations

from collections import Counter

import pytest

from kblib.corpora import Corpus
from kblib.errors import ModelError, TokenError
from kblib.models.tokenizer_costs import TokenizerCosts, tokenizer_costs
from kblib.tokens.extended import extended
from kblib.tokens.subwords import Tokenizer

TEXTS = ["Konungen hafva rest.", "Kungen har rest hem.", "Tåget går.", "Ett tåg gick"]
DATES = ["1899-01-02", "1935-05-01", "1936", None]
SOURCES = ["tidning", "film", "film", "tidning"]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.from_texts(TEXTS, name="old", date=DATES, source=SOURCES)


@pytest.fixture(scope="module")
def candidates(films: Corpus) -> dict[str, Tokenizer]:
    return {
        "pieces": Tokenizer.train(films, vocab_size=300),
        "bytes": Tokenizer.train(films, kind="bpe", vocab_size=300),
    }


@pytest.fixture(scope="module")
def costs(corpus: Corpus, candidates: dict[str, Tokenizer]) -> TokenizerCosts:
    return tokenizer_costs(corpus, candidates)


def test_counts_are_those_of_a_naive_loop(
    costs: TokenizerCosts, candidates: dict[str, Tokenizer]
) -> None:
    words: Counter[tuple[str, str, str]] = Counter()
    tokens: Counter[tuple[str, str, str]] = Counter()
    decades = ["1890s", "1930s", "1930s", "not said"]
    for name, tokenizer in candidates.items():
        for text, decade, source in zip(TEXTS, decades, SOURCES, strict=True):
            for part in (("all", "all"), ("decade", decade), ("source", source)):
                words[name, *part] += text.count(" ") + 1
                tokens[name, *part] += len(tokenizer.encode(text, special=False))
    found = {
        (row.tokenizer, row.by, row.part): (row.words, row.tokens)
        for row in costs.table.itertuples()
    }
    assert found == {key: (words[key], tokens[key]) for key in words}


def test_tokens_a_word_and_times_the_cheapest_by_hand(costs: TokenizerCosts) -> None:
    for _, part in costs.table.groupby(["by", "part"]):
        least = part["tokens"].min()
        assert list(part["times"]) == pytest.approx([n / least for n in part["tokens"]])
        expected = [t / w for t, w in zip(part["tokens"], part["words"], strict=True)]
        assert list(part["tokens_per_word"]) == pytest.approx(expected)


def test_cheapest_needs_the_fewest_tokens(costs: TokenizerCosts) -> None:
    whole = costs.table[costs.table["by"] == "all"].set_index("tokenizer")["tokens"]
    assert costs.cheapest == whole.idxmin()


def test_table_by_decade_has_a_column_a_tokenizer(costs: TokenizerCosts) -> None:
    table = costs.by("decade")
    assert list(table.index) == ["1890s", "1930s", "not said"]
    assert set(table.columns) == {"pieces", "bytes"}
    assert "1890s" in costs._repr_html_()


def test_models_are_taken_by_name(corpus: Corpus) -> None:
    costs = tokenizer_costs(corpus, ["kb-mini-masked", "kb-mini-causal"])
    assert set(costs.provenance["tokenizers"]) == {"kb-mini-masked", "kb-mini-causal"}
    assert costs.provenance["fingerprint"] == corpus.fingerprint


def test_candidates_with_new_pieces_cost_what_the_extended_model_will(
    films: Corpus,
) -> None:
    candidates = {  # they have cut the texts into letters so far
        "pieces": Tokenizer.train(films, vocab_size=150),
        "bytes": Tokenizer.train(films, kind="bpe", vocab_size=270),
    }
    costs = tokenizer_costs(films, candidates, new_pieces=(20, 5)).by("all")
    assert list(costs.columns) == [
        f"{name}{more}" for name in ("pieces", "bytes") for more in ("", " + 20", " + 5")
    ]
    for name, tokenizer in candidates.items():
        for n in (5, 20):
            added = extended(tokenizer, films, n).tokenizer
            tokens = sum(len(ids) for ids in added.encode_batch(list(films.texts()), special=False))
            assert costs[f"{name} + {n}"].item() == pytest.approx(tokens / films.n_words)
        assert costs[f"{name} + 20"].item() < costs[f"{name} + 5"].item() < costs[name].item()


def test_fewer_pieces_than_asked_for_are_told(candidates: dict[str, Tokenizer]) -> None:
    texts = Corpus.from_texts(["väderkvarn"] * 2, name="few")
    costs = tokenizer_costs(texts, {"pieces": candidates["pieces"]}, new_pieces=1000)
    n = len(extended(candidates["pieces"], texts, 1000).pieces)
    assert 0 < n < 1000
    assert set(costs.by("all").columns) == {"pieces", f"pieces + {n}"}


def test_corpus_without_dates_or_sources_has_the_whole_only(
    candidates: dict[str, Tokenizer],
) -> None:
    costs = tokenizer_costs(Corpus.from_texts(["sol och regn"], name="plain"), candidates)
    assert set(costs.table["by"]) <= {"all", "decade", "source"}
    assert costs.table[costs.table["by"] == "all"]["words"].tolist() == [3, 3]


def test_wrong_input_is_answered_in_words(corpus: Corpus, candidates: dict[str, Tokenizer]) -> None:
    with pytest.raises(TokenError, match="No tokenizer was given"):
        tokenizer_costs(corpus, [])
    with pytest.raises(TokenError, match="A int was given as a tokenizer"):
        tokenizer_costs(corpus, {"x": 3})  # type: ignore[dict-item]
    with pytest.raises(ModelError, match="No model named 'nobody'"):
        tokenizer_costs(corpus, ["nobody"])
    with pytest.raises(TokenError, match="0 new pieces were asked for"):
        tokenizer_costs(corpus, candidates, new_pieces=[5, 0])
    with pytest.raises(TokenError, match=r"There are no costs by 'place'\."):
        tokenizer_costs(corpus, candidates).by("place")
