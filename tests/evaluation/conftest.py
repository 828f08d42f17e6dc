from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kblib.corpora import Corpus

FILMS, EACH = 30, 20


@pytest.fixture(scope="session")
def reports() -> Corpus:
    """600 texts of 30 films of two decades; of every fifth text it is said that it rained."""
    draw = np.random.default_rng(5)
    n = FILMS * EACH
    film = np.arange(n) // EACH
    texts = [f"regn {number}" if draw.random() < 0.2 else f"sol {number}" for number in range(n)]
    years = np.where(film < FILMS // 2, 1934, 1945)
    return Corpus.from_texts(
        texts, name="reports", film=film.astype(str).tolist(), year=years.tolist()
    )


@pytest.fixture(scope="session")
def truth(reports: Corpus) -> pd.DataFrame:
    """What each text is about."""
    table = reports.table
    return pd.DataFrame(
        {"id": table["id"], "label": np.where(table["text"].str.startswith("regn"), "rain", "sun")}
    )


@pytest.fixture(scope="session")
def predictions(truth: pd.DataFrame) -> pd.DataFrame:
    """A model that finds 80 % of the rain, and sees it in 5 % of the sun."""
    draw = np.random.default_rng(6)
    wet = truth["label"] == "rain"
    says = np.where(wet, draw.random(len(truth)) < 0.8, draw.random(len(truth)) < 0.05)
    return pd.DataFrame({"id": truth["id"], "label": np.where(says, "rain", "sun")})
