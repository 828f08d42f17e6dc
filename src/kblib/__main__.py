"""``python -m kblib``: what can be done without a notebook.

doctor: what is here and what is missing, or what a site file has wrong; demo: the whole way once;
models: the embedded ones made again; plan: what it would cost; submit: a job that was written down;
finetune: a model taught the labels of a file;
preflight: nodes measured; connect: the way to a site by ssh; status, logs, cancel, resume: runs;
bundle: a model that may leave the house.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any

from kblib.errors import KblibError


def doctor(arguments: argparse.Namespace) -> int:
    """Print what this machine has and what is missing; of a site what its file has wrong."""
    if arguments.site:
        return _compare(arguments.site)
    from kblib.doctor import findings

    for finding in findings():
        print(finding)
    return 0


def _compare(site: str) -> int:
    from kblib.cluster.site_doctor import compare_site, overlay_of

    compared = compare_site(site)
    print(*compared, sep="\n")
    if lines := overlay_of(site, compared):
        print(f"\n{lines}")
    return int(any(one.verdict == "differs" for one in compared))


def demo(arguments: argparse.Namespace) -> int:
    """Carry out the demo."""
    from kblib.demo import run_demo

    run_demo(print, minutes=arguments.minutes)
    return 0


def models(arguments: argparse.Namespace) -> int:
    """Make the embedded models, or those that are named."""
    from kblib.embedded import make_models

    make_models(print, arguments.names)
    return 0


def preflight(arguments: argparse.Namespace) -> int:
    """Measure nodes of a site with a short job, and print which are slow."""
    from kblib.cluster.preflight import node_speeds, send_preflight

    run = send_preflight(site=arguments.site, nodes=arguments.nodes)
    print(f"Run '{run.name}' is in the queue of {arguments.site}; waiting for it ...", flush=True)
    print(node_speeds(run.wait()))
    return 0


def plan(arguments: argparse.Namespace) -> int:
    """Print what a model would cost on a site, or the planner against published runs."""
    from kblib.planner.command import answer

    for part in answer(arguments):
        print(part)
    return 0


def finetune(arguments: argparse.Namespace) -> int:
    """Teach a model the labels of a file."""
    from kblib.cluster.finetune_command import answer

    for line in answer(arguments):
        print(line, flush=True)
    return 0


def submit(arguments: argparse.Namespace) -> int:
    """Send jobs that were written down, or runs once more; return at once."""
    from kblib.cluster.submit_command import answer

    for part in answer(arguments):
        print(part, flush=True)
    return 0


def bundle(arguments: argparse.Namespace) -> int:
    """Write a model that may leave the house, after a look at what it was made from."""
    from kblib.publishing.command import answer

    for part in answer(arguments):
        print(part, flush=True)
    return 0


def status(arguments: argparse.Namespace) -> int:
    """Print all runs, or one."""
    from kblib.cluster import Run

    if arguments.run:
        print(Run.open(arguments.run))
        return 0
    runs = Run.all()
    shown = runs.astype(object).fillna("")
    print("No runs yet." if runs.empty else shown.to_string(index=False))
    return 0


def logs(arguments: argparse.Namespace) -> int:
    """Print the end of a run's log; with --follow until the run is over."""
    from kblib.cluster import Run
    from kblib.runs import RunFolder, Tail

    run = Run.open(arguments.run)
    if not arguments.follow:
        print(run.log(arguments.lines))
        return 0
    over, tail = run.state.over, Tail(RunFolder(run.folder).log_file)
    lines = tail.lines()[-arguments.lines :]
    while True:
        for line in lines:
            print(line, flush=True)
        if over:
            return 0
        time.sleep(1)
        # The state first: what is written before the end is then not missed.
        over, lines = run.state.over, tail.lines()


def connect(arguments: argparse.Namespace) -> int:
    """Open the connection to a site, where ssh may ask for a password or a code."""
    from kblib import sites
    from kblib.cluster.access import is_elsewhere, ssh_of
    from kblib.cluster.ssh import KEPT_OPEN
    from kblib.sites.facts import overlay

    cluster = sites.cluster_of(sites.load_site(arguments.site))
    if not is_elsewhere(cluster):
        print(
            f"Site '{cluster.name}' is reached without a connection: via = \"{cluster.via}\".\n"
            "  So it is on its login node. From elsewhere, write into "
            f'{overlay(cluster.site)}: via = "ssh:ALIAS"'
        )
        return 0
    ssh = ssh_of(cluster)
    ssh.connect()
    print(f"The connection to '{ssh.alias}' is open, and stays so for {KEPT_OPEN} without use.")
    return 0


