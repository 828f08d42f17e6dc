"""One PNG a view, in build/pictures, to be looked at; and that none of them is empty."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from kbnotebooks._view import View
from kbnotebooks.corpus import CorpusView
from kbnotebooks.language_models import FillMaskView
from kbnotebooks.planner import PlanView
from kbnotebooks.runs import RunView
from tests.views.conftest import ParrotModel
from tests.views.test_planner import SmallPlan

PICTURES = Path(__file__).resolve().parents[2] / "build" / "pictures"
NAMES = ("corpus", "fill_mask", "plan", "run")


@pytest.fixture
def views(films, run) -> dict[str, View]:
    models = {"mine": ParrotModel(), "embedded": ParrotModel()}
    sentence = "På bilden ser vi en [MASK] i Stockholm."
    return {
        "corpus": CorpusView(films),
        "fill_mask": FillMaskView(sentence, models=models, answer="hamn"),
        "plan": PlanView(SmallPlan()),
        "run": RunView(run.name),
    }


def ink(png: bytes) -> float:
    """Return the share of pixels that are not white."""
    pixels = imread(io.BytesIO(png))[..., :3]
    return float(np.mean(pixels.min(axis=-1) < 0.9))


@pytest.mark.parametrize("name", NAMES)
def test_view_is_drawn(views: dict[str, View], name: str):
    PICTURES.mkdir(parents=True, exist_ok=True)
    drawn = views[name].png()
    (PICTURES / f"{name}.png").write_bytes(drawn)
    assert ink(drawn) > 0.01


@pytest.mark.parametrize("name", NAMES)
def test_view_is_readable_in_grey(views: dict[str, View], name: str):
    pixels = imread(io.BytesIO(views[name].png()))[..., :3]
    grey = pixels @ np.array([0.2126, 0.7152, 0.0722])
    # Accent and ink stay dark without their colour (WCAG relative luminance, gamma left aside).
    assert grey.min() < 0.5
    assert np.mean(grey < 0.5) > 0.002


@pytest.mark.browser
def test_still_forms_are_rendered_as_pages(views: dict[str, View], browser, tmp_path: Path):
    PICTURES.mkdir(parents=True, exist_ok=True)
    page = browser.new_page(viewport={"width": 900, "height": 600})
    for name, view in views.items():
        page.goto(view.save(tmp_path / f"{name}.html").as_uri())
        wide = page.evaluate("document.documentElement.scrollWidth")
        shot = page.screenshot(path=PICTURES / f"{name}-page.png", full_page=True)
        assert wide <= 900, f"{name} is wider than the page"
        assert ink(shot) > 0.005
    page.close()
