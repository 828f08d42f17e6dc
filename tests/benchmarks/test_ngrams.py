"""N-gram models beside KenLM: the texts, what processes took, and what is said of it."""

from __future__ import annotations

import sys

import pytest

from benchmarks.kenlm_built import FOLDER, PROGRAMS, kenlm
from benchmarks.long_text import perturbed, write_lines
from benchmarks.ngrams import Built, Compared, Text, build, compared
from benchmarks.outcome import BenchmarkError
from benchmarks.scoring import scoring
from benchmarks.usage import Usage, usage_of

LINES = [f"en två tre {n} fem sex" for n in range(60)]


def test_copies_are_the_same_each_time_and_differ_from_each_other():
    once, again = list(perturbed(LINES, 3)), list(perturbed(LINES, 3))
    assert once == again
    assert once[:60] == LINES
    assert once[60:120] != once[120:] != LINES
    assert [len(line.split()) for line in once] == [len(line.split()) for line in LINES] * 3


def test_a_command_is_measured_as_the_system_counts_it(tmp_path):
    allocate = "held = bytearray(60_000_000); x = sum(range(3_000_000)); print(len(held))"
    used = usage_of([sys.executable, "-c", allocate], stdout=tmp_path / "said")
    small = usage_of([sys.executable, "-c", "pass"])
    assert (tmp_path / "said").read_text() == "60000000\n"
    assert used.peak_mib - small.peak_mib > 50
    assert used.cpu_s > small.cpu_s > 0


def test_a_command_that_fails_is_named():
    with pytest.raises(BenchmarkError, match=r"python\S* failed: no memory"):
        usage_of([sys.executable, "-c", "raise SystemExit('no memory')"])


def test_two_commands_add_up_but_their_memory():
    assert Usage(1, 2, 300).then(Usage(10, 20, 30)) == Usage(11, 22, 300)


def test_rows_hold_medians_and_the_worst_round_decides():
    row = Compared("building", [1.0, 2.0, 1.0], [4.0, 4.0, 5.0], 3.0)
    assert row.row() == ["building", 1.0, 4.0, "4.00", "2.00 to 5.00", "at least 3"]
    assert row.missed().startswith("Missed: building: KenLM's is 2.00 times ours")
    assert not Compared("building", [1.0], [3.0], 3.0).missed()
    assert not Compared("wall", [2.0], [1.0], None).missed()


def test_memory_and_size_have_to_be_no_larger(tmp_path):
    built = Built([Usage(1, 1, 100)], [Usage(4, 4, 90)], 50, 60)
    rows = compared(Text("text", tmp_path, 1, 3.0), built)
    assert [bool(row.missed()) for row in rows] == [False, False, True, False]


@pytest.mark.slow
@pytest.mark.skipif(
    not all((FOLDER / "build" / "bin" / name).is_file() for name in PROGRAMS),
    reason="KenLM is not built: make bench ARGS=ngrams does it",
)
def test_both_sides_build_the_same_model(tmp_path):
    tools = kenlm()
    text = Text("text", write_lines(tmp_path / "text", LINES), 1, 1.0)
    built = build(text, tools, tmp_path)
    assert built.our_bytes > 0 < built.their_bytes
    assert scoring(text.path, tmp_path, tools, rounds=1).difference < 1e-4
