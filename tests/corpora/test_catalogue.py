from __future__ import annotations

from html.parser import HTMLParser

from kblib.corpora import Corpus


class Table(HTMLParser):
    """Counts what a reader of the table would hear."""

    def __init__(self):
        super().__init__()
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs).get("scope")))


def test_html_is_a_table_with_a_caption_and_marked_heads(films):
    table = Table()
    table.feed(films._repr_html_())
    assert table.tags.count(("th", "col")) == 4
    assert table.tags.count(("th", "row")) == 5
    assert ("caption", None) in table.tags


def test_html_escapes_texts_names_and_reasons():
    corpus = Corpus.from_texts(["<script>alert(1)</script>"], name="<b>")
    shown = corpus._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "<b>" not in shown


def test_text_says_counts_years_and_what_was_dropped(films):
    shown = repr(films.filter(years=(1930, 1931)))
    assert shown.splitlines()[0] == "Corpus 'films': 4 documents, 13 words, 1931"
    assert shown.splitlines()[-2:] == [
        "  dropped: 5 (year outside 1930-1931)",
        "  dropped: 3 (year unknown)",
    ]


def test_long_texts_are_cut_and_lines_joined():
    shown = repr(Corpus.from_texts(["rad ett\nrad två " + "ord " * 100]))
    assert "rad ett rad två ord" in shown
    assert len(shown.splitlines()) == 2
    assert shown.endswith("…")


def test_an_empty_corpus_can_be_shown(films):
    none = films.filter(film="SF9")
    assert repr(none).startswith("Corpus 'films': 0 documents, 0 words")
    assert "<table>" in none._repr_html_()
