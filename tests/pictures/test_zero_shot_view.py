"""The view of labels in words as a picture, in build/pictures."""

from __future__ import annotations

from kbnotebooks.zero_shot_view import ZeroShotView
from tests.pictures.test_pictures import PICTURES, ink


def test_scores_are_drawn():
    words = {"kungahuset": ["kung*"], "resor": ["tåg*", "flyg*"], "idrott": ["match*"]}
    text = "Kungen tog tåget till matchen, och tåget var sent."
    view = ZeroShotView(text, words, method="keywords")
    PICTURES.mkdir(parents=True, exist_ok=True)
    drawn = view.png()
    (PICTURES / "zero_shot.png").write_bytes(drawn)
    assert ink(drawn) > 0.01
