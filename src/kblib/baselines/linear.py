"""Linear baselines: words weighted by tf-idf, words that two texts share, and a word's neighbours.

How strong the penalty is, is chosen by cross-validation on the train part, whole groups left out at
a time, by macro F1; for texts also whether each label weighs the same, however many it has.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kblib.baselines.words import word_rows
from kblib.fewshot.logistic_head import STRENGTHS, require_sklearn
from kblib.fewshot.predicted import table_of
from kblib.labels import Labels
from kblib.labels.parts import numbered
from kblib.tasks.passages import bare_words

FOLDS = 3
PENALTIES = (1e-6, 1e-5, 1e-4)
"""What is tried for the many rows of words: the alpha of scikit-learn's stochastic descent."""
WEIGHTS = (None, "balanced")
"""The class_weight of scikit-learn: each text weighs the same, or each label."""
USUAL = 1.0
_STEPS = 1_000
_HASHED = 2**18  # numbers that features of words are put into
_WORD = r"(?u)\b\w+\b"


def tfidf(train: Labels, test: Labels, groups: Sequence[Any], seed: int) -> pl.DataFrame:
    """Logistic regression on single words and pairs of words, weighted by tf-idf.

    Of pairs of texts, each text's words are features of their own.
    """
    require_sklearn()
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [name for name in ("text", "text_pair") if name in train.rows.columns]
    weighed = [
        (name, TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=_WORD), place)
        for place, name in enumerate(texts)
    ]
    columns = ColumnTransformer(weighed)
    return _fitted(columns, _texts(train, texts), _texts(test, texts), (train, test), groups, seed)


def word_overlap(train: Labels, test: Labels, groups: Sequence[Any], seed: int) -> pl.DataFrame:
    """Logistic regression on what two texts share: words, rare words, and how long they are."""
    require_sklearn()
    from sklearn.preprocessing import StandardScaler

    rarity = _rarity(train)
    known, asked = (_shared(labels, rarity) for labels in (train, test))
    return _fitted(StandardScaler(), known, asked, (train, test), groups, seed)


def neighbours(train: Labels, test: Labels, groups: Sequence[Any], seed: int) -> pl.DataFrame:
    """Logistic regression on a word, its ending and the words beside it, for labels of words."""
    require_sklearn()
    from sklearn.feature_extraction import FeatureHasher
    from sklearn.linear_model import SGDClassifier

    hashed = FeatureHasher(_HASHED, input_type="string")  # learns nothing, so it cannot leak
    known, asked = (hashed.transform(_around(labels)) for labels in (train, test))
    answers = word_rows(train)["label"].to_list()
    of_words = np.repeat(numbered(groups), train.rows["tokens"].list.len()).tolist()
    descent = SGDClassifier(loss="log_loss", random_state=seed, max_iter=20, tol=1e-3)
    model = _searched(descent, {"alpha": list(PENALTIES)}, known, answers, of_words, seed)
    return word_rows(test).select("id").with_columns(label=pl.Series(model.predict(asked)))


def _fitted(
    columns: Any,
    known: Any,
    asked: Any,
    parts: tuple[Labels, Labels],
    groups: Sequence[Any],
    seed: int,
) -> pl.DataFrame:
    """Fit on the train part what `columns` makes of it, and predict the test part."""
    from sklearn.pipeline import Pipeline

    head = require_sklearn().LogisticRegression(C=USUAL, max_iter=_STEPS)
    pipeline = Pipeline([("columns", columns), ("head", head)])
    answers = parts[0].rows["label"].to_list()
    grid: dict[str, list[Any]]
    grid = {"head__C": list(STRENGTHS), "head__class_weight": list(WEIGHTS)}
    model = _searched(pipeline, grid, known, answers, groups, seed)
    rows, labels = parts[1].rows, [str(one) for one in model.classes_]
    shares_NC = model.predict_proba(asked)
    return table_of(rows["id"].to_list(), rows["text"].to_list(), labels, shares_NC)


def _searched(
    model: Any,
    grid: dict[str, list[Any]],
    known: Any,
    answers: Sequence[str],
    groups: Sequence[Any],
    seed: int,
) -> Any:
    """Fit with what is best on groups left out; with too few of them, as the model is given."""
    from sklearn.model_selection import GridSearchCV

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a fold has a label too few of
        folds = _folds(np.array(answers), np.array(numbered(groups)), seed)
        if not folds:
            return model.fit(known, answers)
        return GridSearchCV(model, grid, cv=folds, scoring="f1_macro").fit(known, answers)


def _folds(
    answers_N: NDArray[Any], groups_N: NDArray[np.int64], seed: int
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Return what is learnt from and what is left out; only where two labels are learnt."""
    from sklearn.model_selection import StratifiedGroupKFold

    most = int(np.unique(answers_N, return_counts=True)[1].max())
    n_folds = min(FOLDS, len(np.unique(groups_N)), most)
    if n_folds < 2:
        return []
    cut = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    found = cut.split(answers_N, answers_N, groups_N)
    return [(train, left) for train, left in found if len(np.unique(answers_N[train])) > 1]


def _texts(labels: Labels, names: Sequence[str]) -> NDArray[Any]:
    columns = [[" ".join(bare_words(text)) or "_" for text in labels.rows[one]] for one in names]
    return np.array(columns, dtype=object).T


def _rarity(train: Labels) -> dict[str, float]:
    """Return how rare each word of the train part is: the logarithm of texts to texts with it."""
    sets = [set(bare_words(text)) for name in ("text", "text_pair") for text in train.rows[name]]
    met: dict[str, int] = {}
    for words in sets:
        for word in words:
            met[word] = met.get(word, 0) + 1
    return {word: float(np.log(len(sets) / n)) for word, n in met.items()}


def _shared(labels: Labels, rarity: dict[str, float]) -> NDArray[np.float64]:
    most = max(rarity.values(), default=0.0)  # a new word is as rare as the rarest
    rows = []
    for one, other in labels.rows.select("text", "text_pair").iter_rows():
        ours, theirs = bare_words(one), bare_words(other)
        both, either = {*ours} & {*theirs}, {*ours} | {*theirs}
        rare = sum(rarity.get(word, most) for word in both)
        whole = sum(rarity.get(word, most) for word in either)
        share = len(both) / max(1, len(either))
        rows.append([len(both), share, rare, rare / max(whole, 1e-9), len(ours), len(theirs)])
    return np.array(rows, dtype=np.float64)


def _around(labels: Labels) -> Iterator[list[str]]:
    """Yield what is known of each word: itself, its ending, and the two on either side."""
    for tokens in labels.rows["tokens"].to_list():
        words = ["", "", *(word.casefold() for word in tokens), "", ""]
        for at in range(2, len(words) - 2):
            before, here, after = words[at - 1 : at + 2]
            yield [
                f"here {here}",
                f"ending {here[-3:]}",
                f"before {before}",
                f"after {after}",
                f"two before {words[at - 2]} {before}",
                f"two after {after} {words[at + 2]}",
                f"shape {_shape(tokens[at - 2])}",
            ]


def _shape(word: str) -> str:
    first = "A" if word[:1].isupper() else "a" if word[:1].isalpha() else "0"
    return first + ("A" if len(word) > 1 and word.isupper() else "")
