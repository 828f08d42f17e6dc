"""A logistic head on frozen vectors: what a handful of labels can teach without a GPU.

Vectors are centred and brought to unit variance, so that the same penalties fit every encoder. How
strong the penalty is, is chosen by cross-validation on the labels given, whole groups left out at a
time. Shift and scale are put into the weights at the end: what is saved is one plain linear map.

Letters on arrays: N texts, D width, C labels.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kblib.errors import IntegrityError, LabelError, MissingPartError
from kblib.files import read_json, write_json
from kblib.labels.parts import numbered

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
STRENGTHS = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
"""The C of scikit-learn, from a strong penalty to a weak one."""
USUAL = 0.01
"""What is taken where the labels are too few to choose by."""
FOLDS = 5
FEWEST = 10
"""Held-out texts below which a choice would be chance."""
_STEPS = 2_000
_LEAST = 1e-12  # a share of nothing has no logarithm
HEAD, TENSORS = "head.json", "head.safetensors"


@dataclass(frozen=True, eq=False)
class LogisticHead:
    """Vectors to shares of labels.

    Attributes
    ----------
    labels
        The labels it knows.
    weights, bias
        Shapes (C, D) and (C,).
    strength
        The C of scikit-learn that was taken.
    tried
        Mean surprise at the label of held-out texts, in nats, by strength; empty where there were
        too few to choose by.
    """

    labels: tuple[str, ...]
    weights: Floats
    bias: Floats
    strength: float
    tried: dict[float, float] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        vectors_ND: NDArray[Any],
        labels: Sequence[str],
        *,
        names: Sequence[str],
        groups: Sequence[Any] | None = None,
        balanced: bool = False,
        seed: int = 1,
    ) -> LogisticHead:
        """Learn from vectors and the label of each.

        Parameters
        ----------
        names
            The labels there are, in their order; those that no text has are left out.
        groups
            What hangs together: cross-validation keeps it on one side. By default each text is its
            own.
        balanced
            Whether each label weighs the same, however many texts it has. Shares are then those of
            a collection with equally many texts of each.
        seed
            Which groups are left out together.

        Raises
        ------
        LabelError
            If fewer than two labels are met.
        MissingPartError
            Without scikit-learn.
        """
        met = tuple(name for name in names if name in set(labels))
        if len(met) < 2:
            raise LabelError(
                f"{len(met)} different labels were given.", "Two at least were expected."
            )
        answers_N = np.array([met.index(one) for one in labels])
        middle_D, spread = _measure(vectors_ND)
        scaled_ND = (vectors_ND.astype(np.float64) - middle_D) / spread
        apart = np.arange(len(answers_N)) if groups is None else np.array(numbered(groups))
        weights_N = _weights(answers_N, balanced)
        tried = _tried(scaled_ND, answers_N, weights_N, apart, seed)
        strength = min(tried, key=lambda one: (tried[one], one)) if tried else USUAL
        weights_CD, bias_C = _map_of(_fitted(scaled_ND, answers_N, weights_N, strength))
        weights_CD = weights_CD / spread
        return cls(met, weights_CD, bias_C - weights_CD @ middle_D, strength, tried)

    def shares(self, vectors_ND: NDArray[Any]) -> Floats:
        """Return the share of each label, shape (N, C)."""
        logits_NC = vectors_ND.astype(np.float64) @ self.weights.T + self.bias
        raised_NC = np.exp(logits_NC - logits_NC.max(axis=1, keepdims=True))
        shares_NC: Floats = raised_NC / raised_NC.sum(axis=1, keepdims=True)
        return shares_NC

    def save(self, folder: Path) -> None:
        """Write ``head.json`` and ``head.safetensors`` into a folder."""
        from safetensors.numpy import save_file

        tensors = {"weights": np.ascontiguousarray(self.weights), "bias": self.bias}
        save_file(tensors, folder / TENSORS)
        tried = [[strength, loss] for strength, loss in self.tried.items()]
        write_json(
            folder / HEAD,
            {"labels": list(self.labels), "strength": self.strength, "tried": tried},
        )

    @classmethod
    def open(cls, folder: Path) -> LogisticHead:
        """Read what `save` has written.

        Raises
        ------
        IntegrityError
            If a file is missing or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        about = read_json(folder / HEAD)
        try:
            tensors = load_file(folder / TENSORS)
            tried = {float(strength): float(loss) for strength, loss in about["tried"]}
            names, strength = tuple(about["labels"]), float(about["strength"])
            return cls(names, tensors["weights"], tensors["bias"], strength, tried)
        except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
            raise IntegrityError(
                f"The head in {folder} cannot be read: {error}.",
                f"{HEAD} and {TENSORS}, as they were saved, were expected.",
            ) from None


