"""What is said where Slurm's programs are, but no cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pytest

from kblib.cluster.command import Completed
from kblib.cluster.slurm import Slurm
from kblib.errors import SiteError

NO_CONFIGURATION = (
    "squeue: error: fetch_config: DNS SRV lookup failed\n"
    "squeue: fatal: Could not establish a configuration source\n"
)
"""Of Slurm as a package installs it, without a slurm.conf."""
DOWN = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n"


class Saying:
    """A shell in which every command fails with the same words."""

    def __init__(self, words: str) -> None:
        self.words = words

    def run(
        self, command: Sequence[str], *, text: str | None = None, timeout_s: float = 0
    ) -> Completed:
        return Completed(list(command), 1, "", self.words)

    def put(self, local: Path, remote: PurePosixPath) -> None:
        raise AssertionError("nothing is copied")

    get = put


def test_programs_without_a_cluster_send_to_the_login_node() -> None:
    with pytest.raises(SiteError) as caught:
        Slurm(Saying(NO_CONFIGURATION)).queue()
    said = str(caught.value)
    assert said.startswith("squeue is on this machine, but belongs to no cluster here.")
    assert 'via = "ssh:ALIAS"' in said
    assert "Try again" not in said


def test_controller_that_is_down_is_worth_another_try() -> None:
    with pytest.raises(SiteError, match=r"Unable to contact .*\n  Try again in a minute"):
        Slurm(Saying(DOWN)).queue()