def cancel(arguments: argparse.Namespace) -> int:
    """Ask a run to checkpoint and stop."""
    from kblib.cluster import Run

    run = Run.open(arguments.run)
    if run.state.over:
        print(f"{run}: nothing to stop.")
        return 0
    run.cancel()
    print(
        f"Asked run '{run.name}' to write a checkpoint and stop.\n"
        f"  Look: python -m kblib status {run.name}"
    )
    return 0


def resume(arguments: argparse.Namespace) -> int:
    """Go on with a run that was stopped or failed."""
    from kblib.cluster import Run

    print(Run.open(arguments.run).resume())
    return 0


_WATCHING = (demo, models, preflight, logs, submit, finetune)
"""Commands that only look at a run while it goes on by itself."""
_INTERRUPTED = 130
"""What shells expect of a command that Ctrl-C has ended."""


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    root = argparse.ArgumentParser(prog="python -m kblib", description=__doc__)
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("doctor", help="what is here and what is missing")
    one.add_argument("--site", metavar="NAME", help="compare a site file with its cluster")
    one.set_defaults(do=doctor)
    one = commands.add_parser("demo", help="corpus, training, model: the whole way once")
    one.add_argument(
        "--minutes", type=float, default=1.5, help="minutes of training (default: 1.5)"
    )
    one.set_defaults(do=demo)
    one = commands.add_parser("models", help="make the embedded models again")
    one.add_argument("names", nargs="*", metavar="NAME", help="which ones (default: all)")
    one.set_defaults(do=models)
    one = commands.add_parser("preflight", help="measure nodes of a site, and name slow ones")
    one.add_argument("--site", required=True, metavar="NAME", help="where")
    one.add_argument("--nodes", type=int, default=4, help="how many (default: 4)")
    one.set_defaults(do=preflight)
    one = commands.add_parser("plan", help="what a model would cost on a site; --check")
    _add_plan_options(one)
    one.set_defaults(do=plan)
    one = commands.add_parser("finetune", help="teach a model the labels of a file")
    _add_finetune_options(one)
    one.set_defaults(do=finetune)
    one = commands.add_parser("submit", help="send a job that was written down; --show")
    _add_submit_options(one)
    one.set_defaults(do=submit)
    one = commands.add_parser("bundle", help="a model that may leave the house; --show")
    _add_bundle_options(one)
    one.set_defaults(do=bundle)
    _add_run_commands(commands)
    return root


def _add_run_commands(commands: Any) -> None:
    one = commands.add_parser("status", help="all runs, or one")
    one.add_argument("run", nargs="?", help="the name of a run")
    one.set_defaults(do=status)
    one = commands.add_parser("logs", help="the end of a run's log")
    one.add_argument("run", help="the name of a run")
    one.add_argument("-n", "--lines", type=int, default=40, help="how many lines (default: 40)")
    one.add_argument("-f", "--follow", action="store_true", help="go on until the run is over")
    one.set_defaults(do=logs)
    one = commands.add_parser("connect", help="open the connection to a site reached by ssh")
    one.add_argument("site", help="the name of a site")
    one.set_defaults(do=connect)
    for name, do, text in (
        ("cancel", cancel, "write a checkpoint and stop"),
        ("resume", resume, "go on from the newest whole checkpoint"),
    ):
        one = commands.add_parser(name, help=text)
        one.add_argument("run", help="the name of a run")
        one.set_defaults(do=do)


def _add_finetune_options(one: argparse.ArgumentParser) -> None:
    one.add_argument("labels", help="a file of labels: .csv, .jsonl, .conllu, .conll")
    one.add_argument("--model", default="kb-mini-masked", help="folder or name")
    one.add_argument("--method", default="lora", help="lora, qlora, full or probe")
    one.add_argument("--epochs", type=float, default=4.0, help="(default: 4)")
    one.add_argument("--learning-rate", type=float, help="by default one usual for the size")
    one.add_argument("--seeds", type=int, nargs="+", default=[1], help="one training each")
    one.add_argument(
        "--text", nargs="+", default=["text"], help="column of the text; two for pairs"
    )
    one.add_argument("--label", default="label", help="column of the label")
    one.add_argument("--separator", metavar="MARK", help="between values of a .csv, such as ';'")
    one.add_argument("--encoding", default="utf-8", help="of the file (default: utf-8)")
    one.add_argument("--scale", action="store_true", help="labels are numbers on a scale")
    one.add_argument("--by", help="column whose groups stay whole; by default film, issue, ...")
    one.add_argument("--time", metavar="COLUMN", help="test by the latest, such as year")
    one.add_argument("--test", type=float, default=0.2, help="share to test on (default: 0.2)")
    one.add_argument("--balance", action="store_true", help="rare labels weigh as much as others")
    one.add_argument("--site", default="local", help="where (default: this machine)")
    one.add_argument("--save", metavar="FOLDER", help="wait for the end, and save it there")


