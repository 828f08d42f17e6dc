"""Talking TLS to a server by hand, as somebody would who has no keys."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path


def answer_without_keys(host: str, port: int, *, shows: Path | None = None) -> bytes:
    """Return the first byte that a server says to a client that trusts whatever it meets.

    Parameters
    ----------
    shows
        A folder with another certificate and key; without one, nothing is shown.

    Raises
    ------
    ssl.SSLError
        If the server wants a certificate of its own authority: TLS 1.3 says so in its first answer.
    """
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    if shows is not None:
        trusting.load_cert_chain(shows / "cert.pem", shows / "key.pem")
    with (
        socket.create_connection((host, port), timeout=30) as plain,
        trusting.wrap_socket(plain) as wrapped,
    ):
        return wrapped.recv(1)
