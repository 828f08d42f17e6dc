"""CoNLL-U, and CoNLL and IOB with any run of spaces and tabs between their columns."""

from __future__ import annotations

import pytest

from kblib.errors import LabelError
from kblib.labels import read_labels

CONLLU = """\
# newdoc id = P1
# newpar id = P1.1
# sent_id = s1
# text = Hon kom ifrån'en.
1\tHon\thon\tPRON\tPN\t_\t2\tnsubj\t_\t_
2\tkom\tkomma\tVERB\tVB\t_\t0\troot\t_\t_
3-4\tifrån'en\t_\t_\t_\t_\t_\t_\t_\t_
3\tifrån\tifrån\tADP\tPP\t_\t4\tcase\t_\t_
4\ten\ten\tPRON\tPN\t_\t2\tobl\t_\t_
4.1\tkom\tkomma\tVERB\t_\t_\t_\t_\t_\t_
5\t.\t.\tPUNCT\tMAD\t_\t2\tpunct\t_\t_

# sent_id = s2
# text = Ja.
1\tJa\tja\tINTJ\tIN\t_\t0\troot\t_\tSpaceAfter=No
2\t.\t.\tPUNCT\tMAD\t_\t1\tpunct\t_\t_

# newdoc id = P2
# sent_id = s3
# text = Nej
1\tNej\tnej\tINTJ\tIN\t_\t0\troot\t_\t_
"""


@pytest.fixture
def write(tmp_path):
    def written(name: str, content: str):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    return written


def test_conllu_gives_words_tags_ids_texts_and_documents(write):
    labels = read_labels(write("a.conllu", CONLLU))
    first, second, third = labels.rows.iter_rows(named=True)
    assert first["tokens"] == ["Hon", "kom", "ifrån", "en", "."]
    assert first["label"] == ["PRON", "VERB", "ADP", "PRON", "PUNCT"]
    assert first["text"] == "Hon kom ifrån'en."
    assert [row["id"] for row in (first, second, third)] == ["s1", "s2", "s3"]
    assert labels.table["document"].tolist() == ["P1", "P1", "P2"]
    assert labels.table["paragraph"].tolist()[:2] == ["P1.1", "P1.1"]
    assert labels.rows["paragraph"][2] is None
    assert labels.kind == "words"
    assert labels.counts["count"].sum() == 8


def test_conllu_gives_another_column_if_asked(write):
    labels = read_labels(write("a.conllu", CONLLU), label="deprel")
    assert labels.rows["label"][1].to_list() == ["root", "punct"]
    with pytest.raises(LabelError, match="CoNLL-U has no column 'pos'"):
        read_labels(write("a.conllu", CONLLU), label="pos")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1\tJa\tja\tINTJ", "line 14: 4 columns where CoNLL-U has 10."),
        ("1 Ja ja INTJ IN _ 0 root _ _", "line 14: 1 columns where CoNLL-U has 10."),
        ("1\tJa\tja\t_\tIN\t_\t0\troot\t_\t_", "line 14: word 1 has no upos."),
        ("1\t\tja\tINTJ\tIN\t_\t0\troot\t_\t_", "line 14: word 1 has no form."),
    ],
)
def test_wrong_line_of_conllu_is_told_or_takes_its_sentence_with_it(write, line, said):
    lines = CONLLU.splitlines()
    lines[13] = line
    path = write("a.conllu", "\n".join(lines) + "\n")
    with pytest.raises(LabelError) as error:
        read_labels(path)
    assert said in str(error.value)
    labels = read_labels(path, on_error="collect")
    assert labels.table["id"].tolist() == ["s1", "s3"]
    assert labels.left_out["reason"].tolist()[0].endswith("; its sentence is left out")


def test_columns_are_cut_at_any_run_of_spaces_and_tabs(write):
    path = write("a.txt", "Anna\tPER\nåkte    0\nhem \t 0\r\n\n\n10\xa0000   0\nkr\t0")
    labels = read_labels(path)
    assert labels.rows["tokens"].to_list() == [["Anna", "åkte", "hem"], ["10\xa0000", "kr"]]
    assert labels.rows["label"].to_list() == [["PER", "O", "O"], ["O", "O"]]
    assert labels.labels == ("PER", "O")
    assert labels.warnings[0] == "Words outside every name have the label 0 in the file; here O."
    assert labels.table["id"].tolist() == ["a.txt#1", "a.txt#6"]


def test_spaces_before_the_only_label_are_the_words_own_and_are_told(write):
    labels = read_labels(write("a.txt", "kostar\t0\n10 000   0\nkr 0\n"))
    assert labels.rows["tokens"].to_list() == [["kostar", "10 000", "kr"]]
    said = (
        "Lines of a.txt with spaces before the last column: 1; all before it is taken as the word."
    )
    assert labels.warnings[0] == said


