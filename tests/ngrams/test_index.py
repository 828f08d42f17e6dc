"""The positional index, against the texts themselves."""

from __future__ import annotations

import numpy as np
import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError, IntegrityError
from kblib.ngrams import index as index_module
from kblib.ngrams import indexing
from kblib.ngrams.index import index_corpus
from tests.ngrams.naive import folded_words, naive_ngrams, random_corpus


def test_index_holds_every_word_in_order():
    corpus = random_corpus()
    text = index_corpus(corpus).text
    words = text.words.gather(text.words_at(np.arange(text.n_words))).to_list()
    assert words == [word for one in corpus.texts() for word in folded_words(one)]


def test_index_is_the_same_whatever_the_chunks(monkeypatch):
    whole = index_corpus(random_corpus()).text
    monkeypatch.setattr(indexing, "CHUNK", 37)
    monkeypatch.setattr(indexing, "BATCH_CHARACTERS", 100)
    cut = index_corpus(random_corpus()).text
    for name in ("ids", "places", "positions", "starts", "document_counts", "rare", "text"):
        assert np.array_equal(getattr(whole, name), getattr(cut, name)), name


def test_positions_of_a_word_are_all_and_only_its_own():
    text = index_corpus(random_corpus()).text
    at = text.words_at(np.arange(text.n_words))
    for word in range(len(text.words)):
        assert np.array_equal(text.positions_of(np.array([word])), np.flatnonzero(at == word))


def test_find_knows_every_word_and_no_other():
    text = index_corpus(random_corpus()).text
    assert [text.find(word) for word in text.words] == list(range(len(text.words)))
    assert [text.find(word) for word in ("a", "ö", "soll", "järnv", "")] == [None] * 5


def test_positions_of_several_words_are_in_order():
    text = index_corpus(random_corpus()).text
    wanted = np.array([0, 1, 4, 6])
    at = text.words_at(np.arange(text.n_words))
    assert np.array_equal(text.positions_of(wanted), np.flatnonzero(np.isin(at, wanted)))


def test_places_lead_to_the_word_as_written():
    corpus = random_corpus()
    text = index_corpus(corpus).text
    texts = list(corpus.texts())
    for position in range(0, text.n_words, 7):
        document = int(text.documents_at(np.array([position]))[0])
        written = text.types[int(text.ids[position])]
        after = texts[document].encode()[int(text.places[position]) :].decode()
        assert after.startswith(written)


def test_document_counts_and_rare_words_equal_slow_count():
    corpus = Corpus.from_texts(["sol sol regn", "sol vind vind", "!!", "dis"])
    text = index_corpus(corpus).text
    _, documents = naive_ngrams(corpus.texts(), 1)
    assert dict(zip(text.words, text.document_counts.tolist(), strict=True)) == documents
    assert text.rare.tolist() == [1, 2, 0, 1]


def test_filtered_corpus_uses_the_index_of_its_rows():
    corpus = random_corpus()
    speech = corpus.filter(medium="speech")
    index = index_corpus(corpus)
    filtered = index_corpus(speech)
    assert filtered.text is index.text
    assert filtered.n_words == sum(len(folded_words(one)) for one in speech.texts())


def test_filter_that_is_run_again_is_not_worked_out_again():
    corpus = random_corpus()
    first, again = (index_corpus(corpus.filter(medium="speech")) for _ in range(2))
    assert first.corpus is not again.corpus
    assert first.memory is again.memory
    assert index_corpus(corpus.filter(medium="intertitle")).memory is not first.memory
    assert index_corpus(corpus).memory is not first.memory
    assert again.provenance()["fingerprint"] == again.corpus.fingerprint


def test_column_whose_values_repeat_gives_the_same_values():
    corpus = random_corpus()
    index = index_corpus(corpus)
    for name in ("film", "medium", "id", "year"):
        expected = corpus.store.frame.collect()[name]
        assert index.column(name).equals(expected)
        assert index.column(name).dtype == expected.dtype
        assert index.values_at(name, [3, 1]).to_list() == [expected[3], expected[1]]


def test_index_on_disk_is_built_once_and_opened_again(tmp_home, monkeypatch):
    monkeypatch.setattr(index_module, "ON_DISK_FROM", 0)
    index_corpus(random_corpus())
    folder = next((tmp_home / "indexes").iterdir())
    written = (folder / "manifest.json").stat().st_mtime_ns
    again = index_corpus(random_corpus())
    assert again.text.folder == folder
    assert (folder / "manifest.json").stat().st_mtime_ns == written
    assert again.text.find("regn") is not None


def test_damaged_index_says_how_to_build_it_again(tmp_home, monkeypatch):
    monkeypatch.setattr(index_module, "ON_DISK_FROM", 0)
    index_corpus(random_corpus())
    damaged = next((tmp_home / "indexes").iterdir()) / indexing.IDS
    damaged.write_bytes(damaged.read_bytes()[:-4])
    with pytest.raises(IntegrityError, match="index_corpus\\(corpus, fresh=True\\)"):
        index_corpus(random_corpus())
    corpus = random_corpus()
    assert index_corpus(corpus, fresh=True).n_words == index_corpus(corpus).text.n_words


def test_index_reports_progress_size_and_time():
    seen = []
    index = index_corpus(random_corpus(), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (400, 400)
    assert index.text.size_bytes > index.n_words * 12
    assert "built in" in repr(index)


@pytest.mark.parametrize(
    ("corpus", "message"),
    [
        (Corpus.from_texts([], name="void"), "Corpus 'void' has no documents."),
        (Corpus.from_texts(["!!", "..."], name="dots"), "Corpus 'dots' holds no word."),
    ],
)
def test_corpus_without_words_is_refused(corpus, message):
    with pytest.raises(CorpusError, match=message):
        index_corpus(corpus)


def test_fresh_process_memory_is_not_needed_for_words_of_many_scripts():
    texts = ["Žižek läser 東京 і київ", "e\u0301tude ETUDE étude", "𝔄bc 😀 slut"]
    index = index_corpus(Corpus.from_texts(texts))
    words = index.text.words_at(np.arange(index.n_words))
    found = index.text.words.gather(words).to_list()
    assert found == [word for one in texts for word in folded_words(one)]


def test_something_else_than_a_corpus_is_refused():
    with pytest.raises(CorpusError, match=r"A str was given: 'reels'\. A Corpus was expected\."):
        index_corpus("reels")
