"""What the README claims, measured: ``make bench``."""

from kblib.models.quiet_bitsandbytes import quiet_bitsandbytes

quiet_bitsandbytes()  # the loops beside ours bring bitsandbytes in, whoever imports them first
