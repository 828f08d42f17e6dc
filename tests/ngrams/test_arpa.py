from __future__ import annotations

import pytest

from kblib.errors import ModelError
from kblib.ngrams.language_model import NgramLM

SMALL = """\
anything may stand here

\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-99\t<s>\t-0.5
-0.4\t</s>
-0.6\tsol\t-0.25
-0.7\tregn

\\2-grams:
-0.3\tsol regn
-0.2\t<s> sol

\\end\\
"""


@pytest.fixture
def opened(tmp_path):
    def open_text(text):
        path = tmp_path / "a.arpa"
        path.write_bytes(text.encode())
        return NgramLM.open(path)

    return open_text


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["unix", "windows"])
def test_a_hand_written_file_scores_by_hand_arithmetic(opened, newline):
    model = opened(SMALL.replace("\n", newline))
    # <s> sol, sol regn, regn backs off at no cost to </s>
    assert model.log10_score("sol regn") == pytest.approx(-0.2 - 0.3 - 0.4)
    # <s> backs off to regn; sol after regn; sol backs off to </s>
    assert model.log10_score("regn sol") == pytest.approx(-0.5 - 0.7 - 0.6 - 0.25 - 0.4)


def test_a_file_without_unknown_gives_it_what_kenlm_does(opened):
    assert opened(SMALL).log10_score("snö") == pytest.approx(-0.5 - 100 - 0.4)


def test_a_file_whose_unknown_is_tiny_survives_being_saved(tmp_path, opened):
    folder = opened(SMALL).save(tmp_path / "saved")
    assert NgramLM.open(folder).log10_score("snö") == pytest.approx(-0.5 - 100 - 0.4)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("\\data\\", "data", "holds no n-gram model"),
        ("\\end\\", "", r"It is cut off: there is no \\end\\"),
        ("ngram 2=2", "ngram 2=3", "It holds 2 2-grams. 3 were expected"),
        ("ngram 2=2", "ngram 3=2", "holds no n-gram model"),
        ("-0.3\tsol regn", "-0.3\tsnö regn", "'snö' stands in a 2-gram. It is no 1-gram"),
        ("-0.3\tsol regn", "-0.3\tsol", "The 2-grams hold 'sol'. 2 words were expected"),
        ("-0.3\tsol regn", "x\tsol regn", r"The 2-grams hold the line 'x\\tsol regn'"),
        ("-0.6\tsol\t-0.25", "-0.6\tsol\t", r"The 1-grams hold the line '-0.6\\tsol\\t'"),
        ("-0.7\tregn", "-0.7\tsol", "The word 'sol' stands twice"),
        ("-0.4\t</s>", "-0.4\tslut", "It lacks the word </s>"),
        ("-0.3\tsol regn", "-0.3\t<s> sol", "The 2-gram '<s> sol' stands twice"),
    ],
)
def test_a_damaged_file_is_refused_with_its_fault(opened, old, new, complaint):
    with pytest.raises(ModelError, match=complaint):
        opened(SMALL.replace(old, new))


def test_an_ngram_without_the_one_it_begins_with_is_named(opened):
    text = SMALL.replace("ngram 2=2", "ngram 2=2\nngram 3=1")
    text = text.replace("\\end\\", "\\3-grams:\n-0.1\tregn sol regn\n\n\\end\\")
    with pytest.raises(ModelError, match="It holds 'regn sol regn' but not 'regn sol'"):
        opened(text)


def test_a_failing_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.arpa"
    path.write_text("old")
    model = NgramLM.train(["a b"], order=2)
    monkeypatch.setattr("kblib.ngrams.arpa._lines", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model.to_arpa(path)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.arpa", "old")]
