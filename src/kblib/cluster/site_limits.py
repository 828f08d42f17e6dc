"""What a cluster says of itself today: every command that is asked for it."""

from __future__ import annotations

from dataclasses import dataclass

from kblib.cluster import slurm_limits as limits
from kblib.cluster.access import Shell
from kblib.cluster.command import Completed
from kblib.cluster.slurm_limits import Association, NodeKind, Partition, Qos
from kblib.errors import MissingPartError, SiteError
from kblib.sites import Cluster

_SACCTMGR = ("sacctmgr", "--noheader", "--parsable2", "show")


@dataclass(frozen=True)
class Live:
    """Limits of a cluster as they are now.

    Parameters
    ----------
    version
        Of Slurm.
    partitions
        All that the user may see.
    kinds
        Nodes of the site's partition, the commonest kind first.
    associations, qos
        Accounts of the user, and all qualities of service; None if the cluster keeps no accounts.
    no_accounts
        What sacctmgr said then.
    """

    version: str
    partitions: tuple[Partition, ...]
    kinds: tuple[NodeKind, ...]
    associations: tuple[Association, ...] | None
    qos: tuple[Qos, ...] | None
    no_accounts: str = ""

    def qos_named(self, name: str) -> Qos | None:
        """Return a quality of service; None if there is none of that name."""
        return next((one for one in self.qos or () if one.name == name), None)


def live_limits(shell: Shell, cluster: Cluster) -> Live:
    """Ask a cluster for its limits.

    Raises
    ------
    SiteError
        If its controller does not answer.
    """
    version = _answer(shell, "sinfo", "--version")
    partitions = limits.partitions_of(_answer(shell, "scontrol", "--oneliner", "show", "partition"))
    kinds: list[NodeKind] = []
    if cluster.partition in [one.name for one in partitions]:
        asked = (f"--partition={cluster.partition}", f"--format={limits.NODES_FORMAT}")
        kinds = limits.node_kinds_of(_answer(shell, "sinfo", "--noheader", "--Node", *asked))
    user = _answer(shell, "id", "-un")
    mine = _accounts(shell, "associations", f"user={user}", f"format={limits.ASSOCIATIONS_FORMAT}")
    if mine.returncode:
        return Live(version, tuple(partitions), tuple(kinds), None, None, _said(mine))
    every = _accounts(shell, "qos", f"format={limits.QOS_FORMAT}")
    return Live(
        version,
        tuple(partitions),
        tuple(kinds),
        tuple(limits.associations_of(mine.stdout)),
        tuple(limits.qos_of(every.stdout)),
    )


def _accounts(shell: Shell, *asked: str) -> Completed:
    command = [*_SACCTMGR, *asked]
    try:
        return shell.run(command)
    except MissingPartError as error:  # some sites have it on other machines only
        return Completed(command, 1, "", error.happened)


def _answer(shell: Shell, *command: str) -> str:
    done = shell.run(list(command))
    if done.returncode:
        raise SiteError(
            f"{' '.join(command)} did not answer: {_said(done)}.",
            "A site is compared with what its Slurm says.",
            "Try again on a login node of the cluster.",
        )
    return done.stdout.strip()


def _said(done: Completed) -> str:
    return " ".join((done.stderr.strip() or done.stdout.strip()).split()).rstrip(".") or "nothing"
