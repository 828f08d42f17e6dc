"""A real Slurm on one machine, in one private folder: a cluster to rehearse on, and to test with.

``python -m kblib.hpc.emulator start`` brings up four nodes of four GPUs that look like A100s to
Slurm. Each node is a namespace of its own, so it has a name of its own and can be killed as a power
loss would. No service of the system is touched, and several emulators live side by side.
"""

from .cluster import Emulator
from .hardware import Hardware

__all__ = ["Emulator", "Hardware"]
