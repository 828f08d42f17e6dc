"""Shapes of published models, to be planned by name; transformers' counts are tested."""

from __future__ import annotations

from kblib.errors import PlanError
from kblib.models.shape import ModelShape

KNOWN_SHAPES = {
    # EleutherAI/gpt-neox: configs/20B.yml; Black et al. (2022)
    "gpt-neox-20b": ModelShape(44, 64, 6144, "gpt_neox", vocab_size=50432, seq_len=2048),
    # openlm-research/open_llama_7b and 3b: their config.json
    "open-llama-7b": ModelShape(
        32, 32, 4096, "llama", vocab_size=32000, seq_len=2048, n_inner=11008
    ),
    "open-llama-3b": ModelShape(
        26, 32, 3200, "llama", vocab_size=32000, seq_len=2048, n_inner=8640
    ),
    # Devlin et al. (2019)
    "bert-base": ModelShape(12, 12, 768, "bert", vocab_size=30522, seq_len=512),
    "bert-large": ModelShape(24, 16, 1024, "bert", vocab_size=30522, seq_len=512),
    # Warner et al. (2024)
    "modernbert-base": ModelShape(
        22, 12, 768, "modernbert", vocab_size=50368, seq_len=8192, n_inner=1152
    ),
}


def known_shape(name: str) -> ModelShape:
    """Return the shape of a published model.

    Raises
    ------
    PlanError
        If none is known by that name.
    """
    if name not in KNOWN_SHAPES:
        raise PlanError(
            f"No model is called '{name}' here.",
            f"Known are: {', '.join(KNOWN_SHAPES)}.",
            "python -m kblib plan --model open-llama-7b",
        )
    return KNOWN_SHAPES[name]
