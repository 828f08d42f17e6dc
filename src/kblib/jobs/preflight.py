"""Measure the nodes of a job; `kblib.jobs.start` runs this in one process a rank.

Every rank multiplies matrices at the same time as its peers, as in training. Nodes then sum up
tensors two by two, in changing pairs, so that a slow link shows in every pair that it is part of,
and only there. Last, each node writes a file beside the run and reads that of another node, which
its own memory cannot hold.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.distributed as dist

import kblib
from kblib import files
from kblib.errors import RunError
from kblib.jobs.exit_codes import DONE, STOPPED
from kblib.jobs.probe import Probe
from kblib.jobs.rank import Ranks, StopFlag, guarded, joined
from kblib.runs import RunFolder, journal

log = logging.getLogger("kblib.preflight")

_ROUNDS = 5
"""Pairs that each node is part of; the median of five bears two slow partners."""
_REDUCTIONS = 5
_PIECE = 8 << 20
_SIZES = {"cuda": (8192, torch.bfloat16), "cpu": (1024, torch.float32)}
"""Sides and kinds of matrices, large enough that a GPU has work, small enough for a core."""


def pairings(n_nodes: int) -> Iterator[list[tuple[int, int]]]:
    """Yield rounds of pairs in which each meets another one each time: the circle method.

    With an odd number one of them sits out each time.

    Examples
    --------
    >>> list(pairings(4))
    [[(0, 3), (1, 2)], [(0, 2), (3, 1)], [(0, 1), (2, 3)]]
    """
    circle: list[int | None] = [*range(n_nodes), *([None] if n_nodes % 2 else [])]
    for _ in range(len(circle) - 1):
        half = len(circle) // 2
        pairs = zip(circle[:half], reversed(circle[half:]), strict=True)
        yield [(a, b) for a, b in pairs if a is not None and b is not None]
        circle = [circle[0], circle[-1], *circle[1:-1]]


def bus_gb_s(n_bytes: int, ranks: int, seconds: float) -> float:
    """Return the bandwidth that each rank's link must have had, in GB/s.

    An all_reduce sends 2 (n - 1) / n of the bytes over each link (nccl-tests, PERFORMANCE.md).
    """
    return 2 * (ranks - 1) / ranks * n_bytes / seconds / 1e9


class NodeProbe:
    """One rank's part of a preflight.

    Parameters
    ----------
    run, attempt
        Where the result goes, and which attempt this is.
    ranks
        This rank and its peers.
    """

    def __init__(self, run: RunFolder, attempt: int, ranks: Ranks) -> None:
        self.run = run
        self.attempt = attempt
        self.ranks = ranks
        self.asked = Probe.from_dict(run.config()["job"])
        self.n_nodes = int(run.config()["resources"]["nodes"])
        self.per_node = ranks.world_size // self.n_nodes
        self.node, self.local = divmod(ranks.rank, self.per_node)

    def carry_out(self, stop: StopFlag) -> int:
        """Measure one thing after the other; write the result; return the exit code."""
        found: dict[str, Any] = {"node": os.environ.get("SLURMD_NODENAME", socket.gethostname())}
        measurements: tuple[Callable[[], dict[str, float]], ...] = (
            self._multiply, self._reduce_in_pairs, self._reduce_all, self._write_and_read,
        )  # fmt: skip
        for number, measure in enumerate(measurements, start=1):
            if self.ranks.same_for_all(int(stop())):
                return self._stopped()
            found |= measure()
            self._record(number, len(measurements))
        self._gather(found)
        return DONE

    def _stopped(self) -> int:
        """Stop on request; at the end of the wall time it is no use to begin anew and anew."""
        if self.run.asked_to_stop(self.attempt):
            return STOPPED
        raise RunError(
            "The wall time was over before all nodes were measured.",
            "Python may have taken minutes to start: a disk is very slow, or very busy.",
            "Try again with walltime_hours=0.25",
        )

    def _multiply(self) -> dict[str, float]:
        side, kind = _SIZES[self.ranks.device.type]
        a, b = (torch.randn(side, side, device=self.ranks.device).to(kind) for _ in range(2))
        a @ b
        self.ranks.wait_for_all()
        seconds: list[float] = []
        while len(seconds) < 3 or sum(seconds) < self.asked.seconds:
            seconds.append(self._timed(lambda: a @ b))
        return {"matmul_tflops": 2 * side**3 / median(seconds) / 1e12}

    def _reduce_in_pairs(self) -> dict[str, float]:
        """Let pairs of nodes sum up; return the median over the pairs this node was part of."""
        found = []
        for pairs in list(pairings(self.n_nodes))[:_ROUNDS]:
            for pair in pairs:
                members = [one * self.per_node + n for one in pair for n in range(self.per_node)]
                group = dist.new_group(members)  # every rank must call it, in the same order
                if self.node in pair:
                    mine, size = group, len(members)
            if self.node in {one for pair in pairs for one in pair}:
                found.append(self._reduced(mine, size))
            self.ranks.wait_for_all()
        return {"all_reduce_gb_s": median(found)} if found else {}

    def _reduce_all(self) -> dict[str, float]:
        if self.ranks.world_size == 1:
            return {}
        return {"all_reduce_of_all_gb_s": self._reduced(dist.group.WORLD, self.ranks.world_size)}

    def _reduced(self, group: Any, size: int) -> float:
        tensor = torch.ones(self.asked.reduce_mib << 18, device=self.ranks.device)  # 4 bytes each
        dist.all_reduce(tensor, group=group)
        seconds = [
            self._timed(lambda: dist.all_reduce(tensor, group=group)) for _ in range(_REDUCTIONS)
        ]
        return bus_gb_s(tensor.numel() * 4, size, median(seconds))

    def _write_and_read(self) -> dict[str, float]:
        """Write a file a node, read that of the next node; ranks beside the first only wait."""
        own, other = self._file(self.node), self._file((self.node + 1) % self.n_nodes)
        n_bytes = int(self.asked.disk_mib * (1 << 20))
        found: dict[str, float] = {}
        if self.local == 0:
            found["write_mb_s"] = self._mb_s(n_bytes, lambda: _write(own, n_bytes))
        self.ranks.wait_for_all()
        if self.local == 0:
            found["read_mb_s"] = self._mb_s(n_bytes, lambda: _read(other))
        self.ranks.wait_for_all()
        if self.local == 0:
            own.unlink()
        return found

    def _mb_s(self, n_bytes: int, work: Callable[[], None]) -> float:
        return n_bytes / 1e6 / self._timed(work)

    def _file(self, node: int) -> Path:
        return self.run.result / f".node-{node}"

    def _timed(self, work: Callable[[], object]) -> float:
        began = time.perf_counter()
        work()
        if self.ranks.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    def _record(self, step: int, steps: int) -> None:
        if self.ranks.rank == 0:
            record = {"event": "measured", "step": step, "steps": steps, "time": time.time()}
            journal.append(self.run.metrics_file, {**record, "attempt": self.attempt})

    def _gather(self, found: dict[str, Any]) -> None:
        """Let each rank leave what it found, and the first one put it together."""
        files.write_json(self.run.result / f".rank-{self.ranks.rank}", found)
        self.ranks.wait_for_all()
        if self.ranks.rank:
            return
        left = [self.run.result / f".rank-{number}" for number in range(self.ranks.world_size)]
        everything = [files.read_json(path) for path in left]
        files.write_json(self.run.measured_file, self._result(everything))
        for path in left:
            path.unlink()

    def _result(self, everything: list[dict[str, Any]]) -> dict[str, Any]:
        groups = [
            everything[first : first + self.per_node]
            for first in range(0, len(everything), self.per_node)
        ]
        device = self.ranks.device.type
        side, kind = _SIZES[device]
        return {
            "nodes": [_of_node(group) for group in groups],
            "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
            "backend": dist.get_backend() if dist.is_initialized() else "none",
            "matrix": f"{side} x {side}, {kind}".replace("torch.", ""),
            "ranks_per_node": self.per_node,
            "threads": torch.get_num_threads(),
            "versions": {"kbnotebooks": kblib.__version__, "torch": torch.__version__},
            "time": time.time(),
        }


def _of_node(ranks: list[dict[str, Any]]) -> dict[str, Any]:
    """Put the ranks of a node together: they wait for the slowest of them, so that counts."""
    names = dict.fromkeys(name for rank in ranks for name in rank if name != "node")
    slowest = {name: min(rank[name] for rank in ranks if name in rank) for name in names}
    return {"node": ranks[0]["node"], **slowest}


def _write(path: Path, n_bytes: int) -> None:
    piece = os.urandom(min(n_bytes, _PIECE))
    with open(path, "wb") as file:
        while file.tell() < n_bytes:
            file.write(piece[: n_bytes - file.tell()])
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _read(path: Path) -> None:
    with open(path, "rb", buffering=0) as file:
        while file.read(_PIECE):
            pass


def main(arguments: list[str]) -> int:
    """Carry out what the command line names."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    run, attempt = RunFolder(Path(arguments[0])), int(arguments[1])
    stop = StopFlag(run.stop_file(attempt))
    # A scheduler may promise more cores than there are, as that of the emulator does.
    torch.set_num_threads(min(torch.get_num_threads(), os.cpu_count() or 1))

    def work() -> int:
        with joined(run, attempt) as ranks:
            return NodeProbe(run, attempt, ranks).carry_out(stop)

    return guarded(work, run, attempt)
