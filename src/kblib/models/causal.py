"""Causal language models: open one, let it continue a text, measure its surprise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

from transformers import AutoModelForCausalLM, PreTrainedModel

from kblib.errors import ModelError
from kblib.metrics import Perplexity, TextSize
from kblib.models import prompting, summaries
from kblib.models.build import build_causal
from kblib.models.catalog import find_model
from kblib.models.chat import Message, chat_prompt
from kblib.models.folder import fingerprint, load_weights, shape_of
from kblib.models.generated import Continuations, Generated
from kblib.models.given import check_text
from kblib.models.left_surprisal import LeftSurprisal, left_surprisal
from kblib.models.next_words import NextWords, NextWordSearch, PieceTable
from kblib.models.prompting import FewShot
from kblib.models.reading import begin_id, window_nats, windows_of
from kblib.models.sampling import Sampling
from kblib.models.shape import ModelShape
from kblib.models.summaries import Summary
from kblib.models.writing import write, write_all
from kblib.tokens.learn import HasTexts, again
from kblib.tokens.subwords import Tokenizer

__all__ = ["CausalLM", "Generated", "Perplexity", "Sampling", "build_causal"]

_DOCUMENTS = 512  # encoded at once
_MOST_NEXT = 1000


class CausalLM:
    """A causal language model with its tokenizer, ready to use.

    Parameters
    ----------
    model
        A model of transformers with a causal head.
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
        self.model = model
        model.train(False)
        self.tokenizer = tokenizer
        self.name = name
        self.folder = folder

    @classmethod
    def open(cls, name: str | Path, *, device: str | None = None) -> CausalLM:
        """Open a causal model by folder, by name, or by its name on the model hub.

        Parameters
        ----------
        device
            ``cpu`` or ``cuda``; by default a GPU if there is one.

        Raises
        ------
        ModelError
            If it cannot be found, is no causal model, has no safetensors, or does not fit in
            memory.
        IntegrityError
            If its files are not what its manifest says.
        """
        folder = find_model(name)
        tokenizer = Tokenizer.open(folder)
        model = load_weights(folder, AutoModelForCausalLM, device=device)
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

    def generate(
        self,
        prompt: str,
        *,
        seed: int,
        max_tokens: int = 40,
        temperature: float = 0.8,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: Sequence[str] = (),
    ) -> Generated:
        """Continue a text.

        Parameters
        ----------
        prompt
            The beginning; empty for a text from nothing.
        seed
            Equal seeds give equal texts on the same machine.
        max_tokens, temperature, top_k, top_p, stop
            As in `kblib.models.sampling.Sampling`; ``temperature=0`` is greedy.

        Raises
        ------
        ModelError
            If prompt and continuation do not fit what the model reads, or an argument makes no
            sense.
        """
        sampling = Sampling(max_tokens, temperature, top_k, top_p, stop)
        return self.generate_with(prompt, sampling, seed=seed)

    def generate_with(self, prompt: str, sampling: Sampling, *, seed: int) -> Generated:
        """Continue a text as a `Sampling` says; else like `generate`."""
        return self.continuations([prompt], seeds=[seed], sampling=sampling)[0]

    def continuations(
        self,
        prompts: str | Sequence[str],
        *,
        seeds: Sequence[int],
        sampling: Sampling | None = None,
    ) -> Continuations:
        """Continue each of several texts with each of several seeds, side by side.

        A text is the same whether it is written alone or beside others.

        Parameters
        ----------
        prompts
            One beginning, or several.
        seeds
            One text each, for every prompt.
        sampling
            How to draw; by default as `generate` does.

        Raises
        ------
        ModelError
            As `generate`; or if there are no prompts, or no seeds.
        """
        asked = [prompts] if isinstance(prompts, str) else list(prompts)
        return write_all(self, asked, seeds, sampling or Sampling())

    def next_words(self, text: str, *, k: int = 10) -> NextWords:
        """Return the likeliest ways to go on with a text: whole words, signs, or its end.

        A blank at the end of the text makes no difference: the last word may go on all the same,
        and such endings are shown as ``-en``.

        Parameters
        ----------
        text
            What stands before; empty for the first word of a text.
        k
            How many.

        Raises
        ------
        ModelError
            If the text is longer than the model reads, or k is not between 1 and 1000.
        """
        check_text(text)
        if type(k) is not int or not 1 <= k <= _MOST_NEXT:
            raise ModelError(f"k is {k!r}.", f"From 1 to {_MOST_NEXT} were expected.", "k=10")
        begun = text.rstrip(" ")
        known = self.prompt_ids(begun, 1)
        inside = begun[-1:].isalnum()
        search = NextWordSearch(
            self.model, self.tokenizer, self._pieces, known, inside=inside, seq_len=self.seq_len
        )
        return NextWords(text, search.best(k), dict(self.provenance))

    def surprisal(self, text: str) -> LeftSurprisal:
        """Return how little the model expects each word of a text, in bits, from the left.

        Raises
        ------
        ModelError
            If the text is empty.
        """
        return left_surprisal(self, text)

    def few_shot(
        self,
        examples: Sequence[tuple[str, str]],
        text: str,
        *,
        answers: Sequence[str] | None = None,
        layout: str = prompting.LAYOUT,
        max_tokens: int = 20,
        seed: int = 1,
    ) -> FewShot:
        """Show the model a few texts with their answers, then ask about another text.

        Parameters
        ----------
        examples
            Texts with their answers.
        answers
            What to choose from: the one is taken that the model needs the fewest bits for. None
            lets it write, greedily, to the end of the line.
        layout
            How text and answer are written; ``{answer}`` stands at the end.
        max_tokens, seed
            For an answer it writes.

        Raises
        ------
        ModelError
            If a text is empty, there are no examples or fewer than two answers, or all is longer
            than the model reads (with how many examples would fit).
        """
        how = Sampling(max_tokens, temperature=0, stop=("\n",))
        return prompting.few_shot(self, examples, text, answers, layout, how, seed)

    def chat(
        self,
        messages: str | Sequence[Message],
        *,
        seed: int,
        system: str | None = None,
        sampling: Sampling | None = None,
    ) -> Generated:
        """Ask a model that was taught to answer, in its tokenizer's own chat template.

        Parameters
        ----------
        messages
            A question, or the conversation so far as ``{"role": ..., "content": ...}``.
        system
            What the model is told about its part, before all messages.

        Raises
        ------
        ModelError
            If the model has no chat template, or the messages are out of form.
        """
        prompt = chat_prompt(self, messages, system)
        how = sampling or Sampling(max_tokens=200)
        ids = self.tokenizer.encode(prompt, special=False)  # the template writes the begin mark
        self.check_room(ids, how.max_tokens)
        return write(self, [(prompt, ids, seed)], how)[0]

    def summarise(
        self,
        text: str,
        *,
        seed: int = 1,
        max_tokens: int = 60,
        temperature: float = 0.0,
        layout: str = summaries.LAYOUT,
    ) -> Summary:
        """Ask for a summary by a prompt; a long text is summed up piece by piece.

        A model that is too small for it is asked all the same, and the result says so.

        Parameters
        ----------
        max_tokens
            Length of the summary of each piece.
        layout
            The prompt, with ``{text}`` where the text belongs.

        Raises
        ------
        ModelError
            If the text is empty, or prompt and summary leave no room for it.
        """
        how = Sampling(max_tokens, temperature)
        return summaries.summarise(self, text, layout, how, seed)

    def perplexity(self, corpus: Iterable[str] | HasTexts) -> Perplexity:
        """Measure how surprised the model is by texts.

        Each document is read on its own, from an end mark to its end mark. One that is longer than
        the model reads is read in windows that overlap by half, and each token is counted once,
        with at least half a window before it (except at the beginning).

        Raises
        ------
        ModelError
            If there is no text.
        """
        nats, size = 0.0, TextSize()
        texts = again(corpus)() if isinstance(corpus, str | HasTexts) else iter(corpus)
        while documents := list(islice(texts, _DOCUMENTS)):
            encoded = self.tokenizer.encode_batch(documents, special=False)
            windows = [
                one for ids in encoded for one in windows_of(ids, self.tokenizer, self.seq_len)
            ]
            nats += window_nats(self.model, windows)
            size = size.with_documents(documents, encoded)
        if size.n_words == 0:
            raise ModelError("There are no words to measure.", "A corpus with text was expected.")
        return Perplexity.of(nats, size)

    @property
    def provenance(self) -> dict[str, str]:
        """Name, and SHA-256 of the weights where a manifest has it."""
        return {"model": self.name, "weights": fingerprint(self.folder) if self.folder else ""}

    def __repr__(self) -> str:
        """Return one line: name, layout, parameters."""
        layout = self.shape or self.model.config.model_type
        return f"<CausalLM {self.name}, {layout}, {self.model.num_parameters():,} parameters>"

    @cached_property
    def _pieces(self) -> PieceTable:
        return PieceTable.of(self.tokenizer)

    def prompt_ids(self, prompt: str, more: int) -> list[int]:
        """Return the ids of a prompt, its begin mark included, that leaves room for `more`.

        Raises
        ------
        ModelError
            If it does not, or is no text.
        """
        check_text(prompt)
        ids = [begin_id(self.tokenizer), *self.tokenizer.encode(prompt, special=False)]
        self.check_room(ids, more)
        return ids

    def check_room(self, ids: Sequence[int], more: int) -> None:
        """Refuse what is longer than the model reads, with what would fit."""
        if len(ids) + more > self.seq_len:
            room = self.seq_len - len(ids)
            raise ModelError(
                f"The prompt has {len(ids)} tokens and {more} shall follow.",
                f"This model reads at most {self.seq_len} at once.",
                f"max_tokens={room}, or a shorter prompt." if room > 0 else "A shorter prompt.",
            )
