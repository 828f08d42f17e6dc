"""What the emulated cluster claims to have; Slurm believes its configuration, not the machine."""

from __future__ import annotations

from dataclasses import dataclass

from kblib.errors import SiteError


@dataclass(frozen=True)
class Hardware:
    """Nodes that are all alike.

    Parameters
    ----------
    nodes
        How many; they are called gn1, gn2, ...
    gpus
        GPUs a node, of Slurm's type ``a100``.
    cpus
        Cores a node, an even number: two sockets.
    memory_mb
        Memory a node, as Slurm counts it (MiB, though Slurm says MB).
    node_timeout_s
        Seconds without a word after which Slurm calls a node down. Sites have 300.

    Raises
    ------
    SiteError
        If a number is below its least.
    """

    nodes: int = 4
    gpus: int = 4
    cpus: int = 64
    memory_mb: int = 500_000
    node_timeout_s: int = 10

    def __post_init__(self) -> None:
        least = {"nodes": 1, "gpus": 0, "cpus": 2, "memory_mb": 1, "node_timeout_s": 2}
        for name, smallest in least.items():
            value = getattr(self, name)
            if type(value) is not int or value < smallest:
                raise SiteError(
                    f"The emulator got {name}={value!r}.",
                    f"A whole number from {smallest} on was expected.",
                    f"Hardware({name}={type(self).__dataclass_fields__[name].default})",
                )
        if self.cpus % 2:
            raise SiteError(
                f"The emulator got cpus={self.cpus}.",
                "A node has two sockets, so the number is even.",
                f"Hardware(cpus={self.cpus + 1})",
            )

    @property
    def names(self) -> list[str]:
        """Names of the nodes."""
        return [f"gn{number}" for number in range(1, self.nodes + 1)]

    @property
    def name_range(self) -> str:
        """The nodes as Slurm writes them: ``gn[1-4]``."""
        return f"gn[1-{self.nodes}]"
