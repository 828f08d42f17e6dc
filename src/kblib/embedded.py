"""The embedded models and how they are made: ``python -m kblib models`` (``make models``).

Each is an ordinary job on the ordinary path, so what can be stopped, resumed and looked at is the
same here. The result is copied into ``models/`` of the clone, or below the home folder when the
package is installed. Adapters for decades follow, some minutes each and in this very process.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from kblib import settings
from kblib.adapters.recipe import PeriodRecipe
from kblib.cluster import Run, submit
from kblib.corpora import Corpus, load_sample, newsreel_filters
from kblib.errors import IntegrityError, ModelError
from kblib.files import check_folder, read_json, replace_folder
from kblib.follow import follow
from kblib.jobs import recipes
from kblib.jobs.exit_codes import INFRASTRUCTURE
from kblib.jobs.specs import Pretrain
from kblib.runs import Phase


def mini_masked() -> Pretrain:
    """Return the job of ``kb-mini-masked``: the recipe on the cleaned newsreels."""
    return recipes.mini_masked(_cleaned_newsreels(), name="kb-mini-masked")


def mini_causal() -> Pretrain:
    """Return the job of ``kb-mini-causal``: the same films in the same split."""
    return recipes.mini_causal(_cleaned_newsreels(), name="kb-mini-causal")


def _cleaned_newsreels() -> Corpus:
    return load_sample("newsreels").filter(*newsreel_filters())


EMBEDDED: dict[str, Callable[[], Pretrain]] = {
    "kb-mini-masked": mini_masked,
    "kb-mini-causal": mini_causal,
}


PERIODS = tuple(PeriodRecipe("kb-mini-masked", first_year) for first_year in (1930, 1940, 1950))
"""The decades with at least 200,000 words of speech to train on; no intertitles of a decade reach a
third of that, and the few words of speech from the 1920s and 1960s would only be learnt by heart.
"""


def make_models(say: Callable[[str], None], names: Sequence[str] = ()) -> list[Path]:
    """Train the embedded models that are not there yet, going on where an earlier try stopped.

    Parameters
    ----------
    say
        Told what happens, a line at a time.
    names
        Which ones; all by default.

    Returns
    -------
    list of Path
        Their folders.

    Raises
    ------
    ModelError
        If there is no such embedded model.
    RunError
        If a training fails, or is stopped before its end.
    """
    adapters = {recipe.name: recipe for recipe in PERIODS if recipe.base in EMBEDDED}
    for name in names:
        if name not in EMBEDDED and name not in adapters:
            raise ModelError(
                f"No embedded model is called '{name}'.",
                f"There are: {', '.join([*EMBEDDED, *adapters])}.",
                f"python -m kblib models {next(iter(EMBEDDED))}",
            )
    return [
        _make(name, say) if name in EMBEDDED else _make_adapter(adapters[name], say)
        for name in names or [*EMBEDDED, *adapters]
    ]


def _make(name: str, say: Callable[[str], None]) -> Path:
    job = EMBEDDED[name]()
    target = _models_folder() / name
    if _is_made(target, job):
        say(f"{name}: {target} is there already, made by this very job; delete it to train anew.")
        return target
    run = _begun(job)
    say(f"{name}: run '{run.name}'")
    follow(run, say)
    _copy(run.folder / "result" / "model", target)
    say(f"{name}: {target}")
    return target


def _make_adapter(recipe: PeriodRecipe, say: Callable[[str], None]) -> Path:
    from kblib.adapters.period import is_made, make_adapter  # torch and peft: seconds to import

    target = _models_folder() / recipe.name
    if is_made(recipe, target):
        say(f"{recipe.name}: {target} is there already; delete it to train anew.")
        return target
    return make_adapter(recipe, _cleaned_newsreels(), target, say, replace=True)


def _models_folder() -> Path:
    clone = settings.checkout()
    in_clone = clone is not None and os.access(clone, os.W_OK)
    return (clone if clone and in_clone else settings.writable_home()) / "models"


def _is_made(target: Path, job: Pretrain) -> bool:
    """Say whether a folder holds the whole model of a job, by its recipe.

    What the recipe of an earlier version does not say counts as equal.
    """
    try:
        check_folder(target, contents=False)
        said = read_json(target / "recipe.json")["job"]
    except (IntegrityError, KeyError):
        return False
    asked = json.loads(json.dumps(job.to_dict()))
    asked["corpus"] = {name: asked["corpus"][name] for name in ("fingerprint", "content")}
    corpus = {name: said["corpus"].get(name, value) for name, value in asked["corpus"].items()}
    return bool({**asked, **said, "corpus": corpus} == asked)


def _begun(job: Pretrain) -> Run:
    """Return the run of a job; one that was killed from outside goes on."""
    stem = f"{job.label}-{job.key[:8]}"
    names = [name for name in Run.all()["name"] if name == stem or name.startswith(f"{stem}-r")]
    if names:
        run = Run.open(names[0])
        if run.state.phase is Phase.FAILED and run.state.exit_code == INFRASTRUCTURE:
            return run.resume()
    return submit(job)


def _copy(made: Path, target: Path) -> None:
    """Put a copy of a model in place, or leave what is there."""
    aside = target.with_name(f".{target.name}.new")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        shutil.copytree(made, aside)
        check_folder(aside, contents=True)
        replace_folder(aside, target)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
