"""Masked language models: open one, let it fill a blank, measure it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import torch
from transformers import AutoModelForMaskedLM, PreTrainedModel

from kblib.errors import ModelError
from kblib.models.build import build_masked, masked_logits
from kblib.models.catalog import entry_of, find_model
from kblib.models.fill import FillTable, Guess, as_word, question_ids
from kblib.models.folder import fingerprint, load_weights, shape_of
from kblib.models.scores import MaskedScores, score_masked
from kblib.models.shape import ModelShape
from kblib.models.surprisal import Surprisal, word_surprisal
from kblib.tokens.learn import HasTexts
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer

__all__ = ["MaskedLM", "MaskedScores", "build_masked", "masked_logits"]

SCORED_SEQ_LEN = 64  # the length the small models of this project are trained with


class MaskedLM:
    """A masked language model with its tokenizer, ready to use.

    Parameters
    ----------
    model
        A model of transformers with a masked-language-model head.
    tokenizer
        The tokenizer it was trained with.
    name
        Name to show.
    folder
        Where it was opened from, if it was.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: Tokenizer, *, name: str, folder: Path | None = None
    ) -> None:
        if not tokenizer.has("mask_token"):
            raise ModelError(
                f"The tokenizer of '{name}' has no mask.",
                "A masked model needs one.",
                "A causal model is opened with CausalLM.open.",
            )
        self.model = model
        model.train(False)
        self.tokenizer = tokenizer
        self.name = name
        self.folder = folder

    @classmethod
    def open(cls, name: str | Path, *, device: str | None = None) -> MaskedLM:
        """Open a masked model by folder, by name, or by its name on the model hub.

        Parameters
        ----------
        device
            ``cpu`` or ``cuda``; by default a GPU if there is one.

        Raises
        ------
        ModelError
            If it cannot be found, is no masked model, has no safetensors, or does not fit in
            memory.
        IntegrityError
            If its files are not what its manifest says.
        """
        folder = find_model(name)
        tokenizer = Tokenizer.open(folder)
        model = load_weights(folder, AutoModelForMaskedLM, device=device)
        shown = folder.name if Path(name).expanduser().is_dir() else str(name)
        return cls(model, tokenizer, name=shown, folder=folder)

    @property
    def shape(self) -> ModelShape | None:
        """Its sizes; None for a layout this project does not build."""
        return shape_of(self.model.config)

    @property
    def seq_len(self) -> int:
        """Tokens it reads at once, at most."""
        return int(self.model.config.max_position_embeddings)

    @torch.inference_mode()
    def fill(self, text: str, *, k: int = 5) -> FillTable:
        """Guess the word that ``[MASK]`` stands for.

        The model answers with one piece of its vocabulary: a word that it spells in several pieces
        is never offered, however likely, and a piece that ends a word is shown as ``-ning``.
        Special pieces are left out.

        Parameters
        ----------
        text
            A text with exactly one ``[MASK]``, in place of a whole word.
        k
            Candidates to return; more than the model has pieces gives all of them.

        Returns
        -------
        FillTable
            k candidates, most probable first. Probabilities are over the whole vocabulary and those
            shown sum to less than 1.

        Raises
        ------
        ModelError
            If there is no ``[MASK]``, more than one, or one inside a word; if the text is empty or
            too long; if k is below 1.
        """
        ids, place = question_ids(text, self.tokenizer, self.seq_len)
        if type(k) is not int or k < 1:
            raise ModelError(f"k is {k!r}.", "At least 1 candidate was expected.", "k=5")
        special = list(self.tokenizer.special_ids)
        n_words = self.tokenizer.vocab_size - len(special)
        device = self.model.device
        logits_V = masked_logits(
            self.model, torch.tensor([ids], device=device), torch.tensor([[place]], device=device)
        )
        share_V = logits_V[0, 0].float().softmax(-1)
        share_V[special] = -1.0  # below any probability: never among the candidates
        top = share_V[: self.tokenizer.vocab_size].topk(min(k, n_words))
        tokens = [self.tokenizer.token(int(index)) for index in top.indices]
        guesses = [
            Guess(as_word(token), float(p), token)
            for token, p in zip(tokens, top.values, strict=True)
        ]
        return FillTable(text, tuple(guesses), self.provenance)

    def surprisal(self, text: str) -> Surprisal:
        """Say how little the model expects each word of a text, knowing all the others, in bits.

        See `kblib.models.surprisal.word_surprisal`.

        Raises
        ------
        ModelError
            If the text is empty, has a blank, or is longer than the model reads.
        """
        return word_surprisal(self, text)

    def accuracy(
        self,
        text: TokenBlocks | Iterable[str] | HasTexts,
        *,
        seed: int,
        mask_rate: float = 0.15,
        seq_len: int | None = None,
        most_blocks: int | None = None,
    ) -> MaskedScores:
        """Hide words of a text and count how often the model finds them.

        In each block of `seq_len` tokens, ``round(mask_rate * seq_len)`` sub-words are hidden,
        always behind ``[MASK]``, chosen by `seed` and the block's number alone:
        `kblib.models.masking.mask_blocks` gives the same ones to any other model.

        Parameters
        ----------
        text
            Packed tokens of this model's tokenizer, or a corpus, which is packed first.
        seq_len
            By default 64, or less if the model reads less. Longer blocks give more context and
            better scores.
        most_blocks
            At most so many blocks, evenly spread; None for all.

        Raises
        ------
        ModelError
            If the tokens are another tokenizer's, or the text is shorter than a block.
        """
        length = min(SCORED_SEQ_LEN, self.seq_len) if seq_len is None else seq_len
        if not 1 <= length <= self.seq_len:
            raise ModelError(
                f"seq_len is {length}.", f"This model reads at most {self.seq_len} tokens at once."
            )
        if not isinstance(text, TokenBlocks):
            with tempfile.TemporaryDirectory() as aside:
                packed = TokenBlocks.pack(text, self.tokenizer, Path(aside) / "tokens")
                return self.accuracy(
                    packed, seed=seed, mask_rate=mask_rate, seq_len=length, most_blocks=most_blocks
                )
        if text.tokenizer_fingerprint != self.tokenizer.fingerprint:
            raise ModelError(
                f"These tokens were packed by tokenizer {text.tokenizer_fingerprint[:12]}.",
                f"The model '{self.name}' reads those of {self.tokenizer.fingerprint[:12]}.",
                "Give it the corpus itself, and it is packed anew: model.accuracy(corpus, seed=1)",
            )
        return score_masked(
            self.model,
            text,
            self.tokenizer,
            seq_len=length,
            mask_rate=mask_rate,
            seed=seed,
            most_blocks=most_blocks,
        )

    @property
    def provenance(self) -> dict[str, str]:
        """Name, and SHA-256 of the weights where a manifest has it."""
        return {"model": self.name, "weights": fingerprint(self.folder) if self.folder else ""}

    def describe(self) -> str:
        """Return a few lines for a reader: what it is, how large, under which licence."""
        entry = entry_of(self.name)
        what = entry.what if entry else "masked language model"
        lines = [
            f"{self.name}: {what}",
            f"layout      {self.shape or self.model.config.model_type}",
            f"parameters  {self.model.num_parameters():,}",
            f"vocabulary  {self.tokenizer.vocab_size:,} pieces",
            f"reads       {self.seq_len} tokens at once",
        ]
        if entry:
            lines.append(f"licence     {entry.licence}")
        if self.folder:
            lines.append(f"folder      {self.folder}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        """Return one line: name, layout, parameters."""
        layout = self.shape or self.model.config.model_type
        return f"<MaskedLM {self.name}, {layout}, {self.model.num_parameters():,} parameters>"
