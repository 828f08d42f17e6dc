"""The Hugging Face cache and model hub: read at once, asked briefly, never waited for.

Only safetensors weights are taken: a pickle (``pytorch_model.bin``) can run code when it is opened.
"""

from __future__ import annotations

import os
import re
import socket
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kblib.errors import ModelError
from kblib.files import read_json

ANSWER_S = 1.5  # the hub may take so long; together with everything else it stays under two seconds
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_WANTED = [
    "*.safetensors",
    "*.safetensors.index.json",
    "*.json",
    "*.txt",
    "*.model",
    "README.md",
    "LICENSE*",
]
_TRUE = ("1", "true", "yes", "on")


def looks_like_hub_name(name: str) -> bool:
    """Tell whether a name has the form ``owner/model``."""
    return _NAME.fullmatch(name) is not None


def cache_folder() -> Path:
    """Return the folder where Hugging Face libraries keep what they fetched, by their own rules."""
    if named := os.environ.get("HF_HUB_CACHE"):
        return Path(named).expanduser()
    base = (
        os.environ.get("HF_HOME")
        or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    )
    return Path(base).expanduser() / "hub"


def cached(name: str) -> Path | None:
    """Return the cached folder of a hub model whose config and weights are all there, or None."""
    if not looks_like_hub_name(name):
        return None
    repository = cache_folder() / f"models--{name.replace('/', '--')}"
    try:
        commit = (repository / "refs" / "main").read_text(encoding="ascii").strip()
    except OSError:
        return None
    snapshot = repository / "snapshots" / commit
    return snapshot if (snapshot / "config.json").is_file() and _has_weights(snapshot) else None


def fetch(name: str) -> Path:
    """Fetch a model's safetensors, configuration and tokenizer from the hub into the cache.

    Raises
    ------
    ModelError
        If the hub is switched off or does not answer within 1.5 s, has no such model, or only
        pickled weights of it.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in _TRUE:
        raise _not_here(name, "HF_HUB_OFFLINE is set, so the model hub is not asked")
    clock = time.monotonic()
    answer = _within(ANSWER_S, _knocked)
    if answer is None:
        left_s = ANSWER_S - (time.monotonic() - clock)
        _import_client()  # not on the hub's time: from a slow disk that alone takes seconds
        answer = _within(left_s, lambda: _ask(name))
    if isinstance(answer, _Unreachable):
        raise _not_here(name, f"the model hub does not answer ({answer.why})")
    if isinstance(answer, ModelError):
        raise answer
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=_WANTED))
    except Exception as error:  # noqa: BLE001 - the client's errors share no public base
        raise ModelError(
            f"Fetching '{name}' from the model hub broke off: {error}.",
            "What has arrived is kept.",
            "Run the cell again to go on.",
        ) from None


def _import_client() -> None:
    with suppress(ImportError):  # `_ask` tells
        import huggingface_hub.hf_api  # noqa: F401


class _Unreachable:
    """The hub could not be asked."""

    def __init__(self, why: str) -> None:
        self.why = why


def _knocked() -> _Unreachable | None:
    """Return None if somebody opens where the hub should be."""
    try:
        _knock()
    except OSError as error:
        return _Unreachable(error.strerror or str(error) or type(error).__name__)
    return None


def _ask(name: str) -> _Unreachable | ModelError | None:
    """Return None if the hub offers safetensors of this model, otherwise what is wrong."""
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError
    except ImportError:
        return _Unreachable("huggingface_hub is not installed")
    try:
        files = [
            str(file.rfilename)
            for file in HfApi().model_info(name, timeout=ANSWER_S).siblings or []
        ]
    except GatedRepoError:
        return ModelError(
            f"The model '{name}' is given only to those who accepted its terms.",
            "A token of an account that did was expected.",
            f"Accept them on its hub page ({name}), then: hf auth login",
        )
    except RepositoryNotFoundError:
        return ModelError(
            f"The model hub has no model '{name}'.",
            "Names are written owner/model, in the hub's own spelling.",
            "kblib.models.catalog.catalog() lists names that are known to work.",
        )
    except Exception as error:  # noqa: BLE001 - the client's errors share no public base
        return _Unreachable(f"{type(error).__name__}: {error}")
    if not any(file.endswith(".safetensors") for file in files):
        return pickled(name, [file for file in files if file.endswith((".bin", ".pt", ".h5"))])
    return None


def pickled(name: str, files: list[str]) -> ModelError:
    """Return the error for a model that has only pickled weights, or none at all."""
    have = f"only {', '.join(sorted(files)[:3])}" if files else "no weights"
    folder = name.rstrip("/").rsplit("/", 1)[-1]
    return ModelError(
        f"The model '{name}' has {have}.",
        "Safetensors were expected: opening a pickle can run any code, so this project never does.",
        "If you trust its makers, convert it once: python -c "
        '"from transformers import AutoModelForPreTraining as M, AutoTokenizer as T; '
        f"M.from_pretrained('{name}').save_pretrained('{folder}-safe'); "
        f"T.from_pretrained('{name}').save_pretrained('{folder}-safe')\"",
    )


def _knock() -> None:
    """Connect to the hub, or to the proxy that leads there, and hang up."""
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    host = endpoint.hostname or ""
    proxy = (
        None
        if urllib.request.proxy_bypass(host)
        else urllib.request.getproxies().get(endpoint.scheme)
    )
    place = urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else endpoint
    port = place.port or (443 if place.scheme == "https" else 80)
    socket.create_connection((place.hostname or "", port), timeout=ANSWER_S).close()


def _within(seconds: float, work: Callable[[], Any]) -> Any:
    """Return what `work` returns, or an `_Unreachable` after so many seconds.

    Name look-ups have no timeout of their own, hence the thread.
    """
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(work()), daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else _Unreachable(f"no answer within {ANSWER_S} s")


def _has_weights(snapshot: Path) -> bool:
    index = snapshot / "model.safetensors.index.json"
    if index.is_file():
        shards = set(read_json(index).get("weight_map", {}).values())
        return all((snapshot / shard).is_file() for shard in shards)
    return any(snapshot.glob("*.safetensors"))


def _not_here(name: str, why: str) -> ModelError:
    return ModelError(
        f"The model '{name}' is not on this machine, and {why}.",
        f"It was looked for in the model folders and in {cache_folder()}.",
        f"Where there is a network: hf download {name}   Built in, and offline: 'kb-mini-masked'.",
    )
