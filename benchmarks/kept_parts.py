"""Parts of a long benchmark, kept on disk: a run that was stopped goes on where it was.

A part is found again only if it was made with the same material and the same code.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks import planted
from kblib import settings
from kblib.ngrams import change_points, contexts, drift, exchanged_dates, word_vectors

CODE = (planted, change_points, contexts, drift, exchanged_dates, word_vectors)


def kept(
    name: str,
    about: dict[str, Any],
    work: Callable[[], Any],
    *,
    benchmark: str = "semantic_change",
    code: Sequence[ModuleType] = CODE,
) -> Any:
    """Return what `work` returns, as JSON knows it; worked out only if it is not kept yet."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for module in code:
        digest.update(Path(str(module.__file__)).read_bytes())
    folder = _folder(benchmark)
    path = folder / f"{name}-{digest.hexdigest()[:16]}.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(work()), encoding="utf-8")
        unfinished.replace(path)
    return json.loads(path.read_text(encoding="utf-8"))


def forget(benchmark: str) -> None:
    """Remove the parts of a benchmark that has come to its end: the next run measures anew."""
    shutil.rmtree(_folder(benchmark), ignore_errors=True)


def _folder(benchmark: str) -> Path:
    return settings.writable_home() / "benchmarks" / benchmark
