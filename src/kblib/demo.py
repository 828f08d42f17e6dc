"""The demo: a corpus, a training that outlives its caller, a model, and how good it is.

In a few minutes.
"""

from __future__ import annotations

from collections.abc import Callable

from kblib.cluster import Run, submit
from kblib.corpora import load_sample, newsreel_filters
from kblib.files import read_json
from kblib.follow import follow
from kblib.jobs.specs import Pretrain
from kblib.models.masked import MaskedLM
from kblib.models.shape import ModelShape
from kblib.planner import plan

_SENTENCE = "På bilden ser vi en [MASK] i Stockholm."


def demo_job(minutes: float) -> Pretrain:
    """Return the demo's job: a small masked model on the cleaned newsreels."""
    films = load_sample("newsreels").filter(*newsreel_filters())
    shape = ModelShape(n_layer=2, n_head=4, n_embd=128, seq_len=128)
    return Pretrain(films, shape, minutes=minutes, name="kb-demo")


def run_demo(say: Callable[[str], None], *, minutes: float) -> Run:
    """Carry out the demo, telling each step through `say`; run again, it finds its run."""
    say("1 of 4  Reading the newsreels: Swedish cinema news, 1910s to 1960s ...")
    job = demo_job(minutes)
    say(f"        {len(job.corpus):,} texts, {job.corpus.n_words:,} words after cleaning.")
    say("2 of 4  Planning ...")
    say(f"        {plan(job)}")
    run = submit(job)
    say(
        f"3 of 4  Training in run '{run.name}'. It goes on if you close this window; find it again:"
    )
    say(f"        python -m kblib logs --follow {run.name}")
    follow(run, say)
    model = MaskedLM.open(run.folder / "result" / "model")
    say("4 of 4  The model, asked for one word:")
    guesses = model.fill(_SENTENCE, k=5).table
    words = ", ".join(f"{row.word} {row.probability:.0%}" for row in guesses.itertuples())
    say(f"        {_SENTENCE}  {words}")
    say("")
    scores = read_json(run.folder / "result" / "model" / "scores.json")
    scores.pop("provenance", None)  # for who computes them again
    for name, value in scores.items():
        say(f"  {name:24} {value:,.4g}" if isinstance(value, float) else f"  {name:24} {value}")
    say("")
    say(f"  corpus  {job.with_saved_corpus().corpus.folder}")
    say(f"  run     {run.folder}")
    say(f"  model   {run.folder / 'result' / 'model'}")
    return run
