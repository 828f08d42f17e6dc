"""One JupyterLab and one Chromium for all browser tests, cut off from all but this machine."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from kblib.runs import RunFolder
from tests.watching import SLOW_S

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
NOWHERE = "http://127.0.0.1:9"
LAB_SETTINGS = {
    "notebook-extension/tracker": {
        "windowingMode": "none"
    },  # all cells are in the page, seen or not
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


def until(what: str, condition: Callable[[], Any], limit_s: float = SLOW_S) -> Any:
    """Wait until a condition holds and return what it gave."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    pytest.fail(f"After {limit_s:.0f} s there was still no {what}.")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Lab:
    """A throw-away JupyterLab: folders of its own for notebooks, settings, workspaces, runs."""

    def __init__(self, folder: Path) -> None:
        self.root, self.home = folder / "notebooks", folder / "home"
        self.port, self.token = free_port(), secrets.token_hex(16)
        self.url = f"http://127.0.0.1:{self.port}"
        self.root.mkdir()
        for name, content in LAB_SETTINGS.items():
            path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(content), encoding="utf-8")
        self._log = (folder / "lab.log").open("wb")
        self.process = subprocess.Popen(
            self._command(), env=self._environment(folder), start_new_session=True,
            stdout=self._log, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def _command(self) -> list[str]:
        options = [
            "--no-browser", "--ip=127.0.0.1", f"--port={self.port}", "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={self.root}",
            *(["--allow-root"] if os.geteuid() == 0 else []),
        ]  # fmt: skip
        return [sys.executable, "-m", "jupyterlab", *options]

    def _environment(self, folder: Path) -> dict[str, str]:
        own = {
            "JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "JUPYTERLAB_SETTINGS_DIR": "settings",
            "IPYTHONDIR": "ipython", "KBNOTEBOOKS_HOME": "home",
        }  # fmt: skip
        closed = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), NOWHERE)
        # One thread for the training leaves the other core to server, kernel and browser.
        fixed = {"NO_PROXY": "127.0.0.1,localhost", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        return {
            **os.environ,
            **{name: str(folder / where) for name, where in own.items()},
            **closed,
            **fixed,
        }

    def ask(self, path: str) -> Any:
        """Ask the server; None while it cannot answer."""
        request = urllib.request.Request(
            self.url + path, headers={"Authorization": f"token {self.token}"}
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as answer:
                return json.load(answer)
        except OSError:  # also an HTTP error, which a kernel that is just starting may give
            assert self.process.poll() is None, "the server ended early, see lab.log"
            return None

    def kernels_idle(self) -> bool:
        kernels = self.ask("/api/kernels")
        return bool(kernels) and all(kernel["execution_state"] == "idle" for kernel in kernels)

    def address(self, notebook: str, workspace: str, *, fresh: bool = True) -> str:
        """Return the address of a notebook alone on the page, in a workspace without old tabs."""
        reset = "reset&" if fresh else ""
        return f"{self.url}/doc/workspaces/{workspace}/tree/{notebook}?{reset}token={self.token}"

    def stop(self) -> None:
        """End the server, its kernels, and the runs that were started in its home."""
        for path in (self.home / "runs").glob("*/state.json"):
            state = RunFolder(path.parent).state()
            here = state.host == socket.gethostname()  # elsewhere the number is another's
            if here and not state.over and state.pid is not None:
                with contextlib.suppress(psutil.NoSuchProcess):
                    psutil.Process(state.pid).terminate()
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)
        self._log.close()


@pytest.fixture(scope="session")
def lab(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Start JupyterLab; only where there is a browser to look at it."""
    server = Lab(tmp_path_factory.mktemp("lab"))
    try:
        until("answer from JupyterLab", lambda: server.ask("/api/status"))
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def context(lab: Lab, browser: Any) -> Iterator[Any]:
    """A browser window that can reach this machine only; it notes what else it was asked for."""
    window = browser.new_context(viewport={"width": 1280, "height": 1400}, locale="en-GB")
    window.set_default_timeout(SLOW_S * 1000)
    window.asked_elsewhere = []
    here = (lab.url, lab.url.replace("http", "ws"), "data:", "blob:")

    def note(request: Any) -> None:
        if not request.url.startswith(here):
            window.asked_elsewhere.append(request.url)

    window.on("request", note)
    yield window
    window.close()


def open_notebook(lab: Lab, context: Any, name: str, workspace: str, *, fresh: bool = True) -> Any:
    """Open a notebook and wait until its kernel is ready and the page knows it."""
    page = context.new_page()
    page.goto(lab.address(name, workspace, fresh=fresh), wait_until="domcontentloaded")
    page.locator(".jp-NotebookPanel").first.wait_for()
    if fresh:
        wait_for_kernel(lab, page)
    return page


def wait_for_kernel(lab: Lab, page: Any) -> None:
    # The page says "idle" before its session is connected; "run all" would then ask for a kernel.
    until("idle kernel", lab.kernels_idle)
    page.locator(".jp-KernelName", has_text="Python 3").wait_for()
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()


def choose(page: Any, menu: str, *commands: str) -> None:
    """Choose an entry of the menu bar by its command, which has no language and no version."""
    page.get_by_role("menuitem", name=menu, exact=True).click()
    entries = ", ".join(f".lm-Menu-item[data-command='{command}']" for command in commands)
    page.locator(entries).first.click()


def run_all(page: Any) -> None:
    choose(page, "Run", "runmenu:run-all", "notebook:run-all-cells")


def restart_kernel(lab: Lab, page: Any) -> None:
    choose(page, "Kernel", "kernelmenu:restart", "notebook:restart-kernel")
    page.locator(".jp-Dialog .jp-mod-accept, .jp-Dialog .jp-mod-warn").first.click()
    page.locator(".jp-Dialog").wait_for(state="detached")
    wait_for_kernel(lab, page)
