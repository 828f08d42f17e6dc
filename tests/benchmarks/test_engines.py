from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import engines
from benchmarks.engines import COMPARISONS, Comparison, check_same_work, missed
from benchmarks.kept_parts import forget
from benchmarks.outcome import BenchmarkError
from benchmarks.pairs import Pair

BESIDE_BARE = COMPARISONS[0]


def test_lower_end_of_the_interval_is_held_against_the_bar() -> None:
    slow = [Pair(1.0, 0.96)] * 9
    (sentence,) = missed({BESIDE_BARE: slow, COMPARISONS[3]: slow})
    assert sentence == (
        "Missed: at the lower end of the interval the loop with DeepSpeed on 1 ranks has 0.960 "
        "times the tokens/s of DeepSpeed by hand, ZeRO 1; at least 0.97 was wanted."
    )
    assert missed({BESIDE_BARE: [Pair(1.0, 0.98)] * 9}) == ()


def test_other_work_is_refused() -> None:
    check_same_work(BESIDE_BARE, [[2.0, 1.0], [2.00005, 1.0]])
    with pytest.raises(BenchmarkError, match=r"Losses of step 2: ours 1\.00000, .* 1\.00030\."):
        check_same_work(BESIDE_BARE, [[2.0, 1.0], [2.0, 1.0003]])


def test_rank_that_fails_is_told_while_its_peers_wait() -> None:
    pytest.importorskip("deepspeed", reason="DeepSpeed comes with the extra 'cluster'")
    from benchmarks.engine_loops import Steps, first_rank

    waits: Future[Steps] = Future()
    fails: Future[Steps] = Future()
    fails.set_exception(OSError("gone"))
    with pytest.raises(OSError, match="gone"):
        first_rank([waits, fails])
    seen: Future[Steps] = Future()
    seen.set_result(Steps([1.0], [2.0]))
    assert first_rank([seen, seen]).losses == [1.0]


def test_row_by_hand() -> None:
    one = Comparison("bare", 2, pairs=9, steps=2)
    row = engines._row(one, [Pair(0.5, 1.0)] * 9, engines.CONFIG)
    assert row[:5] == ["DeepSpeed by hand, ZeRO 1", 2, 4096, 8192, "2.000"]


def test_note_says_what_a_second_rank_gains() -> None:
    found = {
        one: [Pair(4.0 / one.world, 4.0 if one.world == 1 else 2.5)]
        for one in COMPARISONS
        if one.other == engines.DDP
    }
    note = engines._note(engines.CONFIG, found)
    assert note.endswith("faster: ours 2.00 times, bare torch.distributed 1.60 times.")


def test_comparison_that_was_made_today_is_gone_on_from(
    tmp_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Comparison] = []

    def compare(wanted: Comparison, _: object) -> list[Pair]:
        made.append(wanted)
        return [Pair(1.0, 2.0), Pair(1.5, 2.0)]

    monkeypatch.setattr(engines, "_compare", compare)
    once = engines._compare_once(BESIDE_BARE, engines.CONFIG)
    assert engines._compare_once(BESIDE_BARE, engines.CONFIG) == once == compare(BESIDE_BARE, None)
    assert len(made) == 2
    longer = replace(BESIDE_BARE, pairs=BESIDE_BARE.pairs + 1)
    engines._compare_once(longer, engines.CONFIG)
    assert made[-1] == longer
    forget("engines")
    engines._compare_once(BESIDE_BARE, engines.CONFIG)
    assert made[-1] == BESIDE_BARE
