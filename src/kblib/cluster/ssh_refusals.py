"""What OpenSSH says when it does not reach a host, in plain words."""

from __future__ import annotations

import re

from kblib.errors import SiteError

_REFUSALS = {
    r"Could not resolve hostname|Name or service not known|nodename nor servname": (
        "There is no host of this name.",
        "It should stand in ~/.ssh/config, or be the full name of a login node.",
        "ssh {alias}",
    ),
    r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED": (
        "The host is not known here, or has shown another key than before.",
        "ssh asks in a terminal whether to trust it; ask the site if its key has changed.",
        "ssh {alias}",
    ),
    r"Permission denied|Too many authentication failures|No supported authentication": (
        "The host refused the key, or wants a password or a code.",
        "These are asked for in a terminal, once; the connection then stays open.",
        "python -m kblib connect {site}",
    ),
    r"Connection refused|timed out|No route to host|unreachable": (
        "The host does not answer.",
        "Is this machine on the network, and the site not in maintenance?",
        "ssh {alias}",
    ),
    r"Bad configuration option|terminating, \d+ bad|Can't open user config": (
        "OpenSSH cannot read its configuration.",
        "A file as ssh_config(5) describes it was expected.",
        "ssh -G {alias}",
    ),
}


def refusal(alias: str, site: str, said: str) -> SiteError:
    """Return the error for what ssh said when it did not reach a host.

    Parameters
    ----------
    alias
        The host as the user names it.
    site
        The site whose way it is.
    said
        What stood on its standard error.
    """
    words = " ".join(said.split())
    for pattern, (meaning, expected, next_step) in _REFUSALS.items():
        if re.search(pattern, said, re.IGNORECASE):
            return SiteError(
                f"'{alias}' was not reached. {meaning}",
                f"{expected} ssh said: {words.rstrip('.')}.",
                next_step.format(alias=alias, site=site),
            )
    return SiteError(
        f"The connection to '{alias}' was lost.",
        f"ssh said: {words.rstrip('.')}." if words else "ssh said nothing.",
        "What runs there goes on. Try again in a minute.",
    )
