"""Stand-ins for what views show: a model without torch, twelve cues, a run written by hand."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from kblib.corpora import Corpus
from kblib.errors import ModelError
from kblib.runs import Phase, RunFolder, RunState, journal, lock
from kbnotebooks.runs import RunView
from tests.ladder.conftest import bpe, causal, ladder, masked, newsreels, wordpiece  # noqa: F401

WORDS = ("bro", "gata", "bild", "fest", "park", "skola", "kyrka", "hamn", "kung", "dag")


@dataclass(frozen=True)
class Answers:
    table: pd.DataFrame


class ParrotModel:
    """Answers every sentence with the same ten words; the first is the length of the sentence."""

    name = "parrot"

    class tokenizer:  # noqa: N801
        vocab_size = len(WORDS) + 6
        special_ids = (0, 1, 2, 3, 4)

    def fill(self, text: str, *, k: int = 5) -> Answers:
        if text.count("[MASK]") != 1:
            raise ModelError(
                f"The sentence has {text.count('[MASK]')} blanks.", "One [MASK] was expected."
            )
        words = [f"n{len(text)}", *WORDS]
        chances = [0.5**n for n in range(1, len(words) + 1)]
        table = pd.DataFrame({"word": words, "probability": chances, "token": words})
        return Answers(table.head(k))


class Structure(HTMLParser):
    """What a screen reader is given: headers with scope, captions, pictures with alt texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def parrot() -> ParrotModel:
    return ParrotModel()


@pytest.fixture
def structure() -> Callable[[str], Structure]:
    return Structure


@pytest.fixture
def films() -> Corpus:
    """Six cues of speech and six intertitles, of four films in three years; one has no year."""
    cues = [
        ("Kungen kommer till Stockholm.", 1938, "SF1", "speech"),
        ("Kungen hälsar på spelarna.", 1938, "SF1", "speech"),
        ("Stockholm i vårsol.", 1938, "SF2", "speech"),
        ("Spelarna hälsar på kungen.", 1939, "SF3", "speech"),
        ("Vårsol i Stockholm.", 1939, "SF3", "speech"),
        ("Musik Musik Musik Musik", None, "SF4", "speech"),
        ("KUNGEN I STOCKHOLM", 1921, "SF5", "intertitle"),
        ("JN IN <b>FEET</b>", 1921, "SF5", "intertitle"),
        ("SPELARNA", 1921, "SF5", "intertitle"),
        ("Våren i Stockholm", 1938, "SF1", "intertitle"),
        ("Vid hamnen", 1939, "SF3", "intertitle"),
        ("Slut", 1939, "SF3", "intertitle"),
    ]
    table = pd.DataFrame(cues, columns=["text", "year", "film", "medium"])
    table["start_s"] = [10.0 * n for n in range(len(cues))]
    table["id"] = [f"c{n}" for n in range(len(cues))]
    return Corpus.from_table(table, name="films")


def step_line(step: int, *, attempt: int = 1) -> dict[str, float]:
    return {
        "step": step,
        "loss": 9.0 - step / 50,
        "tokens": step * 2048,
        "tokens_per_s": 6500.0,
        "seconds_left": (100 - step) / 2,
        "attempt": attempt,
    }


def living(step: int, **changes: object) -> RunState:
    """Return the state of a run whose driver is this very process, which holds its lock."""
    return RunState(
        **{
            "phase": Phase.RUNNING,
            "step": step,
            "steps": 100,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "heartbeat": time.time(),
            **changes,
        }
    )


class Grip:
    """Holds the lock of a run, as its driver would."""

    def __init__(self) -> None:
        self.handle: int | None = None

    def take(self, folder: RunFolder) -> None:
        self.handle = lock.take(folder.lock_file, patience_s=1)

    def release(self) -> None:
        if self.handle is not None:
            os.close(self.handle)
        self.handle = None


@pytest.fixture
def grip() -> Iterator[Grip]:
    held = Grip()
    yield held
    held.release()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grip: Grip) -> Iterator[RunFolder]:
    """A run of 100 steps that has done 40, written by hand; its views stop watching at the end."""
    monkeypatch.setenv("KBNOTEBOOKS_HOME", str(tmp_path))
    folder = RunFolder.create(tmp_path / "runs" / "newsreels-2x128-0a1b2c3d", {"job": {}})
    for step in range(1, 41):
        journal.append(folder.metrics_file, step_line(step))
    journal.append(folder.metrics_file, {"step": 40, "eval_loss": 8.25, "eval_top1": 0.125})
    folder.log_file.write_text("packing the train part\nall is well\n", encoding="utf-8")
    folder.write_state(living(40))
    grip.take(folder)
    yield folder
    for view in list(RunView._live.values()):
        view.stop_watching()
    RunView._live.clear()
