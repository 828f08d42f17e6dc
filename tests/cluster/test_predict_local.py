"""A model asked about a corpus on this machine: struck at, the table is that of a quiet run."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import suppress

import polars as pl
import psutil
import pytest
from polars.testing import assert_frame_equal

from kblib.cluster import Run, submit
from kblib.corpora import Corpus
from kblib.errors import RunError
from kblib.jobs.batch_result import BatchResult
from kblib.jobs.predict import BatchPredict
from kblib.jobs.predict_shard import predict
from kblib.runs import Phase
from tests.cluster.pools import START_S, leftovers, results
from tests.watching import until


@pytest.fixture
def blanks(films: Corpus) -> Corpus:
    """Give 400 sentences with a blank, of many lengths."""
    texts = [document.text.split() for document in films]
    for number, words in enumerate(texts):
        words[number % 4] = "[MASK]"
        words += texts[number - 1][4:] * (number % 7)
    return Corpus.from_texts([" ".join(words) for words in texts], name="blanks")


def undisturbed(job: BatchPredict) -> pl.DataFrame:
    """Return the answers of all shards, one after the other, in this process."""
    return pl.concat([predict(job.shard(n), **job.arguments) for n in range(job.n_shards)])


def table_of(run: Run) -> pl.DataFrame:
    result = run.result(START_S)
    assert isinstance(result, BatchResult)
    return result.scan().collect()


def same(found: pl.DataFrame, expected: pl.DataFrame) -> None:
    """Compare bit by bit but for the last figures: threads may differ between processes."""
    assert_frame_equal(found, expected, rel_tol=0, abs_tol=1e-5)


def test_run_gives_each_document_its_answer(blanks: Corpus) -> None:
    job = BatchPredict("kb-mini-masked", blanks.sample(40, seed=1), k=3, rows=25)
    run = submit(job, workers=1)
    same(table_of(run), undisturbed(job))
    about = run.result(START_S).provenance
    assert about["arguments"]["weights"] == job.arguments["weights"]
    assert submit(job).name == run.name


def test_killed_worker_leaves_the_table_of_a_quiet_run(blanks: Corpus) -> None:
    job = BatchPredict("kb-mini-masked", blanks.sample(24, seed=2), k=2, rows=2)
    run = submit(job, workers=1)
    until(lambda: bool(results(run)) or run.state.over, patience_s=START_S)
    before = results(run)
    with suppress(psutil.Error):  # the run may have been quicker
        _worker_of(run).kill()
    same(table_of(run), undisturbed(job))
    assert {n: one for n, one in results(run).items() if n in before} == before


@pytest.mark.slow
def test_budget_stops_a_run_and_a_larger_one_lets_it_go_on(films: Corpus) -> None:
    job = BatchPredict("kb-mini-masked", films.sample(60, seed=3), task="surprisal", rows=2)
    run = submit(job, workers=1, budget_gpu_hours=1e-6)  # of milliseconds
    until(lambda: run.state.over, patience_s=START_S)
    assert run.state.phase is Phase.STOPPED
    assert run.state.why.startswith("Its budget of 1e-06 GPU-hours is used up: ")
    kept = results(run)
    assert len(kept) < job.n_shards
    with pytest.raises(RunError, match=r"resume\(budget_gpu_hours=2e-06\)"):
        submit(job)
    same(table_of(run.resume(budget_gpu_hours=1)), undisturbed(job))
    assert {n: one for n, one in results(run).items() if n in kept} == kept


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_run_struck_five_times_leaves_the_table_of_a_quiet_run(films: Corpus, seed: int) -> None:
    texts = films.sample(90, seed=1)
    job = BatchPredict("kb-mini-masked", texts, task="surprisal", rows=3)
    quiet = table_of(submit(job, workers=2))
    draw = random.Random(seed)
    victims = ["kernel", "worker", "head", *draw.choices(["kernel", "worker", "head"], k=2)]
    draw.shuffle(victims)
    run = submit(job, workers=2, fresh=True)
    known: dict[int, tuple[int, int]] = {}
    for number, victim in enumerate(victims):
        _wait_for(run, draw.randint(3 * number, 3 * number + 3))
        _strike(run, victim)
        known = {**results(run), **known}
        if run.state.phase in (Phase.FAILED, Phase.STOPPED):
            run = run.resume()
    struck = table_of(run)
    assert struck["id"].to_list() == [document.id for document in texts]
    assert {n: one for n, one in results(run).items() if n in known} == known  # none done twice
    assert not leftovers(run)
    assert struck.equals(quiet)  # equal threads, equal bits


def _wait_for(run: Run, n_results: int) -> None:
    until(lambda: len(results(run)) >= n_results or run.state.over, patience_s=START_S)


def _strike(run: Run, victim: str) -> None:
    """Kill a worker, the head with all it has begun, or a process that waits for the run."""
    if victim == "kernel":
        waits = f"import kbnotebooks as kb; print(kb.Run); kb.Run.open({run.name!r}).wait()"
        kernel = subprocess.Popen([sys.executable, "-u", "-c", waits], stdout=subprocess.PIPE)
        assert kernel.stdout is not None
        kernel.stdout.readline()
        kernel.kill()
        kernel.communicate()
        return
    with suppress(psutil.Error):  # the run may have been quicker
        if victim == "worker":
            _worker_of(run).kill()
            return
        head = psutil.Process(run.state.pid)
        workers = head.children(recursive=True)
        head.kill()
        psutil.wait_procs(workers, timeout=START_S)
        until(lambda: run.state.over, patience_s=START_S)


def _worker_of(run: Run) -> psutil.Process:
    """Return a process of the run that answers about shards."""
    found: list[psutil.Process] = []

    def there() -> bool:
        if run.state.over:
            raise psutil.NoSuchProcess(run.state.pid or 0)
        children = psutil.Process(run.state.pid).children(recursive=True)
        found[:] = [p for p in children if "kblib.cluster.pool_worker" in " ".join(p.cmdline())]
        return bool(found)

    until(there, patience_s=START_S)
    return found[-1]
