"""Write the golden ARPA files with KenLM's own ``lmplz``: ``make golden-kenlm``.

Downloads the source of kenlm from the Python package index and builds ``lmplz`` of it. That needs a
C++ compiler, cmake and boost; on Debian::

    apt-get install g++ cmake zlib1g-dev libboost-program-options-dev libboost-system-dev \
        libboost-test-dev libboost-thread-dev

Boost elsewhere is found through ``CMAKE_PREFIX_PATH``. The first line of each file says how it was
made; ``tests/ngrams/test_golden.py`` reads the options back out of it.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "ngrams" / "golden"
VERSION = "0.3.0"
MEMORY = ("-S", "100M")  # of no influence on the result
# Name of the ARPA file, text it is made of, options.
FILES: tuple[tuple[str, str, str], ...] = (
    ("newsreel-1", "newsreel.txt", "-o 1"),
    ("newsreel-2", "newsreel.txt", "-o 2"),
    ("newsreel-3", "newsreel.txt", "-o 3"),
    ("newsreel-6", "newsreel.txt", "-o 6"),
    ("newsreel-4-pruned", "newsreel.txt", "-o 4 --prune 0 0 1"),
    ("newsreel-5-pruned", "newsreel.txt", "-o 5 --prune 0 1 1"),
    ("newsreel-1-pruned", "newsreel.txt", "-o 1 --prune 1"),
    ("newsreel-2-pruned", "newsreel.txt", "-o 2 --prune 2"),
    ("newsreel-3-words", "newsreel.txt", "-o 3 --limit_vocab_file newsreel.words"),
    (
        "newsreel-4-words-pruned",
        "newsreel.txt",
        "-o 4 --prune 0 0 1 --limit_vocab_file newsreel.words",
    ),
    ("odd-2", "odd.txt", "-o 2"),
    ("odd-4", "odd.txt", "-o 4"),
    ("odd-5", "odd.txt", "-o 5 --prune 0 0 1"),
    ("twice-3", "twice.txt", "-o 3"),
    ("empty-3", "empty.txt", "-o 3"),
    ("one-6", "one.txt", "-o 6"),
)
SCORED = "newsreel-3"
SENTENCES = (
    "kungen reser till stockholm",
    "kungen reser till malmö med båten",
    "stockholm",
    "flygplanet landar i göteborg",
    "tåget går till okända orter till stockholm",
    "till till till kungen kungen",
)


def main() -> int:
    """Build KenLM in a temporary folder and write all files; return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            programs = built(Path(folder))
            for name, text, options in FILES:
                write(programs / "lmplz", name, text, options)
            write_scores(programs / "query")
        except subprocess.CalledProcessError as error:
            print(f"golden-kenlm: {shlex.join(map(str, error.cmd))} ended with {error.returncode}.")
            print(f"What the build needs, tools/golden_kenlm.py says.\n{error.stderr or ''}")
            return 1
    return 0


def built(folder: Path, programs: Sequence[str] = ("lmplz", "query")) -> Path:
    """Download the source and build KenLM for orders up to 6; return the programs' folder."""
    pip = (sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", "kenlm")
    run(*pip, "--dest", str(folder), f"kenlm=={VERSION}")
    with tarfile.open(folder / f"kenlm-{VERSION}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    source, build = folder / f"kenlm-{VERSION}", folder / "build"
    run("cmake", "-S", str(source), "-B", str(build), "-DKENLM_MAX_ORDER=6")
    run("cmake", "--build", str(build), "--target", *programs, "--parallel", "2")
    return build / "bin"


def write(lmplz: Path, name: str, text: str, options: str) -> None:
    """Write one ARPA file, with a first line that KenLM takes for a remark."""
    command = f"lmplz {options} --discount_fallback"
    line = f"# kenlm {VERSION} (PyPI), compiled for orders up to 6: {command} < {text}\n"
    arguments = [str(lmplz), *command.split()[1:], *MEMORY]
    with open(GOLDEN / text, "rb") as lines:
        done = subprocess.run(arguments, stdin=lines, cwd=GOLDEN, capture_output=True, check=True)
    (GOLDEN / f"{name}.arpa").write_bytes(line.encode() + done.stdout)
    print(f"{name}.arpa: {len(done.stdout):,} bytes", flush=True)


def write_scores(query: Path) -> None:
    """Write what KenLM scores sentences with a golden file, one a line, tab before the sentence."""
    model = f"{SCORED}.arpa"
    arguments = [str(query), "-v", "sentence", model]
    done = subprocess.run(
        arguments,
        input="\n".join([*SENTENCES, ""]),
        cwd=GOLDEN,
        capture_output=True,
        check=True,
        text=True,
    )
    scores = re.findall(r"^Total: (\S+) OOV", done.stdout, re.MULTILINE)
    lines = [f"# kenlm {VERSION} (PyPI): query -v sentence {model}"]
    lines += [f"{score}\t{text}" for score, text in zip(scores, SENTENCES, strict=True)]
    (GOLDEN / f"{SCORED}.scores").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{SCORED}.scores: {len(scores)} sentences", flush=True)


def run(*command: str) -> None:
    """Run a command, its output shown only if it fails."""
    subprocess.run(command, check=True, capture_output=True, text=True)


if __name__ == "__main__":
    sys.exit(main())
