"""What is left of a batch: chunks as large as they should be, and nothing lost with a worker."""

from __future__ import annotations

import random

from kblib.cluster.backlog import CHUNK_S, MOST_DEATHS, MOST_IN_A_CHUNK, Backlog


def fine(numbers: list[int], seconds: float) -> list[tuple[int, float, str]]:
    return [(number, seconds, "") for number in numbers]


def take(backlog: Backlog, slots: int = 1) -> tuple[str, list[int]]:
    taken = backlog.take(slots)
    assert taken is not None
    return taken


def test_chunks_grow_to_their_seconds_and_shrink_at_the_end() -> None:
    backlog = Backlog(10_000, [], {})
    sizes = []
    while backlog.unfinished:
        name, chunk = take(backlog, slots=2)
        sizes.append(len(chunk))
        backlog.come_back(name, fine(chunk, 0.01))
    assert sizes[:4] == [1, 8, 64, round(CHUNK_S / 0.01)]
    assert max(sizes) == round(CHUNK_S / 0.01)
    assert sizes[-1] == 1
    assert sum(sizes) == len(backlog.done) == 10_000


def test_shards_of_no_length_go_out_in_chunks_of_a_thousand() -> None:
    backlog = Backlog(100_000, [], {})
    for _ in range(5):
        name, chunk = take(backlog)
        backlog.come_back(name, fine(chunk, 1e-7))
    assert len(take(backlog)[1]) == MOST_IN_A_CHUNK


def test_slow_shards_go_out_one_by_one() -> None:
    backlog = Backlog(100, [], {})
    for _ in range(3):
        name, chunk = take(backlog)
        backlog.come_back(name, fine(chunk, 60.0))
    assert len(take(backlog)[1]) == 1
    assert backlog.wanted() == 97


def test_what_is_done_or_failed_is_not_handed_out() -> None:
    backlog = Backlog(6, [0, 2, 4], {1: "no", 2: "told before it was done"})
    assert backlog.failed == {1: "no"}
    assert [take(backlog)[1] for _ in range(2)] == [[3], [5]]
    assert backlog.take(1) is None


def test_lost_worker_takes_no_shard_with_it() -> None:
    backlog = Backlog(40, [], {})
    name, chunk = take(backlog)
    backlog.come_back(name, fine(chunk, 0.1))
    name, chunk = take(backlog)
    assert backlog.lose(name, lambda n: n == chunk[0]) == {}
    assert backlog.done == {0, chunk[0]}
    alone = take(backlog)[1]
    assert alone == [chunk[1]]
    assert take(backlog)[1][0] == chunk[2]


def test_shard_that_ends_its_worker_again_and_again_fails_alone() -> None:
    backlog = Backlog(5, [], {})
    told: dict[int, str] = {}
    while backlog.unfinished:
        name, chunk = take(backlog)
        if 3 in chunk:
            told |= backlog.lose(name, lambda n: False)
        else:
            backlog.come_back(name, fine(chunk, 1.0))
    assert backlog.done == {0, 1, 2, 4}
    assert list(told) == [3]
    assert told[3].startswith(f"Its worker ended at it {MOST_DEATHS} times: killed from outside")


def test_chunk_that_comes_back_unfinished_is_handed_out_again() -> None:
    backlog = Backlog(4, [], {})
    name, chunk = take(backlog)
    backlog.come_back(name, [])
    assert take(backlog)[1] == chunk


def test_as_many_are_wanted_as_can_work() -> None:
    backlog = Backlog(100, [], {})
    assert backlog.wanted() == 100  # nothing is known yet
    name, chunk = take(backlog)
    backlog.come_back(name, fine(chunk, CHUNK_S / 4))
    name, chunk = take(backlog)
    backlog.come_back(name, fine(chunk, CHUNK_S / 4))
    assert backlog.wanted() == 24  # 95 left, four to a chunk
    take(backlog)
    assert (backlog.away, backlog.wanted()) == (1, 24)


def test_hopeless_is_when_all_fail() -> None:
    backlog = Backlog(100, [], {})
    for _ in range(20):
        assert not backlog.hopeless
        name, chunk = take(backlog)
        failed = backlog.come_back(name, [(number, 0.5, "ValueError: no") for number in chunk])
        assert failed == dict.fromkeys(chunk, "ValueError: no")
        if len(backlog.failed) >= 20:
            break
    assert backlog.hopeless


def test_at_random_every_shard_ends_once() -> None:
    draw = random.Random(7)
    backlog = Backlog(3_000, [], {})
    there: set[int] = set()
    away: list[tuple[str, list[int]]] = []
    while backlog.unfinished:
        while len(away) < 4 and (taken := backlog.take(4)):
            away.append(taken)
        name, chunk = away.pop(draw.randrange(len(away)))
        if draw.random() < 0.1:
            there |= set(chunk[: draw.randrange(len(chunk) + 1)])
            backlog.lose(name, there.__contains__)
        else:
            there |= set(chunk)
            backlog.come_back(name, fine(chunk, draw.uniform(0.01, 0.2)))
    assert backlog.done | set(backlog.failed) == set(range(3_000))
    assert backlog.done == there
    assert not backlog.left
