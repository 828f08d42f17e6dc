from __future__ import annotations

import json
import socket
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from kblib.corpora import Corpus
from kblib.jobs.rates import keep_rate, known_rate, median_rate
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape


@pytest.fixture
def job(films: Corpus, tiny_shape: ModelShape, tmp_home: Path) -> Pretrain:
    return Pretrain(films, tiny_shape, steps=1, seq_len=16, batch_size=8)


def test_without_a_measurement_no_rate_is_known(job: Pretrain) -> None:
    assert known_rate(job, "local", 1) is None


def test_kept_rate_is_known(job: Pretrain) -> None:
    kept = keep_rate(job, "local", 1, 1234.5, "measured by hand")
    assert known_rate(job, "local", 1) == kept
    assert (kept.tokens_per_s, kept.source) == (1234.5, "measured by hand")
    assert kept.time == pytest.approx(time.time(), abs=60)


def test_newest_rate_counts(job: Pretrain) -> None:
    for rate in (100.0, 300.0, 200.0):
        keep_rate(job, "local", 1, rate, "")
    found = known_rate(job, "local", 1)
    assert found is not None
    assert found.tokens_per_s == 200.0


@pytest.mark.parametrize(("site", "ranks"), [("mars", 1), ("local", 2)])
def test_rate_of_other_machines_is_not_taken(job: Pretrain, site: str, ranks: int) -> None:
    keep_rate(job, "local", 1, 100.0, "")
    assert known_rate(job, site, ranks) is None


def test_rate_of_another_shape_is_not_taken(job: Pretrain) -> None:
    keep_rate(job, "local", 1, 100.0, "")
    wider = replace(job.shape, n_embd=64, n_inner=None)
    assert known_rate(replace(job, shape=wider), "local", 1) is None


@pytest.mark.parametrize("other", [{"seq_len": 8}, {"batch_size": 16}])
def test_rate_of_another_batch_is_not_taken(job: Pretrain, other: dict[str, int]) -> None:
    keep_rate(job, "local", 1, 100.0, "")
    assert known_rate(replace(job, **other), "local", 1) is None


def test_rate_with_documents_kept_apart_is_another(job: Pretrain) -> None:
    """Their mask keeps torch from its fastest kernels."""
    keep_rate(job, "local", 1, 100.0, "")
    apart = replace(job, isolate_documents=True)
    assert known_rate(apart, "local", 1) is None
    assert keep_rate(apart, "local", 1, 50.0, "").setting == "documents kept apart"


def test_rate_of_another_number_of_threads_is_not_taken(
    job: Pretrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    kept = keep_rate(job, "local", 1, 100.0, "")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert known_rate(job, "local", 1) is None
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert known_rate(job, "local", 1) == kept


def test_rate_of_another_machine_that_shares_the_home_is_not_taken(
    job: Pretrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_rate(job, "local", 1, 100.0, "")
    keep_rate(job, "mars", 1, 100.0, "")
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    assert known_rate(job, "local", 1) is None
    assert known_rate(job, "mars", 1) is not None


def test_rates_of_other_versions_do_not_stand_in_the_way(job: Pretrain, tmp_home: Path) -> None:
    kept = keep_rate(job, "local", 1, 100.0, "")
    older = {name: value for name, value in asdict(kept).items() if name not in ("host", "threads")}
    with open(tmp_home / "rates.jsonl", "a") as file:
        file.write(json.dumps(older) + "\n" + json.dumps(asdict(kept) | {"energy_j": 3}) + "\n")
    assert known_rate(job, "local", 1) == kept


@pytest.mark.parametrize(("rates", "middle"), [([], None), ([5.0], 5.0), ([9.0, 1.0, 2.0], 2.0)])
def test_middle_of_the_rates_of_a_run(rates: list[float], middle: float | None) -> None:
    records = [{"event": "started"}, *({"tokens_per_s": rate} for rate in rates)]
    assert median_rate(records) == middle


def test_rate_counts_for_any_length_and_text(job: Pretrain) -> None:
    kept = keep_rate(job, "local", 1, 100.0, "")
    longer = replace(job, steps=None, minutes=10, corpus=job.corpus.filter(film="SF1"), seed=7)
    assert known_rate(longer, "local", 1) == kept


def test_rates_are_plain_lines_below_the_home(job: Pretrain, tmp_home: Path) -> None:
    keep_rate(job, "local", 1, 100.0, "by hand")
    (line,) = (tmp_home / "rates.jsonl").read_text().splitlines()
    assert json.loads(line)["tokens_per_s"] == 100.0


def test_home_is_made_for_the_first_rate(
    job: Pretrain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_HOME", str(tmp_path / "not" / "yet"))
    keep_rate(job, "local", 1, 100.0, "")
    assert known_rate(job, "local", 1) is not None
