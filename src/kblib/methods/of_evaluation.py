"""What is said of results that rest on a model's labels and a reader's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kblib.methods.references import (
    LANG_REICZIGEL,
    PPI,
    PPI_STRATIFIED,
    ROGAN_GLADEN,
    SELECTED,
    WILSON,
)
from kblib.methods.speech import Speech
from kblib.methods.told import Told


def corrected_counts(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say who labelled how much, and how shares were corrected by it."""
    labelled = speech.say(
        "{n} texts, drawn at random within each {per} (seed {seed}), were labelled without sight "
        "of the model's labels.",
        "{n} texter, utlottade inom varje {per} (frö {seed}), fick etiketter av en läsare som inte "
        "såg modellens.",
        n=about["labels"], per=speech.word(about["per"]), seed=about["seed"],
    )  # fmt: skip
    whom = {
        "corpus": speech.say("these very texts", "just dessa texter"),
        "films": speech.say(
            "all that the units ({unit}) are a sample of",
            "allt som enheterna ({unit}) är ett urval av",
            unit=speech.word(about["unit"]),
        ),
    }
    corrected = speech.say(
        "Shares of {label} by {per} are the model's, corrected by its errors on these texts "
        "(prediction-powered inference, stratified, tuned by cross-fitting); {confidence} "
        "intervals are about {whom}.",
        "Andelen {label} per {per} är modellens, korrigerad för dess fel i dessa texter "
        "(prediktionsstödd inferens, stratifierad och korsanpassad); {confidence}-intervallen "
        "gäller {whom}.",
        label=speech.quoted(about["label"]), per=speech.word(about["per"]),
        confidence=speech.percent(about["confidence"]), whom=whom[about["about"]],
    )  # fmt: skip
    bounded = speech.say(
        "An interval is given where the model lets expect {expected} of the rarer answer and "
        "{fewest} were found, or {many} were found, and allows for this choice; elsewhere there is "
        "at most a bound.",
        "Intervall ges där modellen låter vänta {expected} av det ovanligare svaret och {fewest} "
        "fanns, eller där {many} fanns, och tar hänsyn till detta urval; annars ges högst en "
        "gräns.",
        expected=about["expected"], fewest=about["fewest"], many=about["many"],
    )  # fmt: skip
    return Told((labelled, corrected, bounded), (PPI, PPI_STRATIFIED, WILSON, SELECTED))


def adjusted_counts(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say how shares were adjusted by a confusion matrix."""
    said = speech.say(
        "As a check, shares of {label} were also adjusted by the model's sensitivity and "
        "specificity in the same {per}.",
        "Som kontroll justerades andelen {label} också med modellens sensitivitet och specificitet "
        "i samma {per}.",
        label=speech.quoted(about["label"]), per=speech.word(about["per"]),
    )  # fmt: skip
    return Told((said,), (ROGAN_GLADEN, LANG_REICZIGEL))
