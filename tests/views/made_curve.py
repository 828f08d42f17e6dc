"""A learning curve of made labels, for the view and its picture."""

from __future__ import annotations

from functools import cache

from kblib.evaluation.curve_methods import CurveMethod
from kblib.evaluation.curve_result import LearningCurve
from kblib.evaluation.learning_curve import learning_curve
from tests.fewshot.few_made import WORDS, WordVectors, made_labels

KEYS = {label: [f"{word}*" for word in words.split()[:2]] for label, words in WORDS.items()}


@cache
def made_curve() -> LearningCurve:
    methods = [CurveMethod("sentences", WordVectors(), name="vectors"), "tf-idf",
               CurveMethod("keywords", words=KEYS), "majority"]  # fmt: skip
    return learning_curve(made_labels(240, films=40), methods, sizes=(8, 32, 64), seeds=2)
