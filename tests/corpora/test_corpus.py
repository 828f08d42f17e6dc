from __future__ import annotations

import hashlib
import math

import pandas as pd
import polars as pl
import pytest

from kblib.corpora import Corpus, Document
from kblib.corpora.filters import min_words
from kblib.errors import CorpusError

from .conftest import CUES


def naive_fingerprint(pairs):
    digest = hashlib.blake2b(digest_size=32)
    for pair in pairs:
        for part in pair:
            data = part.encode("utf-8")
            digest.update(f"{len(data)}:".encode() + data)
    return digest.hexdigest()


def test_from_texts_numbers_ids_and_repeats_single_values():
    corpus = Corpus.from_texts(["sol", "regn"], name="väder", year=1931, place=["A", "B"])
    assert corpus.table.to_dict("list") == {
        "id": ["väder/1", "väder/2"],
        "text": ["sol", "regn"],
        "year": [1931, 1931],
        "place": ["A", "B"],
    }


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            "sol",
            (
                "One string was given ('sol'). A list of strings was expected.\n"
                "  Corpus.from_texts([text])"
            ),
        ),
        (["sol", 3], "Text 2 of 2 is 3. Every text must be a string."),
        (
            ["sol", " "],
            (
                "Row 2 of 'texts' has no text; 1 of 2 rows have none. "
                "Every document needs its text.\n"
                "  Leave those rows out before making the corpus, and say so where you publish."
            ),
        ),
        (
            ["sol", "h\udcf6st"],
            (
                "Text 2 has '\\udcf6', half of a character, at character 2. "
                "Text that can be written as UTF-8 was expected.\n  It was read with "
                "errors='surrogateescape'; read it again with the right encoding."
            ),
        ),
    ],
)
def test_from_texts_refuses_what_is_no_text(texts, message):
    with pytest.raises(CorpusError) as caught:
        Corpus.from_texts(texts)
    assert str(caught.value) == message


def test_from_texts_refuses_a_column_of_another_length():
    with pytest.raises(CorpusError, match="Column 'year' has 1 values for 2 texts"):
        Corpus.from_texts(["sol", "regn"], year=[1931])


def test_from_table_takes_pandas_and_named_columns():
    table = pd.DataFrame({"nr": ["a", "b"], "body": ["sol", "regn"], "date": ["1931-05", None]})
    corpus = Corpus.from_table(table, text="body", id="nr")
    assert corpus.columns == ("id", "text", "date", "year")
    assert [document.id for document in corpus] == ["a", "b"]
    assert corpus[0].year == 1931
    assert corpus[1].year is None


def test_from_table_says_which_columns_there_are():
    with pytest.raises(CorpusError) as caught:
        Corpus.from_table(pl.DataFrame({"body": ["sol"]}))
    assert str(caught.value) == (
        "The table has no column 'text'. Its columns: body.\n"
        "  Name the right ones with text='...' and id='...'."
    )


def test_from_table_refuses_an_id_used_twice():
    with pytest.raises(CorpusError) as caught:
        Corpus.from_table(pl.DataFrame({"id": ["a", "b", "a"], "text": ["x", "y", "z"]}))
    assert str(caught.value) == (
        "Rows 1 and 3 of 'table' have the same id 'a'; 1 ids are used again. "
        "An id names one document.\n"
        "  Give another column as id, or none: then rows are numbered."
    )


def test_from_table_refuses_a_year_that_is_none():
    with pytest.raises(CorpusError, match="Row 2 of 'table' has the year 'okänt'"):
        Corpus.from_table(pl.DataFrame({"text": ["x", "y"], "year": ["1931", "okänt"]}))


def test_from_documents_gives_the_documents_back():
    documents = [
        Document("a", "sol", date="1931", language="sv", origin={"film": "SF1", "start_s": 1.5}),
        Document("b", "regn", origin={"film": 7, "page": 3}),
    ]
    corpus = Corpus.from_documents(documents)
    assert corpus[0] == documents[0]
    assert corpus[1].origin == {"film": "7", "page": 3}


def test_from_documents_refuses_an_origin_that_hides_a_field():
    with pytest.raises(CorpusError, match="Document 'a' has 'title' in its origin"):
        Corpus.from_documents([Document("a", "sol", origin={"title": "x"})])


def test_counts_equal_a_naive_count(films):
    texts = [text for *_, text in CUES]
    assert films.counts == {
        "documents": len(texts),
        "words": sum(len(text.split()) for text in texts),
        "characters": sum(map(len, texts)),
        "first_year": 1931,
        "last_year": 1935,
    }
    assert films.n_words == films.counts["words"]


def test_fingerprint_equals_hashlib_over_ids_and_texts(films):
    pairs = [(f"films/{n}", text) for n, (*_, text) in enumerate(CUES, start=1)]
    assert films.fingerprint == naive_fingerprint(pairs)