def _add_submit_options(one: argparse.ArgumentParser) -> None:
    one.add_argument("jobs", nargs="+", metavar="JOB", help="a file that job.save wrote, or a run")
    one.add_argument("--site", default="local", metavar="NAME", help="where (default: local)")
    one.add_argument("--show", action="store_true", help="print the script, and send nothing")
    one.add_argument("--wait", action="store_true", help="return when all of them are over")
    one.add_argument("--fresh", action="store_true", help="a new run, although there is one")
    one.add_argument("--share", choices=["group"], help="who may look at the runs")
    one.add_argument("--budget-gpu-hours", type=float, metavar="N", help="of each run, in all")
    one.add_argument("--ranks", type=int, metavar="N", help="processes, on this machine")
    one.add_argument("--workers", type=int, metavar="N", help="of a batch, at most")
    for name in ("nodes", "ranks-per-node", "gpus-per-node", "cores-per-node"):
        one.add_argument(f"--{name}", type=int, metavar="N", help="on a cluster")
    for name in ("memory-gib", "walltime-hours"):
        one.add_argument(f"--{name}", type=float, metavar="N", help="on a cluster")
    for name in ("partition", "account", "qos"):
        one.add_argument(f"--{name}", metavar="NAME", help="on a cluster")
    one.add_argument("--exclude", action="append", metavar="NODE", help="to keep away from")


def _add_bundle_options(one: argparse.ArgumentParser) -> None:
    one.add_argument("model", metavar="RUN_OR_MODEL", help="a run, a model, or its folder")
    one.add_argument("out", metavar="OUT", nargs="?", default="bundle", help="a new folder")
    one.add_argument("--show", action="store_true", help="what it was made from; write nothing")
    one.add_argument(
        "--corpus", action="append", default=[], metavar="NAME", help="it was trained on"
    )
    one.add_argument(
        "--licence", action="append", default=[], metavar="NAME=LICENCE",
        help="of labels or a model that state none",
    )  # fmt: skip
    one.add_argument("--agreement", metavar="TEXT", help="who allows what its terms do not")
    one.add_argument("--replace", action="store_true", help="a folder that is there gives way")


def _add_plan_options(one: argparse.ArgumentParser) -> None:
    one.add_argument("--check", action="store_true", help="the planner against published runs")
    one.add_argument("--site", default="meluxina", help="where (default: meluxina)")
    one.add_argument("--model", default="open-llama-7b", help="a published one, by name")
    one.add_argument("--tokens", type=float, default=100e9, help="to read (default: 100e9)")
    one.add_argument("--nodes", type=int, default=16, help="of the job (default: 16)")
    one.add_argument("--micro-batch", type=int, default=1, help="blocks at once (default: 1)")
    one.add_argument("--zero", type=int, default=3, help="ZeRO stage, 0 to 3 (default: 3)")
    one.add_argument("--recompute", action="store_true", help="layers are computed again")
    one.add_argument("--tflops", type=float, help="model TFLOP/s of a GPU, in place of the card's")
    one.add_argument("--goodput", type=float, help="share of it that a whole run keeps")
    one.add_argument("--texts", type=float, help="tokens of your texts, read once")
    one.add_argument("--core-hours", type=float, help="an award, laid out month by month")
    one.add_argument("--months", type=int, default=12, help="of the award (default: 12)")
    one.add_argument("--application", action="store_true", help="text for an application")


def main(words: Sequence[str] | None = None) -> int:
    """Carry out a command line; errors of ours, and of the disk, come without a traceback."""
    arguments = parser().parse_args(words)
    try:
        return int(arguments.do(arguments))
    except KblibError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `| head` has seen enough
        return 0
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"{place}{error.strerror or error}\n  python -m kblib doctor", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        run = getattr(arguments, "run", None) or ""
        look = f"python -m kblib status {run}".rstrip()
        goes_on = f"\nA run that has begun goes on; look: {look}"
        print(goes_on if arguments.do in _WATCHING else "", file=sys.stderr)
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
