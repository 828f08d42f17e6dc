"""What a rank and a driver say by their exit code."""

DONE = 0
FAILED = 1
"""An error of ours or of the input: never retried blindly."""
STOPPED = 85
"""A checkpoint is written and there is more to do."""
INFRASTRUCTURE = 86
"""Killed from outside, or a peer was lost: the same work may go on elsewhere."""