def test_content_is_that_of_the_rows_as_json():
    corpus = Corpus.from_texts(["sol", "snö"], name="t", year=[1931, None], film="SF1")
    rows = (
        '{"film":"SF1","id":"t/1","text":"sol","year":1931}',
        '{"film":"SF1","id":"t/2","text":"snö","year":null}',
    )
    whole = b"".join(b"%d:%s" % (len(row.encode()), row.encode()) for row in rows)
    assert corpus.content == hashlib.blake2b(whole, digest_size=32).hexdigest()


def test_content_minds_every_column_and_not_their_order():
    here = Corpus.from_texts(["sol"], film="SF1", reel="A", scan=b"1")
    assert here.content == Corpus.from_texts(["sol"], scan=b"1", reel="A", film="SF1").content
    others = [{"reel": "B"}, {"scan": b"2"}, {"reel": None}]
    found = {
        Corpus.from_texts(["sol"], **{"film": "SF1", "reel": "A", "scan": b"1"} | one).content
        for one in others
    }
    assert len({here.content, *found}) == 4


@pytest.mark.parametrize("texts", [["ab", "c"], ["a", "bc"], ["c", "ab"], ["ab", "c", "d"]])
def test_fingerprint_tells_texts_apart(texts):
    assert Corpus.from_texts(texts).fingerprint != Corpus.from_texts(["abc", "d"]).fingerprint


def test_fingerprint_does_not_depend_on_how_rows_are_cut(films):
    whole = films.filter(medium="speech")
    again = Corpus.from_table(whole.table.astype({"year": "Int64"}), name="again")
    assert again.fingerprint == whole.fingerprint


def test_filter_keeps_years_and_counts_why_others_went(films):
    kept = films.filter(years=(1930, 1931))
    assert len(kept) == 4
    assert kept.manifest["steps"][-1] == {
        "step": "filter",
        "filters": ["year_known()", "in_years(1930, 1931)"],
        "kept": 4,
        "dropped": {"year outside 1930-1931": 5, "year unknown": 3},
    }


@pytest.mark.parametrize(
    ("equals", "count"),
    [
        ({"medium": "speech"}, 10),
        ({"film": ["SF1", "SF3"]}, 7),
        ({"year": 1935, "medium": "intertitle"}, 1),
        ({"year": None}, 3),
        ({"year": [1931, None]}, 7),
        ({"film": []}, 0),
    ],
)
def test_filter_keeps_equal_values(films, equals, count):
    assert len(films.filter(**equals)) == count


def test_filter_says_which_columns_there_are(films):
    with pytest.raises(CorpusError) as caught:
        films.filter(meduim="speech")
    assert str(caught.value) == (
        "Corpus 'films' has no column 'meduim'. Its columns: id, text, year, film, medium.\n"
        "  Did you mean 'medium'?"
    )


def test_filter_refuses_a_value_of_another_type(films):
    with pytest.raises(CorpusError) as caught:
        films.filter(year="1935")
    assert str(caught.value) == (
        "year='1935' cannot be used on corpus 'films': "
        "cannot compare string with numeric type (i32). It reads year (Int32).\n"
        "  Give a value of the column's type."
    )


@pytest.mark.parametrize("years", [1935, (1935,), ("a", "b"), (1935, 1931)])
def test_filter_refuses_years_that_are_none(films, years):
    with pytest.raises(CorpusError, match="years"):
        films.filter(years=years)


def test_corpus_is_unchanged_by_filtering(films):
    before = films.fingerprint
    films.filter(min_words(3)).fingerprint  # noqa: B018
    assert (films.fingerprint, len(films)) == (before, len(CUES))


def test_dropped_shows_the_documents_of_a_reason(films):
    kept = films.filter(years=(1930, 1931)).filter(min_words(2))
    assert kept.dropped("fewer than 2 words").text.tolist() == ["Ja."]
    assert len(kept.dropped()) + len(kept) == len(films)


def test_dropped_lists_the_reasons_there_are(films):
    with pytest.raises(CorpusError) as caught:
        films.filter(years=(1930, 1935)).dropped("too long")
    assert str(caught.value) == (
        "Nothing was dropped from 'films' for the reason 'too long'. Reasons: year unknown."
    )


def test_dropped_of_a_whole_corpus_is_an_empty_table(films):
    assert films.dropped().columns.tolist() == [*films.columns, "reason"]
    assert films.dropped().empty


def naive_split(groups, share, seed):
    ranked = sorted(
        groups,
        key=lambda group: hashlib.blake2b(f"{seed}:{group}".encode(), digest_size=8).digest(),
    )
    return set(ranked[: max(1, round(share * len(groups)))])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_split_keeps_films_whole_and_equals_a_naive_ranking(films, seed):
    train, test = films.split(test=0.3, by="film", seed=seed)
    assert set(test.table.film) == naive_split({"SF1", "SF2", "SF3"}, 0.3, seed)
    assert set(train.table.film).isdisjoint(test.table.film)
    assert len(train) + len(test) == len(films)


