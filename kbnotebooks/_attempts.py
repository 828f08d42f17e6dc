"""What a run on a cluster took and met, as HTML: nodes, attempts, bad nodes, how busy they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from kblib.cluster.attempts import attempts_table
from kblib.cluster.slurm_answers import expanded
from kblib.jobs.exit_codes import DONE
from kblib.runs import RunFolder
from kblib.runs.recording import MARK
from kbnotebooks import _html
from kbnotebooks._words import heard, number, say, say_n

_NAMED = 4
"""More nodes than these are written as the scheduler writes them: gn[1-24]."""


def is_of_a_cluster(config: Mapping[str, Any]) -> bool:
    """Say whether a run was sent to a scheduler, now or when it was recorded."""
    return "resources" in config


def is_batch(config: Mapping[str, Any]) -> bool:
    """Say whether a run works off shards with workers, rather than training."""
    return "pool" in config


def cluster_html(run: RunFolder, readings: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what is to be said of a run on a cluster; nothing for one of this machine.

    Parameters
    ----------
    readings
        The newest look at each node, by its name; empty where nobody looks.
    """
    config = run.config()
    if not is_of_a_cluster(config):
        return ""
    attempts = attempts_table(run)
    parts = [f"<p>{_html.text(' '.join(_in_sentences(config, attempts)))}</p>"]
    parts += [_attempts_html(attempts)] if len(attempts) else []
    parts += [_bad_nodes_html(bad)] if (bad := run.bad_nodes()) else []
    parts += [_readings_html(readings)] if readings else []
    return "".join(parts)


def recording_html(config: Mapping[str, Any], speed: float | None) -> str:
    """Return a line that says of a recording that it is one; nothing for a run of today."""
    about = config.get(MARK)
    if about is None:
        return ""
    said = say("This is a recording, made on {date} on site '{site}': nothing is computed now.",
               date=about.get("date", "?"), site=about.get("site", "?"))  # fmt: skip
    if speed:
        said += " " + say("It is played {times:,g} times faster than it was.", times=speed)
    return f'<p class="kb-recording" role="note"><strong>{_html.text(said)}</strong></p>'


def _in_sentences(config: Mapping[str, Any], attempts: pd.DataFrame) -> list[str]:
    if is_batch(config):
        return _pool_in_sentences(config)
    asked = config["resources"]
    nodes, gpus = int(asked.get("nodes") or 0), int(asked.get("gpus_per_node") or 0)
    where = say_n(nodes, "Site '{site}': {n} node, {ranks} ranks.",
                  "Site '{site}': {n} nodes, {ranks} ranks.",
                  site=config.get("site", "?"), ranks=config.get("ranks", "?"))  # fmt: skip
    if not gpus:
        return [where, say("No GPU was asked for: 0 GPU-hours.")]
    spent = float(attempts["gpu_hours"].sum())
    held = say_n(nodes * gpus, "It holds {n} GPU while it runs; GPU-hours so far: {hours}.",
                 "It holds {n} GPUs while it runs; GPU-hours so far: {hours}.",
                 hours=hours(spent))  # fmt: skip
    return [where, held]


def _pool_in_sentences(config: Mapping[str, Any]) -> list[str]:
    pool = config["pool"]
    workers, gpus = int(pool.get("workers") or 0), pool.get("resources", {}).get("gpus_per_node")
    return [
        say_n(workers, "Site '{site}': a head, and {n} worker at most, a node each.",
              "Site '{site}': a head, and {n} workers at most, a node each.",
              site=config.get("site", "?")),
        say("A worker holds {gpus} GPUs while it lives; the attempts below are those of the head.",
            gpus=int(gpus or 0)),
    ]  # fmt: skip


def hours(value: float) -> str:
    """Return hours with two digits that count: 0.012, 3.4, 1,250."""
    if value >= 10:
        return number(value, ",.0f")
    return number(value, ".1f" if value >= 1 else ".2g")


def clock(seconds: float) -> str:
    """Return a moment (Unix seconds) as day and time of the reader's place."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _attempts_html(attempts: pd.DataFrame) -> str:
    columns = (
        _html.Column(say("attempt"), numeric=True),
        _html.Column(say("job"), numeric=True),
        _html.Column(say("nodes")),
        _html.Column(say("from")),
        _html.Column(say("how long"), numeric=True),
        _html.Column(say("how it ended")),
    )
    rows = [
        (
            one["attempt"],
            one["job"],
            nodes_in_words(one["nodes"]),
            clock(one["begun"].timestamp()),
            _html.duration(one["hours"] * 3600),
            _ending(one["exit_code"], one["why"]),
        )
        for one in attempts.to_dict("records")
    ]
    return _html.table(say("Attempts"), columns, rows)


def _ending(exit_code: Any, why: str) -> str:
    if pd.isna(exit_code):
        return say("it goes on")
    return heard(why) if why else say("done") if exit_code == DONE else ""


def nodes_in_words(nodes: str) -> str:
    """Return a few nodes by their names, many as the scheduler writes them."""
    names = expanded(nodes)
    return ", ".join(names) if len(names) <= _NAMED else nodes


def _bad_nodes_html(bad: Mapping[str, Mapping[str, Any]]) -> str:
    columns = (
        _html.Column(say("node")),
        _html.Column(say("seen")),
        _html.Column(say("attempt"), numeric=True),
        _html.Column(say("when")),
    )
    rows = [
        (
            node,
            str(seen.get("seen", "")).strip(),
            seen.get("attempt", ""),
            clock(float(seen["time"])) if "time" in seen else "",
        )
        for node, seen in bad.items()
    ]
    return _html.table(say("Lost nodes, which the next jobs avoid"), columns, rows)


def _readings_html(readings: Mapping[str, Mapping[str, Any]]) -> str:
    columns = (
        _html.Column(say("node")),
        _html.Column(say("processor"), numeric=True),
        _html.Column(say("memory, GiB"), numeric=True),
        _html.Column(say("GPU memory, GiB"), numeric=True),
        _html.Column(say("read at")),
    )
    rows = [
        (
            node,
            _html.percent(float(one["cpu_percent"]) / 100),
            _part(one.get("memory_gib"), one.get("memory_total_gib")),
            _part(one.get("gpu_memory_gib"), one.get("gpu_memory_total_gib")),
            clock(float(one["time"])),
        )
        for node, one in sorted(readings.items())
    ]
    return _html.table(say("How busy the nodes were when they were read last"), columns, rows)


def _part(used: float | None, total: float | None) -> str:
    if used is None or total is None:
        return say("none")
    return say("{used:,.1f} of {total:,.0f}", used=used, total=total)
