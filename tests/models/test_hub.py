"""The model hub that does not answer, or answers: always a server of this test on the loopback."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kblib.errors import ModelError
from kblib.models import hub

NAME = "KB/bert-base-swedish-cased"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
# A process of its own: the client reads the hub's address once, when it is imported.
PROGRAM = """
import sys, time
import huggingface_hub.hf_api  # what that takes is not the hub's time
from kblib.errors import ModelError
from kblib.models.catalog import find_model
start = time.perf_counter()
try:
    print(find_model(sys.argv[1]))
except ModelError as error:
    print(error)
print(time.perf_counter() - start)
"""


def ask(tmp_path: Path, endpoint: str, **environment: str) -> tuple[str, float]:
    """Look for the model in a fresh process; return what it said, and the seconds it took."""
    proxies = ("http_proxy", "https_proxy", "all_proxy")
    clean = {k: v for k, v in os.environ.items() if k.lower() not in proxies}
    clean.pop("HF_HUB_OFFLINE", None)
    clean |= {
        "HF_ENDPOINT": endpoint,
        "HF_HUB_CACHE": str(tmp_path / "hub"),
        "HF_HUB_DISABLE_XET": "1",
        "KBNOTEBOOKS_HOME": str(tmp_path / "home"),
        **environment,
    }
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, NAME],
        env=clean,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    *said, seconds = run.stdout.strip().splitlines()
    return "\n".join(said), float(seconds)


@contextmanager
def hub_with(files: dict[str, bytes], status: int = 200) -> Iterator[str]:
    """Serve one model, as far as the client asks for it."""

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            name = self.path.rsplit("/", 1)[-1]
            if "/tree/" in self.path:
                rows = [
                    {"type": "file", "path": file, "size": len(content), "oid": "0" * 40}
                    for file, content in files.items()
                ]
                self._answer(json.dumps(rows).encode())
            elif self.path.startswith("/api/models/"):
                siblings = [{"rfilename": file} for file in files]
                about = {"id": NAME, "sha": COMMIT, "siblings": siblings, "tags": []}
                self._answer(json.dumps({**about, "private": False}).encode())
            elif name in files:
                self._answer(files[name])
            else:
                self.send_error(404)

        def _answer(self, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Type", "application/json")
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            if status == 404:
                self.send_header("X-Error-Code", "RepoNotFound")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_hub_that_refuses_the_connection_fails_at_once(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound but not listening
        said, seconds = ask(tmp_path, f"http://127.0.0.1:{held.getsockname()[1]}")
    assert f"The model '{NAME}' is not on this machine, and the model hub does not answer" in said
    assert f"hf download {NAME}" in said
    assert seconds < 2


def test_hub_that_accepts_and_says_nothing_fails_within_two_seconds(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said, seconds = ask(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert "the model hub does not answer" in said
    assert seconds < 2


def test_name_server_that_does_not_know_the_hub_fails_within_two_seconds(tmp_path: Path) -> None:
    said, seconds = ask(tmp_path, "https://hub.invalid")
    assert "the model hub does not answer" in said
    assert seconds < 2


def test_proxy_that_is_not_there_fails_within_two_seconds(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{held.getsockname()[1]}"
        said, seconds = ask(tmp_path, "https://hub.invalid", https_proxy=proxy)
    assert "Connection refused" in said
    assert seconds < 2


def test_client_that_is_slow_to_import_takes_nothing_of_the_hubs_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(hub, "ANSWER_S", 0.2)
    monkeypatch.setattr(hub, "_knock", lambda: None)
    monkeypatch.setattr(hub, "_import_client", lambda: time.sleep(0.3))
    monkeypatch.setattr(hub, "_ask", lambda name: ModelError(f"The hub has answered on {name}."))
    with pytest.raises(ModelError, match=f"The hub has answered on {NAME}"):
        hub.fetch(NAME)


def test_offline_by_wish_asks_nobody(tmp_path: Path) -> None:
    with hub_with({"config.json": b"{}", "model.safetensors": b"0"}) as endpoint:
        said, seconds = ask(tmp_path, endpoint, HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE is set" in said
    assert seconds < 0.5


def test_model_with_pickles_only_is_refused_before_any_download(tmp_path: Path) -> None:
    with hub_with({"config.json": b"{}", "pytorch_model.bin": b"0"}) as endpoint:
        said, _ = ask(tmp_path, endpoint)
    assert f"The model '{NAME}' has only pytorch_model.bin. Safetensors were expected" in said
    assert not (tmp_path / "hub").exists()


def test_model_the_hub_does_not_have_is_named(tmp_path: Path) -> None:
    with hub_with({}, status=404) as endpoint:
        said, seconds = ask(tmp_path, endpoint)
    assert f"The model hub has no model '{NAME}'" in said
    assert seconds < 2


def test_hub_that_answers_gives_safetensors_and_no_pickle(tmp_path: Path) -> None:
    files = {
        "config.json": b"{}",
        "model.safetensors": b"weights",
        "pytorch_model.bin": b"pickle",
        "vocab.txt": b"[PAD]\n",
        "custom_code.py": b"print('hello')",
    }
    with hub_with(files) as endpoint:
        said, _ = ask(tmp_path, endpoint)
        again, seconds = ask(tmp_path, "https://hub.invalid")  # now it is in the cache
    folder = Path(said)
    assert {path.name for path in folder.iterdir()} == {
        "config.json", "model.safetensors", "vocab.txt",
    }  # fmt: skip
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert Path(again) == folder
    assert seconds < 0.5
