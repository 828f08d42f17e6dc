"""What Slurm answers, read: the only place that knows how its commands write.

Formats: squeue(1), scontrol(1), sacct(1), sinfo(1), of Slurm 20.11 to 24.05.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

PENDING = ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT")
RUNNING = ("RUNNING", "COMPLETING", "SUSPENDED", "STAGE_OUT", "SIGNALING", "STOPPED", "RESIZING")
_BROKEN = ("DOWN", "DRAIN", "FAIL", "NOT_RESPONDING", "POWERED_DOWN", "UNKNOWN")
_FIELD = re.compile(r"(?:^|\s)([A-Za-z][\w:/.-]*)=")


@dataclass(frozen=True)
class SlurmJob:
    """A job as Slurm knows it.

    Parameters
    ----------
    id, name
        Slurm's number, and the name it was given.
    state
        Slurm's word for it: PENDING, RUNNING, COMPLETED, FAILED, TIMEOUT, NODE_FAIL ...
    reason
        Why it waits, or why it ended, in Slurm's word; empty if there is none.
    nodes
        The nodes it has or had, as Slurm writes them: ``gn[1-2]``.
    exit_code, signal
        How the batch script ended; None while it has not.
    start, end
        In the cluster's local time; None if not known. A waiting job's start is a forecast.
    """

    id: str
    name: str
    state: str
    reason: str = ""
    nodes: str = ""
    exit_code: int | None = None
    signal: int | None = None
    start: datetime | None = None
    end: datetime | None = None

    @property
    def waits(self) -> bool:
        """Whether it has not begun."""
        return self.state in PENDING

    @property
    def over(self) -> bool:
        """Whether it has ended, for whatever reason."""
        return self.state not in (*PENDING, *RUNNING)


@dataclass(frozen=True)
class SlurmNode:
    """A node: its state in Slurm's words, and the reason somebody gave for it."""

    name: str
    state: str
    reason: str = ""

    @property
    def broken(self) -> bool:
        """Whether no job should be sent there."""
        return any(word in self.state for word in _BROKEN)


def job_of_scontrol(answer: str) -> SlurmJob:
    """Read ``scontrol --oneliner show job ID``."""
    found = fields(answer)
    code, signal = _exit(found.get("ExitCode", "0:0"))
    state = found["JobState"]
    over = state not in (*PENDING, *RUNNING)
    return SlurmJob(
        id=found["JobId"],
        name=found.get("JobName", found.get("Name", "")),
        state=state,
        reason=_given(found.get("Reason", "")),
        nodes=_given(found.get("NodeList", "")),
        exit_code=code if over else None,
        signal=signal if over else None,
        start=_time(found.get("StartTime", "")),
        end=_time(found.get("EndTime", "")) if over else None,
    )


SACCT_FIELDS = "JobID,JobName,State,Reason,NodeList,ExitCode,Start,End"


def job_of_sacct(answer: str) -> SlurmJob | None:
    """Read ``sacct --allocations --noheader --parsable2 --format=...``; None if it knows none."""
    lines = [line for line in answer.splitlines() if line.count("|") == SACCT_FIELDS.count(",")]
    if not lines:
        return None
    number, name, state, reason, nodes, code, start, end = lines[-1].split("|")
    state = state.split()[0]  # "CANCELLED by 1000"
    over = state not in (*PENDING, *RUNNING)
    exit_code, signal = _exit(code)
    return SlurmJob(
        number,
        name,
        state,
        _given(reason),
        _given(nodes),
        exit_code if over else None,
        signal if over else None,
        _time(start),
        _time(end) if over else None,
    )


SQUEUE_FORMAT = "%i|%T|%r|%N|%S|%j"


def jobs_of_squeue(answer: str) -> list[SlurmJob]:
    """Read ``squeue --noheader --format=...``."""
    jobs = []
    for line in answer.splitlines():
        number, state, reason, nodes, start, name = line.strip().split("|", 5)
        jobs.append(
            SlurmJob(number, name, state, _given(reason), _given(nodes), start=_time(start))
        )
    return jobs


