"""One PNG a view, in build/pictures, to be looked at; and that none of them is empty."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from kblib.corpora import Corpus
from kblib.ladder.ladder import Ladder
from kblib.models.probe import probe
from kblib.models.token_lens import token_lens
from kblib.ngrams.collocations import collocations
from kblib.ngrams.keyness import keyness
from kblib.ngrams.language_model import NgramLM
from kblib.ngrams.semantic_change import semantic_change
from kblib.ngrams.trends import ngram_trend
from kblib.runs import RunFolder
from kbnotebooks._view import View
from kbnotebooks.attention_view import AttentionView
from kbnotebooks.collocation_view import CollocationView
from kbnotebooks.compare_view import CompareView
from kbnotebooks.concordance_view import ConcordanceView
from kbnotebooks.context_change_view import ContextChangeView
from kbnotebooks.corpus import CorpusView
from kbnotebooks.dispersion_view import DispersionView
from kbnotebooks.generate_view import GenerateView
from kbnotebooks.keyness_view import KeynessView
from kbnotebooks.ladder import LadderView
from kbnotebooks.language_models import FillMaskView
from kbnotebooks.next_word_view import NextWordView
from kbnotebooks.perplexity_view import PerplexityView
from kbnotebooks.planner import PlanView
from kbnotebooks.price_of_a_label_view import LearningCurveView
from kbnotebooks.probe_view import ProbeView
from kbnotebooks.runs import RunView
from kbnotebooks.runs_view import RunsView
from kbnotebooks.surprisal_view import SurprisalView
from kbnotebooks.token_lens_view import TokenLensView
from kbnotebooks.trend_view import TrendView
from tests.cluster.recorded import lost_a_node
from tests.ngrams.test_semantic_change import planted
from tests.views.conftest import ParrotModel
from tests.views.made_curve import made_curve
from tests.views.side_by_side import compared, two_runs
from tests.views.small_writer import small_writer
from tests.views.test_planner import SmallPlan, planned
from tests.views.tiny_model import tiny_model

PICTURES = Path(__file__).resolve().parents[2] / "build" / "pictures"
SENTENCE = "På bilden ser vi en [MASK] i Stockholm."
LAST_WORDS = ("som", "till", "och", "besökte", "från")
# One a view: each is built for its own test, from the twelve cues and the run of the view tests.
BUILT: dict[str, Callable[[Corpus, RunFolder], View]] = {
    "corpus": lambda films, run: CorpusView(films),
    "trend": lambda films, run: TrendView(ngram_trend(films, ["kungen", "stockholm"])),
    "concordance": lambda films, run: ConcordanceView(films, "stockholm", sort="right"),
    "keyness": lambda films, run: KeynessView(
        keyness(films.filter(years=(1921, 1921)), films.filter(years=(1938, 1939)), min_count=1)
    ),
    "collocations": lambda films, run: CollocationView(collocations(films, "kungen", min_count=1)),
    "context_change": lambda films, run: ContextChangeView(
        semantic_change(planted(), "maskin", exchanges=199)
    ),
    "dispersion": lambda films, run: DispersionView(films, ["kungen", "stockholm", "vårsol"]),
    "perplexity": lambda films, run: PerplexityView(
        NgramLM.train(films, order=3), "Kungen hälsar på drottningen i Stockholm."
    ),
    "fill_mask": lambda films, run: FillMaskView(
        SENTENCE, models={"mine": ParrotModel(), "embedded": ParrotModel()}, answer="hamn"
    ),
    "surprisal": lambda films, run: SurprisalView(
        "Kungen besökte Malmö i dag.", model=tiny_model()
    ),
    "token_lens": lambda films, run: TokenLensView(
        "Hvarje jernväg", tiny_model(), lens=token_lens(films, tiny_model(), per="year")
    ),
    "attention": lambda films, run: AttentionView(
        "Kungen och [MASK] besökte Malmö.", model=tiny_model()
    ),
    "probe": lambda films, run: ProbeView(
        probe(
            [tiny_model(), tiny_model(2)],
            [f"{word} {{}} {last} [MASK]." for word in ("och", "i dag") for last in LAST_WORDS],
            [("Kungen", "Drottningen"), ("han", "hon")],
            ["läkare", "lärare", "tåget"],
        )
    ),
    "ladder": lambda films, run: LadderView(
        Ladder.build(films, masked=None, causal=None, n_candidates=12),
        "Kungen [MASK] till Stockholm.",
    ),
    "generate": lambda films, run: GenerateView(
        "Kungen", model=small_writer(), seeds=[1, 2, 3], max_tokens=20
    ),
    "next_word": lambda films, run: NextWordView("Kungen", model=small_writer(), k=8),
    "price_of_a_label": lambda films, run: LearningCurveView(made_curve()),
    "plan": lambda films, run: PlanView(SmallPlan()),
    "plan_on_a_cluster": lambda films, run: PlanView(planned()),
    "run": lambda films, run: RunView(run.name),
    "compare": lambda films, run: CompareView(compared(run.path.parent / "compared")),
    "run_with_monitor": lambda films, run: RunView(
        two_runs(run.path.parent / "monitored")[0].folder
    ),
    "run_on_a_cluster": lambda films, run: RunView(lost_a_node(run.path.parent / "gang").path),
    "runs": lambda films, run: RunsView(lost_a_node(run.path.parent / "gangs").path.parent),
}


def ink(png: bytes) -> float:
    """Return the share of pixels that are not white."""
    pixels = imread(io.BytesIO(png))[..., :3]
    return float(np.mean(pixels.min(axis=-1) < 0.9))


@pytest.mark.parametrize("name", BUILT)
def test_view_is_drawn_and_readable_in_grey(films: Corpus, run: RunFolder, name: str):
    PICTURES.mkdir(parents=True, exist_ok=True)
    drawn = BUILT[name](films, run).png()
    (PICTURES / f"{name}.png").write_bytes(drawn)
    assert ink(drawn) > 0.01

    pixels = imread(io.BytesIO(drawn))[..., :3]
    grey = pixels @ np.array([0.2126, 0.7152, 0.0722])
    # Accent and ink stay dark without their colour (WCAG relative luminance, gamma left aside).
    assert grey.min() < 0.5
    assert np.mean(grey < 0.5) > 0.002


@pytest.mark.browser
def test_still_forms_are_rendered_as_pages(films, run, browser, tmp_path: Path):
    PICTURES.mkdir(parents=True, exist_ok=True)
    page = browser.new_page(viewport={"width": 900, "height": 600})
    for name, build in BUILT.items():
        page.goto(build(films, run).save(tmp_path / f"{name}.html").as_uri())
        wide = page.evaluate("document.documentElement.scrollWidth")
        shot = page.screenshot(path=PICTURES / f"{name}-page.png", full_page=True)
        assert wide <= 900, f"{name} is wider than the page"
        assert ink(shot) > 0.005
    page.close()
