"""What the README claims, measured: ``make bench``."""

from kblib.models.quiet_kernels import quiet_kernels

quiet_kernels()  # the loops beside ours bring bitsandbytes in, whoever imports them first