SINFO_FORMAT = "%N|%T|%E"


def nodes_of_sinfo(answer: str) -> list[SlurmNode]:
    """Read ``sinfo --noheader --Node --long --format=...``, one line a node."""
    nodes: dict[str, SlurmNode] = {}
    for line in answer.splitlines():
        name, state, reason = line.strip().split("|", 2)
        # "down*": a star says that the node does not answer, other marks that it is being powered.
        spoken = state.upper().rstrip("*~#!%$@^-+") + (" NOT_RESPONDING" if "*" in state else "")
        nodes[name] = SlurmNode(name, spoken, _given(reason))
    return sorted(nodes.values(), key=lambda node: _natural(node.name))


_TASK = re.compile(r"srun: error: (\S+): tasks? ([\d,-]+): (.+)")
_LOST_NODE = re.compile(r"Node failure on (\S+)|error: (\S+) \[\d+\]: .*Communication connection")
_OUT_OF_MEMORY = re.compile(r"oom-kill|Out Of Memory|OUT_OF_MEMORY", re.IGNORECASE)
_ENDINGS = {
    "Killed": -9,
    "Terminated": -15,
    "Segmentation fault": -11,
    "Aborted": -6,
    "Bus error": -7,
    "Illegal instruction": -4,
    "Floating point exception": -8,
}


def endings_of_srun(line: str) -> dict[int, int]:
    """Read what a line of srun's messages says of tasks that failed: their exit codes.

    Signals are negative numbers.

    Examples
    --------
    >>> endings_of_srun("srun: error: gn2: tasks 2-3: Killed")
    {2: -9, 3: -9}
    """
    found = _TASK.search(line)
    if found is None:
        return {}
    tasks, how = found[2], found[3]
    exited = re.search(r"exit code (\d+)", how)
    known = next((code for word, code in _ENDINGS.items() if word in how), 1)
    code = int(exited[1]) if exited else known
    return {int(task): code for task in expanded(f"[{tasks}]")}


def node_of_srun(line: str) -> str:
    """Return the node that a line of srun's messages calls lost; empty if it does not."""
    found = _LOST_NODE.search(line)
    return (found[1] or found[2]) if found else ""


def tells_of_memory(line: str) -> bool:
    """Say whether a line tells that Slurm ended a step for want of memory."""
    return _OUT_OF_MEMORY.search(line) is not None


def expanded(nodes: str) -> list[str]:
    """Return the names behind a range: ``gn[1-2,5]`` is gn1, gn2, gn5.

    Examples
    --------
    >>> expanded("gn[09-11],login1")
    ['gn09', 'gn10', 'gn11', 'login1']
    """
    return [name for part in _parts(nodes) for name in _expanded(part)]


def _parts(nodes: str) -> list[str]:
    """Cut at the commas outside brackets."""
    return [part for part in re.split(r",(?![^\[]*\])", nodes) if part]


def _expanded(part: str) -> Iterator[str]:
    found = re.fullmatch(r"([^\[]*)\[([^\]]*)\](.*)", part)
    if found is None:
        yield part
        return
    before, inside, after = found.groups()
    for piece in inside.split(","):
        first, _, last = piece.partition("-")
        for number in range(int(first), int(last or first) + 1):
            for rest in _expanded(after) if after else [""]:
                yield f"{before}{number:0{len(first)}d}{rest}"


def fields(answer: str) -> dict[str, str]:
    """Read ``Name=value`` pairs; values may hold spaces, and a command at the end equals signs."""
    places = list(_FIELD.finditer(answer))
    ends = [place.start() for place in places[1:]] + [len(answer)]
    found: dict[str, str] = {}
    for place, end in zip(places, ends, strict=True):
        found.setdefault(place[1], answer[place.end() : end].strip())
    return found


def _given(word: str) -> str:
    return "" if word.strip() in ("", "None", "(null)", "N/A", "n/a", "none", "Unknown") else word


def _exit(code: str) -> tuple[int, int]:
    first, _, second = code.partition(":")
    return int(first or 0), int(second or 0)


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # Unknown, N/A, None
        return None


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]
