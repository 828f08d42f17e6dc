"""What a preflight asks of nodes; carried out by `kblib.jobs.preflight`. Nothing imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from kblib.errors import JobError

MODULE = "kblib.jobs.preflight"
MOST_SECONDS = 20.0
"""Four measurements, and the start of Python on busy disks, stay within two minutes."""


@dataclass(frozen=True)
class Probe:
    """Measure every node of a job: matrix products, all_reduce, writing and reading.

    Parameters
    ----------
    seconds
        How long matrices are multiplied, 20 at most.
    reduce_mib
        MiB that ranks sum up together.
    disk_mib
        MiB that each node writes beside the run, and reads of another node's.

    Raises
    ------
    JobError
        If a number is impossible.
    """

    seconds: float = 5.0
    reduce_mib: int = 64
    disk_mib: int = 256

    def __post_init__(self) -> None:
        most = {"seconds": MOST_SECONDS, "reduce_mib": 1024, "disk_mib": 16_384}
        for name, top in most.items():
            value = getattr(self, name)
            if (
                isinstance(value, bool)
                or not isinstance(value, int | float)
                or not 0 < value <= top
            ):
                raise JobError(
                    f"A probe got {name}={value!r}.",
                    f"A number larger than 0, {top:g} at most, was expected.",
                    f"Probe({name}={type(self).__dataclass_fields__[name].default})",
                )

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"kind": "preflight", **asdict(self)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Probe:
        """Read it from a run folder."""
        return cls(**{name: content[name] for name in cls.__dataclass_fields__ if name in content})
