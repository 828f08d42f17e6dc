"""Sub-word tokenizers: trained or opened, always in the format transformers reads.

Two kinds. ``wordpiece`` serves masked models: cased, a text becomes ``[CLS] text [SEP]``, a piece
that continues a word begins with ``##``. ``bpe`` serves causal models: byte-level, so nothing is
unknown, and a text becomes ``text <|endoftext|>``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import tokenizers

from kblib.errors import TokenError
from kblib.files import write_atomic, write_json
from kblib.tokens import learn
from kblib.tokens.learn import HasTexts
from kblib.tokens.normalise import DEFAULT_STEPS
from kblib.tokens.tokenizer_files import TOKENIZER_FILE, require_tokenizer

CONFIG_FILE = "tokenizer_config.json"
_ROLES = (
    "pad_token",
    "unk_token",
    "cls_token",
    "sep_token",
    "mask_token",
    "bos_token",
    "eos_token",
)


class Tokenizer:
    """A sub-word tokenizer: text to ids and back.

    Parameters
    ----------
    engine
        The tokenizer of the ``tokenizers`` library that does the work.
    roles
        Which piece plays which special role, such as ``{"mask_token": "[MASK]"}``.

    Examples
    --------
    >>> tokenizer = Tokenizer.train(["Kungen besökte Stockholm."] * 3, vocab_size=80)
    >>> tokenizer.decode(tokenizer.encode("Kungen besökte Stockholm."))
    'Kungen besökte Stockholm.'
    """

    def __init__(self, engine: tokenizers.Tokenizer, roles: dict[str, str]) -> None:
        engine.no_padding()
        engine.no_truncation()
        self.engine = engine
        self.roles = dict(roles)

    @classmethod
    def train(
        cls,
        texts: Iterable[str] | HasTexts,
        *,
        kind: Literal["wordpiece", "bpe"] = "wordpiece",
        vocab_size: int = 8192,
        normalisation: Sequence[str] = DEFAULT_STEPS,
    ) -> Tokenizer:
        """Learn a tokenizer from texts; the same texts always give the same tokenizer.

        Parameters
        ----------
        texts
            A corpus, or any iterable of texts.
        kind
            ``wordpiece`` for masked models, ``bpe`` for causal ones.
        vocab_size
            Pieces at most; a small corpus may yield fewer.
        normalisation
            Named steps, see `kblib.tokens.normalise`; they are saved with the tokenizer.

        Raises
        ------
        TokenError
            If there is no text, the kind or a step is unknown, or the vocabulary is too small for
            the letters.
        """
        if kind == "wordpiece":
            return cls(learn.wordpiece(texts, vocab_size, normalisation), learn.WORDPIECE_ROLES)
        if kind == "bpe":
            return cls(learn.bpe(texts, vocab_size, normalisation), learn.BPE_ROLES)
        raise TokenError(
            f"No kind of tokenizer is called '{kind}'.",
            "Known are 'wordpiece' (masked models) and 'bpe' (causal models).",
            "Tokenizer.train(texts, kind='wordpiece')",
        )

    @classmethod
    def open(cls, folder: Path | str) -> Tokenizer:
        """Open the tokenizer in a folder: one of ours, or that of any model transformers can read.

        Raises
        ------
        TokenError
            If the folder holds no tokenizer, or a damaged one.
        """
        folder = Path(folder)
        if not (folder / TOKENIZER_FILE).is_file():
            return _open_other(folder)
        try:
            engine = tokenizers.Tokenizer.from_file(str(folder / TOKENIZER_FILE))
            config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        except Exception as error:  # noqa: BLE001 - the engine raises plain Exception
            raise TokenError(
                f"The tokenizer in {folder} cannot be read: {error}.",
                f"{TOKENIZER_FILE} and {CONFIG_FILE} by Tokenizer.save were expected.",
                "Copy the folder again from where it was made.",
            ) from None
        return cls(engine, _roles_in(config, engine))

    def save(self, folder: Path | str, *, seq_len: int | None = None) -> Path:
        """Write ``tokenizer.json`` and ``tokenizer_config.json``; AutoTokenizer opens them as well.

        Parameters
        ----------
        seq_len
            Longest input of the model it belongs to, for tools that ask.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / TOKENIZER_FILE, self.engine.to_str(pretty=True).encode("utf-8"))
        config: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast", **self.roles}
        config["clean_up_tokenization_spaces"] = False
        config["model_input_names"] = ["input_ids", "attention_mask"]
        if seq_len is not None:
            config["model_max_length"] = seq_len
        write_json(folder / CONFIG_FILE, config)
        return folder

    def encode(self, text: str, special: bool = True) -> list[int]:
        """Return the ids of a text.

        Parameters
        ----------
        special
            Whether to frame the text as the models of this kind expect it.
        """
        return list(self.engine.encode(text, add_special_tokens=special).ids)

    def encode_batch(self, texts: Sequence[str], special: bool = True) -> list[list[int]]:
        """Return the ids of many texts; uses all cores and is several times faster than a loop."""
        found = self.engine.encode_batch_fast(list(texts), add_special_tokens=special)
        return [encoding.ids for encoding in found]

    def decode(self, ids: Iterable[int], special: bool = False) -> str:
        """Return the text of ids.

        Parameters
        ----------
        special
            Whether special pieces such as ``[MASK]`` are shown.
        """
        return str(self.engine.decode([int(i) for i in ids], skip_special_tokens=not special))

    def token(self, index: int) -> str:
        """Return the piece with this id, as the vocabulary spells it.

        Raises
        ------
        TokenError
            If the id is outside the vocabulary.
        """
        piece = self.engine.id_to_token(int(index)) if 0 <= index < self.vocab_size else None
        if piece is None:
            raise TokenError(
                f"No token has the id {index}.",
                f"The vocabulary has ids 0 to {self.vocab_size - 1}.",
            )
        return piece

    @cached_property
    def vocab_size(self) -> int:
        """Pieces in the vocabulary, special ones included: the rows a model's embedding needs."""
        return max(self.engine.get_vocab(with_added_tokens=True).values()) + 1

    @cached_property
    def fingerprint(self) -> str:
        """A SHA-256 of everything that decides ids; equal fingerprints give equal ids."""
        return hashlib.sha256(self.engine.to_str().encode("utf-8")).hexdigest()

    @property
    def kind(self) -> str:
        """The engine's model: ``wordpiece``, ``bpe`` or another one's name in small letters."""
        return type(self.engine.model).__name__.lower()

    @property
    def mask_id(self) -> int:
        """Id of the mask."""
        return self._role("mask_token")

    @property
    def pad_id(self) -> int:
        """Id of the padding piece."""
        return self._role("pad_token")

    @property
    def unknown_id(self) -> int:
        """Id that stands for what the vocabulary cannot spell."""
        return self._role("unk_token")

    @property
    def end_id(self) -> int:
        """Id that ends a text: ``[SEP]`` or ``<|endoftext|>``."""
        return self._role("eos_token" if "eos_token" in self.roles else "sep_token")

    @property
    def first_id(self) -> int:
        """Id that begins a text of masked models: ``[CLS]``."""
        return self._role("cls_token")

    @cached_property
    def special_ids(self) -> tuple[int, ...]:
        """Ids of all special pieces, sorted; a model is never asked to guess one of them."""
        marked = [i for i, added in self.engine.get_added_tokens_decoder().items() if added.special]
        named = [self._id(piece) for piece in self.roles.values()]
        return tuple(sorted({*marked, *named}))

    def has(self, role: str) -> bool:
        """Tell whether a special role, such as ``mask_token``, is filled."""
        return role in self.roles

    def _role(self, role: str) -> int:
        if role not in self.roles:
            raise TokenError(
                f"This {self.kind} tokenizer has no {role}.",
                f"It has: {', '.join(self.roles) or 'none at all'}.",
                "Masked models need Tokenizer.train(texts, kind='wordpiece').",
            )
        return self._id(self.roles[role])

    def _id(self, piece: str) -> int:
        index = self.engine.token_to_id(piece)
        if index is None:
            raise TokenError(
                f"This tokenizer has no piece '{piece}'.", "Its roles should name one."
            )
        return index

    def __repr__(self) -> str:
        """Return one line: kind, size, fingerprint."""
        return f"<Tokenizer {self.kind}, {self.vocab_size:,} pieces, {self.fingerprint[:12]}>"


def _roles_in(config: dict[str, Any], engine: tokenizers.Tokenizer) -> dict[str, str]:
    roles = {}
    for role in _ROLES:
        piece = config.get(role)
        if isinstance(piece, dict):  # older transformers wrote {"content": "[MASK]", ...}
            piece = piece.get("content")
        if isinstance(piece, str) and engine.token_to_id(piece) is not None:
            roles[role] = piece
    return roles


def _open_other(folder: Path) -> Tokenizer:
    """Open a folder that has a word list only, such as ``vocab.txt``, through transformers."""
    require_tokenizer(folder)
    from transformers import AutoTokenizer  # seconds to import, and rarely needed

    try:
        other: Any = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True
        )
        engine = tokenizers.Tokenizer.from_str(other.backend_tokenizer.to_str())
    except Exception as error:  # noqa: BLE001 - each tokenizer class raises its own
        raise TokenError(f"The tokenizer in {folder} cannot be read: {error}.") from None
    return Tokenizer(engine, _roles_in(dict(other.special_tokens_map), engine))
