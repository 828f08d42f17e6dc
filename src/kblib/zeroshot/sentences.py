"""Which sentence is most like the text? Both become vectors, and their cosines are compared.

The labels are read once for all texts, so this is much faster than entailment; and it measures
likeness, not whether a sentence is true of the text.

Letters on arrays: N texts, P sentences, D width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kblib.models.sentence_encoder import SentenceEncoder
from kblib.zeroshot.asked import Asked, Prompt
from kblib.zeroshot.evidence import Evidence, Floats


class Sentences:
    """Zero-shot labels by likeness of vectors.

    Parameters
    ----------
    encoder
        What makes vectors of sentences.
    """

    name = "sentences"

    def __init__(self, encoder: SentenceEncoder) -> None:
        self.encoder = encoder

    @property
    def opened(self) -> SentenceEncoder:
        """The model that it asks."""
        return self.encoder

    @property
    def provenance(self) -> dict[str, str]:
        """Model, weights, and what cosines are divided by."""
        return {**self.encoder.provenance, "temperature": f"{self.encoder.temperature:g}"}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know."""
        said = (
            f"Scores are made of cosines, divided by {self.encoder.temperature:g} as in the "
            "model's training: they order labels, and are no probabilities before calibration."
        )
        return (said,)

    def evidence(self, texts: Sequence[str], asked: Asked, *, multi: bool) -> Evidence:
        """Return cosines by temperature; with `multi` less that of "something else"."""
        text_ND = self.encoder.encode(texts, as_="query").astype(np.float64)
        values_NP = self._cosines(text_ND, asked.prompts)
        if multi:
            values_NP = values_NP - self._cosines(text_ND, asked.others())
        return Evidence(values_NP / self.encoder.temperature)

    def _cosines(self, text_ND: Floats, prompts: Sequence[Prompt]) -> Floats:
        label_PD = self.encoder.encode([prompt.sentence for prompt in prompts], as_="query")
        cosines: Floats = text_ND @ label_PD.astype(np.float64).T
        return cosines