def test_line_with_another_number_of_columns_is_told(write):
    path = write("a.txt", "En bok\tnovel\nRim\tpoem\n")
    with pytest.raises(LabelError) as error:
        read_labels(path)
    assert "a.txt, line 2: 2 columns, and 3 in the lines before." in str(error.value)
    assert "format='table'" in str(error.value)


def test_word_that_stands_alone_in_the_first_line_does_not_count_the_columns(write):
    labels = read_labels(write("a.txt", "bn\n\nAnna PER\nkom 0\n"), on_error="collect")
    assert labels.rows["tokens"].to_list() == [["Anna", "kom"]]
    assert labels.left_out["line"].tolist() == [1]


def test_zero_stays_where_labels_are_numbers(write):
    labels = read_labels(write("a.conll", "Anna 1\nåkte 0\n"))
    assert labels.labels == ("1", "0")


def test_label_is_the_last_column_or_the_one_named_by_its_number(write):
    path = write("a.conll", "Anna PM B-NP B-PER\nåkte VB B-VP O\n")
    assert read_labels(path).rows["label"].to_list() == [["B-PER", "O"]]
    assert read_labels(path, label=1).rows["label"].to_list() == [["PM", "VB"]]
    with pytest.raises(LabelError, match="4 columns, and the label should be in column 4"):
        read_labels(path, label=4)
    with pytest.raises(LabelError, match="columns of a CoNLL file have no names"):
        read_labels(path, label="ner")


def test_documents_are_told_apart_where_the_file_does(write):
    text = "-DOCSTART- -X- O O\n\nAnna PM x PER\n\nJa IN x O\n\n-DOCSTART- -X- O O\n\nNej IN x O\n"
    labels = read_labels(write("a.conll", text))
    assert labels.table["document"].tolist() == ["a.conll/1", "a.conll/1", "a.conll/2"]


def test_word_without_a_label_is_told_or_takes_its_sentence_with_it(write):
    path = write("a.txt", "Anna\tPER\nbn\nkom\tO\n\nJa\tO\n")
    with pytest.raises(LabelError) as error:
        read_labels(path)
    assert "a.txt, line 2: 'bn' stands alone. A word and a label were expected." in str(error.value)
    labels = read_labels(path, on_error="collect")
    assert labels.rows["tokens"].to_list() == [["Ja"]]
    assert labels.left_out["line"].tolist() == [2]


def test_words_are_saved_as_json_lines_and_read_again(write, tmp_path):
    labels = read_labels(write("a.conllu", CONLLU))
    again = read_labels(labels.save(tmp_path / "b.jsonl"), text="tokens")
    assert again.rows["tokens"].to_list() == labels.rows["tokens"].to_list()
    assert again.rows["label"].to_list() == labels.rows["label"].to_list()
    with pytest.raises(LabelError, match="cannot be saved as"):
        labels.save(tmp_path / "b.csv")


def test_conllu_takes_no_feature_as_a_label_and_no_part_of_speech_as_a_fault(write):
    labels = read_labels(write("a.conllu", CONLLU.replace("PRON\tPN\t_", "PRON\tPN\tNumber=Sing")),
                         label="feats")  # fmt: skip
    assert labels.rows["label"][0].to_list() == ["Number=Sing", "_", "_", "Number=Sing", "_"]


def test_comments_before_a_sentence_give_its_id(write):
    text = "# id 5239\tdomain=sv\nAnna _ _ B-PER\n# _ _ O\n\n# id 5240\tdomain=sv\nJa _ _ O\n"
    labels = read_labels(write("a.conll", text))
    assert labels.table["id"].tolist() == ["5239", "5240"]
    assert labels.rows["tokens"].to_list() == [["Anna", "#"], ["Ja"]]


def test_first_column_that_counts_the_words_is_no_word(write):
    text = (
        "# sent_id = sv-ud-dev-1\n# text = 1 juni kom Anna.\n1\t1\tO\t-\tselma\n"
        "2\tjuni\tO\t-\tselma\n3\tkom\tO\t-\tselma\n4\tAnna\tB-PER\t-\tselma\n\n"
        "# sent_id = sv-ud-dev-2\n1\tJa\tO\t-\tselma\n"
    )
    labels = read_labels(write("a.iob2", text))
    assert labels.rows["tokens"].to_list() == [["1", "juni", "kom", "Anna"], ["Ja"]]
    assert labels.rows["label"].to_list() == [["O", "O", "O", "B-PER"], ["O"]]
    assert labels.rows["text"][0] == "1 juni kom Anna."
