"""The view of labels as a picture, in build/pictures."""

from __future__ import annotations

from kblib.corpora import Corpus
from kblib.evaluation.texts import sample_texts
from kbnotebooks.label_view import LabelView
from tests.pictures.test_pictures import PICTURES, ink


def test_labels_are_drawn(tmp_path):
    corpus = Corpus.from_texts([f"text {n}" for n in range(12)], year=1931)
    labels = ("väder", "handel", "brott och straff")
    view = LabelView(sample_texts(corpus, 12), tmp_path / "a.jsonl", labels=labels, who="Selma")
    view._keys.value = "11213u11"
    PICTURES.mkdir(parents=True, exist_ok=True)
    drawn = view.png()
    (PICTURES / "labels.png").write_bytes(drawn)
    assert ink(drawn) > 0.01
