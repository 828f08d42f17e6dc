"""Slurm's accounting with a database of its own: accounts, qualities of service, ``sacct``."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
from pathlib import Path

from kblib.errors import SiteError

from . import processes
from .configuration import CLUSTER, Ports, slurmdbd_conf

ACCOUNT = "project"
SHORT = "short"
"""A quality of service of five minutes and one node, beside Slurm's own ``normal``."""


_SMALL_LOG = "--innodb-log-file-size=8M"  # 96 MB are written at every start otherwise


def start(folder: Path, ports: Ports, environment: dict[str, str]) -> None:
    """Start database and slurmdbd, and register the cluster with one account."""
    password = _start_database(folder, ports, environment)
    conf = folder / "etc" / "slurmdbd.conf"
    conf.touch(mode=0o600)
    conf.write_text(slurmdbd_conf(folder, ports, password), encoding="utf-8")
    conf.chmod(0o600)  # slurmdbd refuses to start otherwise
    log, record = folder / "log" / "slurmdbd.out", folder / "run" / "slurmdbd.json"
    # slurmdbd looks for its file beside slurm.conf.
    processes.start([processes.program("slurmdbd"), "-D"], log, record, environment)
    answers = lambda: _answers(ports.accounting)  # noqa: E731
    processes.wait_for(answers, "slurmdbd", folder / "log" / "slurmdbd.log")
    _register(environment)


def stop(folder: Path) -> None:
    """End slurmdbd, then the database."""
    for name in ("slurmdbd", "mariadbd"):
        processes.end(folder / "run" / f"{name}.json", patience_s=20.0)


def _start_database(folder: Path, ports: Ports, environment: dict[str, str]) -> str:
    """Start a database in a new folder; return the password of the user slurm."""
    data, log = folder / "database", folder / "log" / "mariadbd.log"
    shutil.rmtree(data, ignore_errors=True)
    password = secrets.token_urlsafe(24)
    make = [processes.program("mariadb-install-db"), "--no-defaults", "--user=root"]
    make += [f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db"]
    make += [_SMALL_LOG]
    done = subprocess.run(make, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SiteError(
            "The database of the accounting could not be made.",
            (done.stdout + done.stderr).strip()[-600:],
            f"Is there room in {folder}?",
        )
    grants = folder / "run" / "grants.sql"
    grants.touch(mode=0o600)
    grants.write_text(
        "CREATE DATABASE IF NOT EXISTS slurm_acct_db;\n"
        f"CREATE USER slurm@'127.0.0.1' IDENTIFIED BY '{password}';\n"
        "GRANT ALL ON slurm_acct_db.* TO slurm@'127.0.0.1';\n"
        "ALTER USER root@localhost IDENTIFIED VIA unix_socket;\n"
    )
    serve = [processes.program("mariadbd"), "--no-defaults", "--user=root", f"--datadir={data}"]
    serve += [f"--socket={folder}/run/mariadb.sock", f"--pid-file={folder}/run/mariadbd.pid"]
    serve += ["--bind-address=127.0.0.1", f"--port={ports.database}", "--skip-name-resolve"]
    serve += [f"--init-file={grants}", "--innodb-buffer-pool-size=64M", _SMALL_LOG]
    serve += ["--innodb-lock-wait-timeout=900", "--innodb-flush-log-at-trx-commit=0"]
    processes.start(serve, log, folder / "run" / "mariadbd.json", environment)
    # The port is open before the grants are read.
    ready = lambda: "ready for connections" in log.read_text(errors="replace")  # noqa: E731
    processes.wait_for(ready, "The database", log)
    grants.unlink()
    return password


def _register(environment: dict[str, str]) -> None:
    """Make cluster, account and qualities of service known, and let root use them."""
    sacctmgr = [processes.program("sacctmgr"), "-i", "add"]
    for what in (
        ["cluster", CLUSTER],
        ["qos", SHORT, "MaxWall=00:05:00", "MaxTRESPerJob=node=1"],
        ["account", ACCOUNT, "Description=rehearsal", "Organization=library"],
        ["user", "root", f"Account={ACCOUNT}", f"QOS=normal,{SHORT}", "DefaultQOS=normal"],
    ):
        done = subprocess.run(
            [*sacctmgr, *what], capture_output=True, text=True, check=False, env=environment
        )
        if done.returncode and "already exists" not in done.stdout + done.stderr:
            raise SiteError(
                f"sacctmgr could not add {' '.join(what)}.",
                (done.stdout + done.stderr).strip()[-600:],
                "The log of slurmdbd says more.",
            )


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True
