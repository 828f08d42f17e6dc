"""CPU seconds from text to a queryable 5-gram model, and of scoring, beside KenLM.

KenLM's programs are looked for in the folder that ``KENLM_BIN`` names (``lmplz``,
``build_binary``), its Python module where this runs; what is not there is left out and said.
"""

from __future__ import annotations

import importlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.outcome import BenchmarkError, Outcome, measured
from benchmarks.tables import Cell
from kblib.corpora import load_sample
from kblib.ngrams.language_model import NgramLM

ORDER = 5
BAR_BUILD = 3.0  # times less CPU than lmplz and build_binary probing together
BAR_SCORE = 1.0
_TRAIN = """
import sys
from pathlib import Path
from kblib.ngrams.language_model import NgramLM
lines = Path(sys.argv[1]).read_text(encoding="utf-8").removesuffix("\\n").split("\\n")
NgramLM.train(lines, order=int(sys.argv[2])).save(sys.argv[3])
"""


def measure(*, quick: bool = False) -> Outcome:
    """Train, save and score on the newsreels; the same with KenLM where it is there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = [" ".join(text.split("\n")) for text in load_sample("newsreels").texts()]
        lines = lines[:2_000] if quick else lines
        text = folder / "text"
        text.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        command = [sys.executable, "-c", _TRAIN, str(text), str(ORDER), str(folder / "ours")]
        build = cpu_of_command(command)
        model = NgramLM.open(folder / "ours")
        score = cpu_of_call(lambda: model.log10_scores(lines))
        size = sum(path.stat().st_size for path in (folder / "ours").iterdir())
        rows: list[list[Cell]] = [["kblib", round(build, 2), round(score, 2), _mb(size)]]
        missed = _kenlm(folder, lines, rows, build, score, size)
    note = (
        f"{len(lines):,} lines, order {ORDER}, one core each way; the start of Python and its "
        "imports count for kblib's building. Best of 3 for scoring."
    )
    columns = ["", "text to model, core-s", "scoring the text, core-s", "file, MB"]
    result = measured("ngrams", "N-gram models", columns, rows, note, ["numpy", "polars"])
    return Outcome(result, missed)


def cpu_of_command(command: Sequence[str], **options: Any) -> float:
    """Return the CPU seconds a command takes, its children's included.

    Raises
    ------
    BenchmarkError
        If it fails.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, check=False, **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise BenchmarkError(f"{command[0]} failed: {done.stderr.decode()[-300:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cpu_of_call(call: Callable[[], object], *, rounds: int = 3) -> float:
    """Return the fewest CPU seconds a call takes, after one to warm up."""
    call()
    found = []
    for _ in range(rounds):
        began = time.process_time()
        call()
        found.append(time.process_time() - began)
    return min(found)


def _kenlm(
    folder: Path, lines: list[str], rows: list[list[Cell]], build: float, score: float, size: int
) -> tuple[str, ...]:
    programs = Path(os.environ.get("KENLM_BIN", ""))
    if not (programs / "lmplz").is_file() or not (programs / "build_binary").is_file():
        return ("KenLM was not there to compare with (KENLM_BIN names its folder).",)
    arpa, probing, trie = (str(folder / name) for name in ("arpa", "probing", "trie"))
    options = ["-o", str(ORDER), "--discount_fallback", "-S", "50%", "-T", f"{folder}/"]
    with open(folder / "text", "rb") as text, open(arpa, "wb") as out:
        lmplz = _piped([str(programs / "lmplz"), *options], text, out)
    binary = str(programs / "build_binary")
    binary_cpu = cpu_of_command([binary, "probing", arpa, probing])
    cpu_of_command([binary, "trie", arpa, trie])
    trie_size = Path(trie).stat().st_size
    missed = []
    if (ratio := (lmplz + binary_cpu) / build) < BAR_BUILD:
        missed.append(f"Missed: {ratio:.1f} times less CPU than KenLM; {BAR_BUILD:g} were wanted.")
    if size > trie_size:
        missed.append(f"Missed: the file is larger than KenLM's trie ({_mb(trie_size)} MB).")
    theirs: Cell = "not there"
    try:
        model = importlib.import_module("kenlm").Model(probing)
    except ImportError:
        missed.append("The Python module kenlm was not there; scoring was not compared.")
    else:
        seconds = cpu_of_call(lambda: [model.score(line) for line in lines])
        theirs = round(seconds, 2)
        if seconds / score < BAR_SCORE:
            missed.append(f"Missed: scoring is {seconds / score:.2f} times as fast as KenLM's.")
    rows.append(["KenLM, lmplz + probing", round(lmplz + binary_cpu, 2), theirs, _mb(trie_size)])
    return tuple(missed)


def _piped(command: Sequence[str], text: Any, out: Any) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdin=text, stdout=out, stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _mb(size: int) -> float:
    return round(size / 1e6, 1)
