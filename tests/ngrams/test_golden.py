"""Each golden file holds the very n-grams that training with the same options gives.

``make golden-kenlm`` writes the files; their first line tells the options.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from kblib.ngrams.language_model import NgramLM

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("*.arpa"))


def read(path):
    """Return log10 probability and backoff of each n-gram, and the numbers the head tells."""
    lines = path.read_bytes().decode().split("\n")
    table, sizes = {}, []
    for line in lines:
        if line.startswith("ngram "):
            sizes.append(int(line.partition("=")[2]))
        elif "\t" in line:
            prob, words, *backoff = line.split("\t")
            assert words not in table
            table[words] = float(prob), float(backoff[0]) if backoff else 0.0
    return table, sizes


def options(path):
    """Return text, order, thresholds and vocabulary file of a golden file's first line."""
    command, _, text = path.read_bytes().split(b"\n")[0].decode().partition(" < ")
    words = shlex.split(command)
    prune, allowed = (), None
    if "--prune" in words:
        start = words.index("--prune") + 1
        stop = next(n for n in range(start, len(words)) if words[n].startswith("--"))
        prune = tuple(map(int, words[start:stop]))
    if "--limit_vocab_file" in words:
        allowed = GOLDEN / words[words.index("--limit_vocab_file") + 1]
    return text, int(words[words.index("-o") + 1]), prune, allowed


def trained(path):
    text, order, prune, allowed = options(path)
    lines = (GOLDEN / text).read_bytes().decode().removesuffix("\n").split("\n")
    return NgramLM.train(lines, order=order, prune=prune, vocabulary=allowed)


def test_there_is_a_golden_file_for_each_order():
    assert {options(path)[1] for path in FILES} == {1, 2, 3, 4, 5, 6}
    assert {bool(options(path)[2]) for path in FILES} == {True, False}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_probability_and_backoff_is_that_of_lmplz(tmp_path, path):
    expected, sizes = read(path)
    found, found_sizes = read(trained(path).to_arpa(tmp_path / "our.arpa"))
    assert found_sizes == sizes
    assert found.keys() == expected.keys()
    for words, numbers in expected.items():
        assert found[words] == pytest.approx(numbers, abs=1e-5), words


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_lmplz_files_are_opened_and_written_again_unchanged(tmp_path, path):
    expected, sizes = read(path)
    found, found_sizes = read(NgramLM.open(path).to_arpa(tmp_path / "our.arpa"))
    assert found_sizes == sizes
    assert found.keys() == expected.keys()
    for words, numbers in expected.items():
        assert found[words] == pytest.approx(numbers, abs=1e-5), words


def test_discounts_that_fail_are_told():
    model = trained(GOLDEN / "twice-3.arpa")
    assert model.model.fallback_orders
    assert "(fallback: no n-gram has the count" in repr(model)