def test_split_gives_three_parts_that_are_named_and_ordered(films):
    parts = films.split(test=0.3, valid=0.3, by="film", seed=1)
    assert [part.name for part in parts] == ["films-train", "films-valid", "films-test"]
    ids = [document.id for part in parts for document in part]
    assert sorted(ids) == sorted(document.id for document in films)
    assert all(part.table.id.tolist() == [one.id for one in part] for part in parts)


def test_split_keeps_documents_without_a_group_together(films):
    train, test = films.split(test=0.3, by="year", seed=1)
    unknown = [part.table.year.isna().sum() for part in (train, test)]
    assert sorted(unknown) == [0, 3]


def test_split_counts_what_is_in_the_other_part(films):
    train, test = films.split(test=0.3, by="film", seed=1)
    said = train.manifest["steps"][-1]
    assert said["dropped"] == {"in another part": len(test)}
    assert train.dropped().empty


def test_split_refuses_too_few_groups(films):
    with pytest.raises(CorpusError) as caught:
        films.filter(film="SF1").split(test=0.1, by="film", seed=1)
    assert str(caught.value) == (
        "Corpus 'films' has 1 different values of 'film', too few to split. "
        "At least 2 were expected, so that every part has one.\n"
        "  Split by another column; by='id' makes each document its own group."
    )


@pytest.mark.parametrize("shares", [{"test": 0}, {"test": 1}, {"test": 0.6, "valid": 0.5}])
def test_split_refuses_shares_that_leave_nothing(films, shares):
    with pytest.raises(CorpusError, match="leave no train part or no test part"):
        films.split(**shares, by="film", seed=1)


def test_sample_is_the_same_for_the_same_seed_and_keeps_the_order(films):
    first, second = (films.sample(5, seed=3).table.id.tolist() for _ in range(2))
    order = films.table.id.tolist()
    assert first == second == sorted(first, key=order.index)
    assert films.sample(5, seed=4).table.id.tolist() != first


def test_sample_draws_from_each_group(films):
    assert films.sample(2, seed=1, by="film").table.film.value_counts().to_dict() == {
        "SF1": 2,
        "SF2": 2,
        "SF3": 2,
    }


def test_sample_refuses_more_than_there_is(films):
    with pytest.raises(CorpusError, match="13 documents were asked for; 'films' has 12"):
        films.sample(13, seed=1)


def test_summary_equals_a_naive_count(films):
    table = films.summary("year")
    naive = {}
    for _, _, year, text in CUES:
        sums = naive.setdefault(year, [0, 0, 0])
        for index, value in enumerate((1, len(text.split()), len(text))):
            sums[index] += value
    found = {
        None if pd.isna(row.year) else int(row.year): [row.documents, row.words, row.characters]
        for row in table.itertuples()
    }
    assert found == naive
    assert pd.isna(table.year.iloc[-1])


def test_batches_hold_every_document_once_and_in_order(films):
    batches = list(films.filter(medium="speech").batches(3))
    assert [batch.height for batch in batches] == [3, 3, 3, 1]
    assert pl.concat(batches)["id"].to_list() == films.filter(medium="speech").table.id.tolist()


def test_batches_can_be_left_early(films):
    assert next(films.batches(2)).height == 2
    assert len(list(films.texts())) == len(CUES)


def test_documents_are_found_by_number(films):
    speech = films.filter(medium="speech")
    listed = list(speech)
    assert [speech[index] for index in range(-len(listed), len(listed))] == listed * 2
    with pytest.raises(IndexError):
        speech[len(listed)]
    with pytest.raises(CorpusError):
        speech[1:2]


def test_corpus_cannot_be_changed(films):
    with pytest.raises(AttributeError):
        films.name = "other"


def test_whole_numbers_stay_whole_where_some_are_unknown(films):
    assert str(films.table.year.dtype) == "Int64"
    assert not any(isinstance(year, float) and not math.isnan(year) for year in films.table.year)


def test_from_texts_names_the_column_whose_values_do_not_go_together():
    with pytest.raises(CorpusError) as caught:
        Corpus.from_texts(["a", "b"], kind="letter", year=["ca 1900", 1901])
    assert str(caught.value) == (
        "Column 'year' holds values of 2 types: 1901 (int), 'ca 1900' (str). "
        "One type a column was expected, and None where nothing is known."
    )


def test_filter_refuses_what_is_no_filter(films):
    with pytest.raises(CorpusError, match=r"(?s)filter got 1930, which is no filter.*years=\(1930"):
        films.filter(1930)
