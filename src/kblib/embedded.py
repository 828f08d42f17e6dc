"""The embedded models and how they are made: ``python -m kblib models`` (``make models``).

Each is an ordinary job on the ordinary path, so what can be stopped, resumed and looked at is the
same here. The result is copied into ``models/`` of the clone, or below the home folder when the
package is installed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from kblib import settings
from kblib.cluster import submit
from kblib.corpora import load_sample, newsreel_filters
from kblib.files import check_folder
from kblib.follow import follow
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape


def mini_masked() -> Pretrain:
    """Return the job of ``kb-mini-masked``.

    ModernBERT layout, on the cleaned newsreels, split by film number.
    """
    films = load_sample("newsreels").filter(*newsreel_filters())
    shape = ModelShape(n_layer=4, n_head=4, n_embd=256, vocab_size=8192, seq_len=128)
    return Pretrain(
        films,
        shape,
        epochs=6,
        learning_rate=1.5e-3,
        warmup_steps=200,
        mask_rate=0.25,
        eval_every=250,
        save_every=250,
        name="kb-mini-masked",
    )


EMBEDDED: dict[str, Callable[[], Pretrain]] = {"kb-mini-masked": mini_masked}


def make_models(say: Callable[[str], None]) -> list[Path]:
    """Train every embedded model that is not there yet, going on where an earlier try stopped.

    Return their folders.
    """
    return [_make(name, say) for name in EMBEDDED]


def _make(name: str, say: Callable[[str], None]) -> Path:
    clone = settings.checkout()
    target = (settings.home() if clone is None else clone) / "models" / name
    run = submit(EMBEDDED[name]())
    say(f"{name}: run '{run.name}'")
    follow(run, say)
    aside = target.with_name(f".{name}.new")
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(run.folder / "result" / "model", aside)
    check_folder(aside, contents=True)
    shutil.rmtree(target, ignore_errors=True)
    aside.rename(target)
    say(f"{name}: {target}")
    return target
