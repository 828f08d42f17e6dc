"""``python -m kblib.hpc.emulator start | stop | status | kill-node | start-node``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from kblib import settings
from kblib.errors import KblibError

from . import Emulator, Hardware


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks; return the exit code."""
    asked = _parser().parse_args(arguments)
    emulator = Emulator(asked.folder or settings.home() / "emulator")
    try:
        match asked.verb:
            case "start":
                _start(emulator, Hardware(nodes=asked.nodes, gpus=asked.gpus), asked.accounting)
            case "stop":
                emulator.stop()
            case "status":
                return _status(emulator)
            case "kill-node":
                emulator.kill_node(asked.node)
            case "start-node":
                emulator.start_node(asked.node)
    except KblibError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _start(emulator: Emulator, hardware: Hardware, with_accounting: bool) -> None:
    begin = time.monotonic()
    emulator.start(hardware, with_accounting=with_accounting)
    took_s = time.monotonic() - begin
    print(f"{hardware.nodes} nodes of {hardware.gpus} GPUs are up after {took_s:.1f} s.")
    print(f"  Talk to it from a shell:\nexport SLURM_CONF={emulator.conf}")


def _status(emulator: Emulator) -> int:
    if not emulator.is_up:
        print(f"No emulator is up in {emulator.folder}.")
        return 1
    print(emulator.run("sinfo", "-N", "-p", "gpu", "-o", "%N %T %G %c %m").stdout, end="")
    print(emulator.run("squeue").stdout, end="")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kblib.hpc.emulator", description=__doc__)
    place = argparse.ArgumentParser(add_help=False)
    place.add_argument("--folder", type=Path, help="where it lies (default: emulator/ in the home)")
    verbs = parser.add_subparsers(required=True, dest="verb", metavar="VERB")
    start = verbs.add_parser("start", parents=[place], help="bring the cluster up, new and empty")
    start.add_argument("--nodes", type=int, default=Hardware.nodes)
    start.add_argument("--gpus", type=int, default=Hardware.gpus, help="a node")
    start.add_argument("--accounting", action="store_true", help="with accounts, QOS and sacct")
    verbs.add_parser("stop", parents=[place], help="end it")
    verbs.add_parser("status", parents=[place], help="nodes and jobs")
    for name, text in (
        ("kill-node", "take the power from a node"),
        ("start-node", "boot a node again"),
    ):
        verbs.add_parser(name, parents=[place], help=text).add_argument("node")
    return parser


if __name__ == "__main__":
    sys.exit(main())
