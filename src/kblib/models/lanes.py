"""Batches side by side: as many at a time as there are threads, each computed by one of them.

Two threads that share each product of matrices wait for each other a hundred times a batch, and all
that stands between the products is too small to share. Two batches of one thread each wait for
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from kblib.models.batches import LONGER, TOKENS, together

CPU_TOKENS = 1024
"""Read at a time by one thread: what a layer makes of them stays in the caches of a core."""
GPU_TOKENS = 4 * TOKENS
MOST_LANES = 16
"""More would wait for the interpreter, which one thread has at a time; each has several threads."""

Answer = TypeVar("Answer")


def asked_together(
    lengths: Sequence[int], ask: Callable[[list[int]], Answer], device: torch.device
) -> tuple[list[list[int]], list[Answer]]:
    """Ask about texts, those of like length together; return which were, and the answers.

    Which texts stand in a batch together does not depend on the number of threads.

    Parameters
    ----------
    lengths
        Of each text, in tokens.
    ask
        Gives the answer to a batch, which it gets as numbers of texts; it is called without
        gradients, from several threads.
    device
        Where the model is: a GPU takes larger batches, one at a time.
    """
    on_cpu = device.type == "cpu"
    batches = list(together(lengths, CPU_TOKENS if on_cpu else GPU_TOKENS, longer=LONGER))
    threads = torch.get_num_threads()
    lanes = min(threads, len(batches), MOST_LANES) if on_cpu else 1

    @torch.inference_mode()
    def answer(chosen: list[int]) -> Answer:
        return ask(chosen)

    if lanes < 2:
        return batches, [answer(chosen) for chosen in batches]
    try:
        with ThreadPoolExecutor(lanes, "lane", torch.set_num_threads, (threads // lanes,)) as pool:
            return batches, list(pool.map(answer, batches))
    finally:
        torch.set_num_threads(threads)  # of threads that others begin later
