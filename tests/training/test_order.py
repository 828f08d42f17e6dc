from __future__ import annotations

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from kblib.training.order import BlockOrder, permuted


def shuffled(n: int, *seed: int) -> list[int]:
    return permuted(np.arange(n), n, seed=seed).tolist()


def naive(place: int, n: int, seed: tuple[int, ...]) -> int:
    """The same cipher in plain integers, one number at a time."""
    bits = max(1, -(-(n - 1).bit_length() // 2))
    below, all_64 = (1 << bits) - 1, (1 << 64) - 1
    keys = [int(key) for key in np.random.SeedSequence(seed).generate_state(6, np.uint64)]
    while True:
        left, right = place >> bits, place & below
        for key in keys:
            x = (right + key) & all_64
            x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & all_64
            x = (x ^ x >> 27) * 0x94D049BB133111EB & all_64
            left, right = right, left ^ (x ^ x >> 31) & below
        place = left << bits | right
        if place < n:
            return place


@pytest.mark.parametrize("n", [*range(1, 40), 63, 64, 65, 255, 256, 257, 1000, 4096, 4097, 99_991])
def test_permutation_reaches_every_number_once(n: int) -> None:
    assert sorted(shuffled(n, 1, 0)) == list(range(n))


@pytest.mark.parametrize("n", [1, 2, 5, 17, 100, 1025])
def test_permutation_equals_a_naive_one(n: int) -> None:
    assert shuffled(n, 3, 2) == [naive(place, n, (3, 2)) for place in range(n)]


def test_permutation_is_the_same_in_every_process() -> None:
    code = (
        "import numpy as np; from kblib.training.order import permuted\n"
        "print(permuted(np.arange(20), 20, seed=(1, 0)).tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(shuffled(20, 1, 0))


def test_permutation_of_a_seed_never_changes() -> None:
    """A run that is resumed after an update must read on where it stopped."""
    assert shuffled(12, 1, 0) == [0, 4, 7, 9, 2, 3, 5, 10, 6, 11, 8, 1]


def test_other_seeds_and_epochs_give_other_orders() -> None:
    orders = {tuple(shuffled(50, seed, epoch)) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


def test_permutation_mixes_well() -> None:
    """Places and numbers are unrelated, and about one number stays where it was."""
    n, stayed = 2000, []
    for seed in range(20):
        order = np.array(shuffled(n, seed))
        assert abs(np.corrcoef(np.arange(n), order)[0, 1]) < 5 / np.sqrt(n)
        stayed.append((order == np.arange(n)).sum())
    assert 0 < np.mean(stayed) < 3


def test_ten_milliard_blocks_need_no_memory() -> None:
    order = BlockOrder(10**10, 1024, seed=1)
    tracemalloc.start()
    last = order.batch(10**10 // 1024 - 1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20
    assert len(set(last.tolist())) == 1024
    assert 0 <= last.min() < 10**9
    assert 9 * 10**9 < last.max() < 10**10


def test_any_place_of_ten_milliard_can_be_asked_for_alone() -> None:
    place, n = 9_876_543_210, 10**10
    assert permuted(np.array([place]), n, seed=(1, 0)).tolist() == [naive(place, n, (1, 0))]


@pytest.mark.parametrize(("n_blocks", "batch_size"), [(10, 3), (8, 8), (7, 20), (1, 4), (100, 32)])
def test_every_epoch_reads_every_block_once(n_blocks: int, batch_size: int) -> None:
    order, epochs = BlockOrder(n_blocks, batch_size, seed=1), 6
    steps = -(-n_blocks * epochs // batch_size)
    read = np.concatenate([order.batch(step) for step in range(steps)])
    for epoch in range(epochs):
        part = read[epoch * n_blocks : (epoch + 1) * n_blocks]
        assert sorted(part.tolist()) == list(range(n_blocks))


def test_epochs_are_shuffled_anew() -> None:
    order = BlockOrder(64, 64, seed=1)
    assert order.batch(0).tolist() != order.batch(1).tolist()


def test_step_needs_no_steps_before_it() -> None:
    walked, jumped = BlockOrder(100, 8, seed=1), BlockOrder(100, 8, seed=1)
    for step in range(30):
        walked.batch(step)
    assert walked.batch(30).tolist() == jumped.batch(30).tolist()


def test_order_of_blocks_does_not_depend_on_the_batch() -> None:
    """Twice the batch reads the same blocks in half the steps."""
    small, large = BlockOrder(50, 4, seed=1), BlockOrder(50, 8, seed=1)
    for step in range(20):
        halves = [*small.batch(2 * step), *small.batch(2 * step + 1)]
        assert large.batch(step).tolist() == halves


def test_running_numbers_never_repeat() -> None:
    order = BlockOrder(5, 4, seed=1)
    numbers = np.concatenate([order.serial(step) for step in range(10)])
    assert numbers.tolist() == list(range(40))
