"""Start JupyterLab on the first lesson and print its address: ``make lab``.

``PORT`` chooses the port (otherwise the first free one from 8888), ``NO_BROWSER`` keeps the browser
closed. The server listens on this machine only and asks for a token, which is new at each start and
handed over by the environment, so that no list of processes shows it.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOG = ROOT / "build" / "lab.log"
LESSON = "notebooks/00_start_here.ipynb"
HOST = "127.0.0.1"
FIRST_PORT = 8888
START_LIMIT_S = 120


def main() -> int:
    """Run the server until it is stopped; return the exit code."""
    token = secrets.token_hex(24)
    try:
        port = chosen_port(os.environ.get("PORT", ""))
    except ValueError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    print(
        f"JupyterLab starts ... (stop it with Ctrl-C; its log: {LOG.relative_to(ROOT)})", flush=True
    )
    server = start(port, token)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    try:
        if not answers(server, port, token):
            print(
                f"lab: JupyterLab did not start. The end of its log:\n{log_end()}", file=sys.stderr
            )
            return 1
        address = f"http://{HOST}:{port}/lab/tree/{LESSON}?token={token}"
        print(address, flush=True)
        if wants_browser():
            webbrowser.open(address)
        server.wait()
    except KeyboardInterrupt:
        print("\nJupyterLab stops. Runs that were submitted go on.")
    finally:
        stop(server)
    return 0


def chosen_port(wanted: str) -> int:
    """Return the port asked for, or the first free one.

    Raises
    ------
    ValueError
        If it is not a port, or in use.
    """
    if not wanted:
        return next(port for port in range(FIRST_PORT, FIRST_PORT + 200) if is_free(port))
    if not wanted.isdecimal() or not 1 <= int(wanted) <= 65535:
        raise ValueError(f"PORT is '{wanted}'; a number from 1 to 65535 was expected.")
    if not is_free(int(wanted)):
        raise ValueError(f"port {wanted} is in use. Another one: make lab PORT={int(wanted) + 1}")
    return int(wanted)


def is_free(port: int) -> bool:
    """Tell whether a server could listen on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def start(port: int, token: str) -> subprocess.Popen[bytes]:
    """Start the server, in a session of its own so that Ctrl-C reaches this script alone."""
    command = [sys.executable, "-m", "jupyterlab", "--no-browser"]
    command += [f"--ServerApp.ip={HOST}", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    command += [f"--ServerApp.root_dir={ROOT}"]
    if os.geteuid() == 0:
        command.append("--allow-root")
    LOG.parent.mkdir(exist_ok=True)
    # The kernel named python3 shall be the one of .venv, whatever the home folder holds.
    environment = {**os.environ, "JUPYTER_TOKEN": token, "JUPYTER_PREFER_ENV_PATH": "1"}
    with open(LOG, "wb") as log:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def answers(server: subprocess.Popen[bytes], port: int, token: str) -> bool:
    """Wait until the server answers; False if it ended or took too long."""
    request = urllib.request.Request(
        f"http://{HOST}:{port}/api/status", headers={"Authorization": f"token {token}"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    limit = time.monotonic() + START_LIMIT_S
    while time.monotonic() < limit and server.poll() is None:
        try:
            with opener.open(request, timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    return False


def wants_browser() -> bool:
    """Tell whether a browser window shall be opened, and could be."""
    if os.environ.get("NO_BROWSER"):
        return False
    screen = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return screen or sys.platform == "darwin"


def stop(server: subprocess.Popen[bytes]) -> None:
    """End the server and its kernels: SIGTERM asks no question."""
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(timeout=15)
        except subprocess.TimeoutExpired:
            server.kill()


def log_end(n: int = 15) -> str:
    """Return the last lines of the log, set in."""
    lines = LOG.read_text(encoding="utf-8", errors="replace").splitlines()[-n:]
    return "\n".join(f"  | {line}" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
