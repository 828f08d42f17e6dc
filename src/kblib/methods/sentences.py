"""What is said of each kind of result, read off its provenance, and whom to cite for the method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kblib.methods import of_batches, of_counting, of_evaluation, of_labelling, of_models
from kblib.methods.speech import Speech
from kblib.methods.told import Teller, Told

BASE = {
    "corpus",
    "fingerprint",
    "filters",
    "words",
    "word_definition",
    "version",
    "references",
    "citation",
}
"""What is said of every result elsewhere in the paragraph."""


def otherwise(speech: Speech, kind: str, about: Mapping[str, Any]) -> Told:
    """Say of a kind that has no wording of its own what was asked, name by name."""
    asked = [
        f"{name} = {_plain(speech, value)}"
        for name, value in about.items()
        if name not in BASE and isinstance(value, str | int | float | list | tuple) and value != ""
    ]
    sentence = speech.say(
        "{kind}: {asked}.",
        "{kind}: {asked}.",
        kind=kind,
        asked="; ".join(asked) or speech.say("as given", "som den är"),
    )
    return Told((sentence,))


def _plain(speech: Speech, value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_plain(speech, one) for one in value)
    return speech.number(value) if type(value) in (int, float) else str(value)


def cited(about: Mapping[str, Any]) -> tuple[str, ...]:
    """Return whom a result itself wants cited."""
    found = about.get("references") or about.get("citation") or ()
    return (found,) if isinstance(found, str) else tuple(map(str, found))


ABOUT: dict[str, Teller] = {
    "Trend": of_counting.trend,
    "CorrectedTrend": of_counting.corrected,
    "QueryQuality": of_counting.corrected,
    "CorrectedCounts": of_evaluation.corrected_counts,
    "AdjustedCounts": of_evaluation.adjusted_counts,
    "BatchResult": of_batches.batch,
    "FinetunedModel": of_labelling.finetuned,
    "ZeroShotLabels": of_labelling.zero_shot,
    "Scores": of_labelling.scores,
    "LearningCurve": of_labelling.learning_curve,
    "FrequencyTable": of_counting.frequencies,
    "Concordance": of_counting.concordance,
    "KeynessTable": of_counting.keyness,
    "CollocationTable": of_counting.collocations,
    "DispersionTable": of_counting.dispersion,
    "NgramLM": of_models.ngram_model,
    "WordPerplexity": of_models.perplexity,
    "MaskedLM": of_models.masked,
    "FillTable": of_models.masked,
    "CausalLM": of_models.causal,
    "Surprisal": of_models.surprisal,
    "Attention": of_models.attention,
    "AttentionControl": of_models.attention,
    "LeftSurprisal": of_models.causal,
    "NextWords": of_models.causal,
    "Continuations": of_models.generated,
    "TokenLens": of_models.token_lens,
    "Probe": of_models.probe,
    "Ladder": of_models.ladder,
    "Generated": of_models.generated,
}
"""By the name of the result's class, so that nothing heavy is imported to know it."""