def require_sklearn() -> Any:
    """Return the module ``sklearn.linear_model``.

    Raises
    ------
    MissingPartError
        If it is not installed, with the command that brings it.
    """
    try:
        from sklearn import linear_model
    except ImportError:
        raise MissingPartError(
            "A logistic head needs scikit-learn, which is not installed here.",
            "It comes with the extra 'train'.",
            "python -m pip install 'scikit-learn>=1.5'",
        ) from None
    return linear_model


def _measure(vectors_ND: NDArray[Any]) -> tuple[Floats, float]:
    """Return the mean vector, and the standard deviation of a number of a vector."""
    middle_D: Floats = vectors_ND.mean(axis=0, dtype=np.float64)
    spread = float(np.sqrt(((vectors_ND - middle_D) ** 2).mean()))
    return middle_D, spread if spread > 0 else 1.0


def _weights(answers_N: Ints, balanced: bool) -> Floats:
    """Return what each text weighs: 1, or so much that labels weigh the same; they add up to N."""
    counts_C = np.bincount(answers_N)
    weights_C = len(answers_N) / (len(counts_C) * counts_C) if balanced else np.ones(len(counts_C))
    weights_N: Floats = weights_C[answers_N]
    return weights_N


def _tried(
    scaled_ND: Floats, answers_N: Ints, weights_N: Floats, apart_N: Ints, seed: int
) -> dict[float, float]:
    """Return the mean surprise at held-out labels for each strength."""
    held_out = list(_folds(answers_N, apart_N, seed))
    if sum(len(test) for _, test in held_out) < FEWEST:
        return {}
    judged = sum(float(weights_N[test].sum()) for _, test in held_out)
    nats = dict.fromkeys(STRENGTHS, 0.0)
    for train, test in held_out:
        columns = np.searchsorted(np.unique(answers_N[train]), answers_N[test])
        for strength in STRENGTHS:
            model = _fitted(scaled_ND[train], answers_N[train], weights_N[train], strength)
            share_N = model.predict_proba(scaled_ND[test])[np.arange(len(test)), columns]
            surprise_N = -np.log(np.maximum(share_N, _LEAST))
            nats[strength] += float(weights_N[test] @ surprise_N)
    return {strength: total / judged for strength, total in nats.items()}


def _folds(answers_N: Ints, apart_N: Ints, seed: int) -> Iterator[tuple[Ints, Ints]]:
    """Yield train and test texts; of the test only those whose label the train part knows."""
    from sklearn.model_selection import StratifiedGroupKFold

    n_folds = min(FOLDS, len(np.unique(apart_N)), int(np.bincount(answers_N).max()))
    if n_folds < 2:
        return
    cut = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a label is rare, which is known here
        for train, test in cut.split(answers_N, answers_N, apart_N):
            known = test[np.isin(answers_N[test], answers_N[train])]
            if len(np.unique(answers_N[train])) > 1 and len(known):
                yield train, known


def _fitted(scaled_ND: Floats, answers_N: Ints, weights_N: Floats, strength: float) -> Any:
    model = require_sklearn().LogisticRegression(C=strength, max_iter=_STEPS)
    return model.fit(scaled_ND, answers_N, sample_weight=weights_N)


def _map_of(model: Any) -> tuple[Floats, Floats]:
    """Return weights and bias of each label; of two, scikit-learn keeps the second's odds only."""
    weights, bias = model.coef_.astype(np.float64), model.intercept_.astype(np.float64)
    if len(model.classes_) == 2:
        weights = np.concatenate([np.zeros_like(weights), weights])
        bias = np.concatenate([np.zeros_like(bias), bias])
    return weights, bias
