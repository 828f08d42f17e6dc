"""Words and marks as the n-gram models see them, against plain Python."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from kblib.corpora import Corpus
from kblib.errors import ModelError
from kblib.ladder.word_counts import WordCounts, spaced, spaced_corpus, tokens_of


def test_marks_stand_apart_and_case_is_kept() -> None:
    text = "SJ:s e-post kom 10.30; \u201dJa\u201d, sade han!"
    said = "SJ:s e-post kom 10.30 ; \u201d Ja \u201d , sade han !"
    assert list(spaced([text, ""])) == [said, ""]
    assert tokens_of("") == ()


def test_corpus_is_spaced_as_its_texts(newsreels: Corpus) -> None:
    assert list(spaced_corpus(newsreels)) == list(spaced(newsreels.texts()))


def test_counts_are_those_of_plain_python(newsreels: Corpus) -> None:
    wanted = Counter(word for text in newsreels.texts() for word in re.findall(r"\w+", text))
    counts = WordCounts.of(newsreels)
    assert dict(zip(counts.words, counts.counts, strict=True)) == wanted
    ordered = sorted(wanted, key=lambda word: (-wanted[word], word))
    assert counts.most_frequent(7) == tuple(ordered[:7])
    share = sum(wanted[word] for word in ordered[:7]) / wanted.total()
    assert counts.coverage(7) == pytest.approx(share)


def test_no_words_are_refused() -> None:
    with pytest.raises(ModelError, match="Corpus 'marks' holds no words"):
        WordCounts.of(Corpus.from_texts(["...", "!"], name="marks"))


def test_no_candidates_are_refused(newsreels: Corpus) -> None:
    with pytest.raises(ModelError, match="n_candidates is 0"):
        WordCounts.of(newsreels).most_frequent(0)
