"""ConcordanceView: every hit, page by page, to its source and into files."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

from kblib.corpora import Corpus
from kblib.ngrams.concordance import concordance
from kbnotebooks import _words
from kbnotebooks.concordance_view import ConcordanceView


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_words, "_chosen", ["en"])


def numbered(n: int) -> Corpus:
    """Return n texts; text k says 'sol' before the k-th word of a falling alphabet."""
    rows = [{"id": f"t{k}", "title": "A", "year": 1930 + k, "start_s": 60.0 + k,
             "text": f"här är sol w{n - k:03d}", "language": "sv"} for k in range(n)]  # fmt: skip
    return Corpus.from_table(pd.DataFrame(rows), name="numbered")


def naive_lines(corpus: Corpus, word: str) -> list[tuple[str, str, str]]:
    """Return what stands before, at and after each hit: the slow way."""
    found = []
    for text in corpus.texts():
        for match in re.finditer(rf"\b{word}\b", text, re.IGNORECASE):
            before, after = text[: match.start()], text[match.end() :]
            found.append((before.strip(), match[0], after.strip()))
    return found


def test_every_hit_is_there(films: Corpus):
    view = ConcordanceView(films, "kungen")
    lines = list(view.table[["left", "hit", "right"]].itertuples(index=False, name=None))
    assert lines == naive_lines(films, "kungen")
    assert f"{len(lines)} hits in 'films', sorted as in the corpus." in view._status.value


def test_pages_hold_all_lines_once():
    view = ConcordanceView(numbered(32), "sol", per_page=15)
    seen = []
    for page in (1, 2, 3):
        view._page.value = page
        seen += [number for number, _ in view._line._options_full]
        assert f"Page {page} of 3" in view._lines.value
    assert [int(number) for number in seen] == list(range(1, 33))


def test_buttons_turn_pages_and_stop_at_the_ends():
    view = ConcordanceView(numbered(32), "sol", per_page=15)
    view._steps[-1].click()
    assert view._page.value == 1
    for _ in range(5):
        view._steps[1].click()
    assert view._page.value == 3
    assert view.error is None


def test_sorting_by_the_words_after_reverses_the_numbered_texts():
    view = ConcordanceView(numbered(20), "sol")
    view._sort.value = "right"
    assert view.table["right"].is_monotonic_increasing
    assert view.table["year"].is_monotonic_decreasing
    assert "sorted by the words after" in view._status.value


def test_several_sorts_are_offered_by_name(films: Corpus):
    view = ConcordanceView(films, "kungen", sort=["right", "year"])
    assert view._sort.value == ("right", "year")
    assert "sorted by the words after, then by year" in view._status.value


def test_number_of_a_line_chooses_its_source(films: Corpus, structure):
    view = ConcordanceView(films, "kungen")
    buttons = structure(view._lines.value).all("button")
    assert len(buttons) == len(view.table)
    assert "selectedIndex=1;" in buttons[1]["onclick"]
    view._line.value = 2
    assert "Source of line 2" in view._source.value
    assert list(view.source["here"]) == [one == view.table["id"][1] for one in view.source["id"]]


def test_source_shows_time_and_what_stands_around():
    view = ConcordanceView(numbered(9), "sol", per_page=9)
    view.selection = {"line": 5}
    assert list(view.source["text"]) == [f"här är sol w{9 - k:03d}" for k in range(2, 7)]
    assert "00:01:04" in view._source.value  # 60 s and 4
    assert view._source.value.count('class="kb-hit"') == 1


def test_selection_can_be_set_and_repeated():
    view = ConcordanceView(numbered(40), "sol")
    view.selection = {"query": "här", "sort": "right", "line": 17}
    assert view.error is None
    assert view.selection == {"query": "här", "forms": "surface", "sort": "right", "line": 17}
    assert "Page 2 of 3" in view._lines.value
    again = ConcordanceView(view.corpus)
    again.selection = view.selection
    assert again.source.equals(view.source)


def test_line_that_is_not_there_is_answered_in_a_sentence(films: Corpus):
    view = ConcordanceView(films, "kungen")
    view.selection = {"line": 99}
    assert "There is no line 99." in view._message.value


def test_strange_selection_is_answered_in_a_sentence(films: Corpus):
    view = ConcordanceView(films, "kungen")
    view.selection = {"page": 2}
    assert "This view has no 'page' to select." in view._message.value


def test_unknown_word_is_answered_and_recovered_from(films: Corpus):
    view = ConcordanceView(films, "konungen")
    assert "The word 'konungen' is nowhere in corpus 'films'." in view._message.value
    assert view._lines.value == ""
    assert view.table.empty
    view._query.value = "kungen"
    assert view._message.value == ""
    assert "KUNGEN" in view._lines.value


def test_empty_query_asks_for_one(films: Corpus):
    view = ConcordanceView(films)
    assert "järnväg*" in view._status.value
    assert view.error is None


def test_empty_corpus_is_answered_in_a_sentence(films: Corpus):
    view = ConcordanceView(films.filter(years=(1800, 1801)), "kungen")
    assert view._message.value != ""
    assert "Traceback" not in view._message.value
    assert "did not expect" not in view._message.value


def test_wrong_regular_expression_is_answered_in_a_sentence(films: Corpus):
    view = ConcordanceView(films, "/kung(/")
    assert "is no regular expression" in view._message.value


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sort": "colour"}, "cannot be sorted by 'colour'"),
        ({"forms": "all"}, "No way of choosing forms is called 'all'."),
        ({"per_page": 0}, "per_page is 0."),
    ],
)
def test_wrong_argument_is_answered_in_a_sentence(films: Corpus, wrong, said: str):
    view = ConcordanceView(films, "kungen", **wrong)
    assert said in view._message.value.replace("&#x27;", "'")


def test_concordance_in_the_place_of_a_corpus_is_answered_in_a_sentence(films: Corpus):
    view = ConcordanceView(concordance(films, "kungen"))
    assert str(view.error).startswith("ConcordanceView got Concordance. A corpus was expected.")


def test_unknown_word_chosen_by_code_is_answered(films: Corpus):
    view = ConcordanceView(films, "kungen")
    view.selection = {"query": "zyxzyx"}
    assert "The word 'zyxzyx' is nowhere in corpus" in str(view.error)


def test_failing_callback_is_told_below_the_view(films: Corpus, monkeypatch):
    view = ConcordanceView(films, "kungen")
    monkeypatch.setattr("kbnotebooks.concordance_view.concordance", lambda *_, **__: 1 / 0)
    view._query.value = "stockholm"
    assert "ZeroDivisionError" in view._message.value


def test_hits_are_written_as_csv_that_pandas_reads(films: Corpus, tmp_path):
    view = ConcordanceView(films, "kungen", folder=tmp_path)
    view._exports[".csv"].click()
    path = tmp_path / "concordance-kungen.csv"
    assert str(path) in view._written.value
    read = pd.read_csv(path)
    assert list(read["hit"]) == list(view.table["hit"])
    about = json.loads((tmp_path / "concordance-kungen.about.json").read_text(encoding="utf-8"))
    assert about["fingerprint"] == films.fingerprint


def test_hits_are_written_for_reference_managers(films: Corpus, tmp_path):
    view = ConcordanceView(films, "kungen", folder=tmp_path)
    items = json.loads(view.export(".csl.json").read_text(encoding="utf-8"))
    records = view.export(".ris").read_text(encoding="utf-8").count("TY  - ")
    assert len(items) == records == len(view.table)


def test_a_file_that_is_there_is_not_written_over(films: Corpus, tmp_path):
    view = ConcordanceView(films, "kungen", folder=tmp_path)
    assert view.export(".ris").name == "concordance-kungen.ris"
    assert view.export(".ris").name == "concordance-kungen-2.ris"


def test_name_of_a_file_holds_no_sign_that_a_path_would_mean(films: Corpus, tmp_path):
    view = ConcordanceView(films, "/kung(en|ar)/", folder=tmp_path)
    assert view.export(".ris").parent == tmp_path


def test_nothing_to_write_is_answered_in_a_sentence(films: Corpus):
    view = ConcordanceView(films)
    view._exports[".csv"].click()
    assert "There are no hits to write." in view._message.value


def test_still_form_has_no_buttons_and_all_lines_of_the_page(films: Corpus, structure):
    view = ConcordanceView(films, "kungen")
    assert structure(view.html).all("button") == []
    assert view.html.count('class="kb-left"') == 1 + len(view.table)


def test_text_of_a_source_is_shown_as_text_not_as_html(films: Corpus, structure):
    view = ConcordanceView(films, "FEET")
    assert structure(view.html).all("b") == []
    assert "&lt;b&gt;" in view.html


def test_view_speaks_swedish(films: Corpus):
    _words.language("sv")
    view = ConcordanceView(films, "kungen", sort="right")
    assert "4 träffar i 'films', ordnade efter orden efter." in view._status.value
    assert "Källa till rad 1" in view._source.value
    assert view._button.description == "Sök"


def test_source_of_texts_without_titles_is_shown():
    view = ConcordanceView(Corpus.from_texts(["sol i dag", "sol och regn", "regn"]), "sol")
    view._line.value = 2
    assert view.error is None
    assert list(view.source["text"]) == ["sol i dag", "sol och regn", "regn"]


def test_words_that_are_no_phrase_are_told_how_to_be_asked_for():
    view = ConcordanceView(Corpus.from_texts(["en häst", "en ko"]), "häst ko")
    assert "0 hits" in view._status.value
    assert "For one or the other: /häst|ko/" in view._status.value
    assert view._lines.value == ""
    view.selection = {"query": "/häst|ko/"}
    assert "For one or the other" not in view._status.value
    assert view.found.n == 2
