"""Dask's servers without their web page, which asks whoever comes for no certificate."""

from __future__ import annotations

from typing import Any

from distributed import Scheduler, Worker


class _NoWebPage:
    """What a server of Dask is without its web page."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Open no port that asks for no certificate."""


class QuietScheduler(_NoWebPage, Scheduler):
    """A scheduler that only who has the keys can reach."""


class QuietWorker(_NoWebPage, Worker):
    """A worker that only who has the keys can reach."""
