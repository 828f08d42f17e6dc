"""What is said of a batch: which model answered about every text of a corpus."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kblib.methods.references import PLL
from kblib.methods.speech import Speech
from kblib.methods.told import SIGNS, Told

ASKED = {
    "fill": ("the word in its blank", "ordet i luckan"),
    "surprisal": (
        "how little it is expected, both sides of each word known",
        "hur oväntad den är, med båda sidor om varje ord kända",
    ),
    "bits": ("bits a byte, read from the left", "bitar per byte, läst från vänster"),
    "vectors": ("a vector", "en vektor"),
    "labels": ("a label", "en etikett"),
}
"""What a model was asked for, in both languages."""


def batch(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say what was asked of which weights, and how much of it is done."""
    arguments = about["arguments"]
    done = speech.say(
        "Run {run}: {done} of {shards} shards.",
        "Körning {run}: {done} av {shards} delar.",
        run=speech.quoted(about["run"]), done=about["shards_done"], shards=about["shards"],
    )  # fmt: skip
    if "model" not in arguments:
        called = speech.say(
            "{function} was called on each shard.",
            "{function} anropades med varje del.",
            function=about["function"],
        )
        return Told((called, done))
    task = str(arguments.get("task", "labels"))
    asked = speech.say(
        "Model {name} (weights {weights}) gave for each text: {what}.",
        "Modell {name} (vikter {weights}) gav för varje text: {what}.",
        name=speech.quoted(Path(arguments["model"]).name),
        weights=str(arguments.get("weights", "?"))[:SIGNS],
        what=speech.say(*ASKED.get(task, (task, task))),
    )
    return Told((asked, done), (PLL,) if task == "surprisal" else ())
