from __future__ import annotations

import errno
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kblib.runs import journal
from kblib.runs.journal import Tail, append, last_lines, mend
from tests.disks import fill


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.jsonl"


# append


def test_append_writes_one_line_a_record(path: Path) -> None:
    append(path, {"step": 1, "word": "järnväg"})
    append(path, {"step": 2})
    assert path.read_text(encoding="utf-8") == '{"step": 1, "word": "järnväg"}\n{"step": 2}\n'


def test_append_keeps_a_text_with_line_breaks_on_one_line(path: Path) -> None:
    append(path, {"why": "first\nsecond\rthird\u2028fourth"})
    assert path.read_bytes().count(b"\n") == 1
    assert Tail(path).new() == [{"why": "first\nsecond\rthird\u2028fourth"}]


def test_append_of_several_processes_at_once_mixes_no_lines(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from kblib.runs.journal import append\n"
        "for n in range(200): append(Path(sys.argv[1]), {'by': sys.argv[2], 'n': n})"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), by]) for by in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    records = Tail(path).new()
    for by in "ab":
        assert [record["n"] for record in records if record["by"] == by] == list(range(200))


def test_append_on_a_full_disk_takes_half_a_line_back(small_disk: Path) -> None:
    path = small_disk / "metrics.jsonl"
    append(path, {"step": 1})
    filler = fill(small_disk, leaving=4096)
    with pytest.raises(OSError, match="No space left") as caught:
        append(path, {"step": 2, "filling": "x" * 10_000})
    assert caught.value.errno == errno.ENOSPC
    assert path.read_text() == '{"step": 1}\n'
    filler.unlink()
    append(path, {"step": 2})
    assert Tail(path).new() == [{"step": 1}, {"step": 2}]


# mend


@pytest.mark.parametrize(
    ("content", "left"),
    [
        ('{"a": 1}\n{"a": 2}\n', '{"a": 1}\n{"a": 2}\n'),
        ('{"a": 1}\n{"a": ', '{"a": 1}\n'),
        ('{"a": ', ""),
        ("", ""),
    ],
    ids=["whole", "half a line at the end", "half a line alone", "empty"],
)
def test_mend_cuts_what_a_killed_writer_left(path: Path, content: str, left: str) -> None:
    path.write_text(content)
    mend(path)
    assert path.read_text() == left


def test_mend_without_a_journal_makes_none(path: Path) -> None:
    mend(path)
    assert not path.exists()


def test_mend_reads_only_the_end_of_a_long_journal(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_POLL_BYTES", 16)
    path.write_text('{"a": 1}\n' * 100 + '{"a": ')
    mend(path)
    assert path.read_text() == '{"a": 1}\n' * 100


def test_line_after_mending_stands_alone(path: Path) -> None:
    path.write_text('{"a": 1}\n{"a": ')
    mend(path)
    append(path, {"a": 3})
    assert Tail(path).new() == [{"a": 1}, {"a": 3}]


# Tail


def test_tail_gives_each_record_once(path: Path) -> None:
    tail = Tail(path)
    append(path, {"step": 1})
    append(path, {"step": 2})
    assert tail.new() == [{"step": 1}, {"step": 2}]
    assert tail.new() == []
    append(path, {"step": 3})
    assert tail.new() == [{"step": 3}]


def test_tail_waits_for_a_journal_that_is_not_there_yet(path: Path) -> None:
    tail = Tail(path)
    assert tail.new() == []
    append(path, {"step": 1})
    assert tail.new() == [{"step": 1}]


def test_tail_leaves_half_a_line_until_it_is_whole(path: Path) -> None:
    tail = Tail(path)
    path.write_text('{"step": 1}\n{"st')
    assert tail.new() == [{"step": 1}]
    with open(path, "a") as file:
        file.write('ep": 2}\n')
    assert tail.new() == [{"step": 2}]


def test_tail_reads_on_over_pieces(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_POLL_BYTES", 32)
    for step in range(50):
        append(path, {"step": step})
    assert [record["step"] for record in Tail(path).new()] == list(range(50))


def test_tail_reads_only_what_is_new(path: Path) -> None:
    tail = Tail(path)
    append(path, {"step": 1})
    tail.new()
    path.write_bytes(b"x" * tail.offset + b'{"step": 2}\n')  # what was read is not looked at again
    assert tail.new() == [{"step": 2}]


def test_tails_do_not_disturb_each_other(path: Path) -> None:
    append(path, {"step": 1})
    one, other = Tail(path), Tail(path)
    assert one.new() == other.new() == [{"step": 1}]


def test_tail_beside_a_writer_sees_every_line_once(path: Path) -> None:
    def write() -> None:
        for step in range(500):
            append(path, {"step": step, "filling": "x" * 100})

    writer, tail, seen = threading.Thread(target=write), Tail(path), []
    writer.start()
    while writer.is_alive():
        seen += tail.new()
    seen += tail.new()
    assert [record["step"] for record in seen] == list(range(500))


def test_lines_are_those_of_any_text(path: Path) -> None:
    path.write_text("Rank 0: läser\n\nklar\nhal", encoding="utf-8")
    assert Tail(path).lines() == ["Rank 0: läser", "", "klar"]


# last_lines


def test_last_lines_are_the_last(path: Path) -> None:
    path.write_text("".join(f"{number}\n" for number in range(100)))
    assert last_lines(path, 3) == "97\n98\n99"


@pytest.mark.parametrize(("n", "lines"), [(0, ""), (1, "b"), (2, "a\nb"), (9, "a\nb")])
def test_last_lines_gives_what_there_is(path: Path, n: int, lines: str) -> None:
    path.write_text("a\nb\n")
    assert last_lines(path, n) == lines


def test_last_lines_without_a_file_is_empty(path: Path) -> None:
    assert last_lines(path, 3) == ""


def test_last_lines_of_a_very_long_file_come_from_its_end(path: Path) -> None:
    path.write_text("".join(f"{number:07}\n" for number in range(100_000)))
    assert last_lines(path, 2) == "0099998\n0099999"


def test_last_lines_survive_bytes_that_are_no_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe broken\nend\n")
    assert last_lines(path, 1) == "end"


def test_record_of_numbers_comes_back_with_equal_bits(path: Path) -> None:
    loss = 0.1 + 0.2
    append(path, {"loss": loss})
    assert Tail(path).new()[0]["loss"] == loss
    assert json.loads(path.read_text())["loss"].hex() == loss.hex()
