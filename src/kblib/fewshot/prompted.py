"""Labels by prompting: a language model is shown a few labelled texts, then the text in question.

Nothing is trained. Examples are shown in rounds, one of each label, in an order that the seed
decides, as many as fit the model's window beside the longest question. Which examples, and in which
order, changes what a model says (Lu et al. 2022, Fantastically ordered prompts, arXiv 2104.08786):
try several seeds before believing one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kblib import __version__
from kblib.corpora.parts import rank
from kblib.corpora.tables import pandas_of
from kblib.errors import LabelError, ModelError
from kblib.fewshot.few_labels import check_few, texts_of
from kblib.fewshot.logistic_head import Floats
from kblib.fewshot.predicted import table_of
from kblib.models.prompting import LAYOUT, Example

if TYPE_CHECKING:
    import pandas as pd

    from kblib.labels import Labels
    from kblib.models.causal import CausalLM
    from kblib.models.masked import MaskedLM

EMBEDDED = "kb-mini-causal"
MOST_SHOTS = 64
_QUESTION, _EXAMPLE = 4, 8
"""A question takes a fourth of the window at most, an example an eighth."""


@dataclass(frozen=True, eq=False, repr=False)
class PromptedClassifier:
    """Labels for texts by a language model that is shown examples.

    Attributes
    ----------
    model
        The model.
    labels, words
        The labels, and the word that is shown and asked for in the place of each.
    examples
        What is shown: texts with their words, in order.
    layout
        How an example is written, with ``{text}`` and ``{answer}``.
    most_tokens
        Tokens of a text in question that are read; its end is left out.
    warnings
        What a reader has to know, in sentences.
    provenance
        Model, labels, examples, seed, version.
    """

    model: CausalLM | MaskedLM
    labels: tuple[str, ...]
    words: tuple[str, ...]
    examples: tuple[Example, ...]
    layout: str
    most_tokens: int
    warnings: tuple[str, ...]
    provenance: dict[str, Any]

    @classmethod
    def of_examples(
        cls,
        labels: Labels,
        model: str | Path | CausalLM | MaskedLM = EMBEDDED,
        *,
        shots: int = 4,
        words: Mapping[str, str] | None = None,
        layout: str = LAYOUT,
        seed: int = 1,
    ) -> PromptedClassifier:
        """Choose examples from labels.

        Parameters
        ----------
        model
            A causal model, or a masked one, which is asked for the word in a blank.
        shots
            Examples of each label, at most; fewer are shown where the window ends.
        words
            What stands for a label in the prompt, in the language of the texts.
        seed
            Which examples, and in which order.

        Raises
        ------
        LabelError
            If they are not labels of texts, or all the same; if a word is of no label, or `shots`
            is no number.
        ModelError
            If it is no language model, or one example of each label does not fit its window.
        """
        from kblib.fewshot.prompt_scores import opened_model

        check_few(labels)
        met = tuple(one for one in labels.labels if one in set(labels.rows["label"]))
        shown = _words(met, words or {})
        _check_shots(shots)
        found = opened_model(model)
        rounds = list(_rounds(labels, dict(zip(met, shown, strict=True)), seed))
        fitting, cut = _fitting(found, rounds[:shots], shown, layout)
        examples = tuple(one for some in fitting for one in some)
        said = _warnings(len(fitting), min(shots, len(rounds)), shots, cut, found)
        about = {
            **found.provenance,
            "labels": labels.name,
            "labels_fingerprint": labels.provenance.get("fingerprint", ""),
            "words": dict(zip(met, shown, strict=True)),
            "n_examples": len(examples),
            "layout": layout,
            "seed": seed,
            "version": __version__,
        }
        most = found.seq_len // _QUESTION
        return cls(found, met, shown, examples, layout, most, said, about)

    def predict(self, texts: Any) -> pd.DataFrame:
        """Return the label of each text, and the share of every label.

        Parameters
        ----------
        texts
            A corpus, labels, or a list of texts.

        Returns
        -------
        pandas.DataFrame
            One row a text: id, label, score, ``score_LABEL`` for each, note. Shares order labels
            and are no probabilities. An empty text has no label.
        """
        ids, given = texts_of(texts)
        read = [text for text in given if text.strip()]
        short = [shortened(self.model, text, self.most_tokens) for text in read]
        shares_NC = self._shares(short) if short else np.zeros((0, len(self.labels)))
        return pandas_of(table_of(ids, given, self.labels, shares_NC).lazy())

    def _shares(self, texts: Sequence[str]) -> Floats:
        from kblib.fewshot.prompt_scores import SAYS_NOTHING, nats_of

        asked = (self.words, self.layout)
        usual_C = nats_of(self.model, self.examples, SAYS_NOTHING, *asked).mean(axis=0)
        added_NC = nats_of(self.model, self.examples, texts, *asked) - usual_C
        raised_NC = np.exp(added_NC - added_NC.max(axis=1, keepdims=True))
        shares_NC: Floats = raised_NC / raised_NC.sum(axis=1, keepdims=True)
        return shares_NC

    def __repr__(self) -> str:
        first = (
            f"<PromptedClassifier {self.model.name}: {', '.join(self.labels)}; "
            f"{len(self.examples)} examples>"
        )
        return "\n".join([first, *(f"  Note: {one}" for one in self.warnings)])


def shortened(model: CausalLM | MaskedLM, text: str, most: int) -> str:
    """Return the beginning of a text, so many tokens of it at most, without half a word."""
    if len(model.tokenizer.encode(text, special=False)) <= most:
        return text
    words, low, high = text.split(), 0, len(text.split())
    while low < high:  # the most words that fit
        middle = (low + high + 1) // 2
        n = len(model.tokenizer.encode(" ".join(words[:middle]), special=False))
        low, high = (middle, high) if n <= most else (low, middle - 1)
    return " ".join(words[: max(low, 1)])


def _rounds(labels: Labels, words: Mapping[str, str], seed: int) -> list[list[Example]]:
    """Return examples in rounds, one of each label; a round without one of a label is the end."""
    queues: dict[str, list[str]] = {name: [] for name in words}
    rows = sorted(
        labels.rows.select("id", "text", "label").rows(), key=lambda row: rank(seed, row[0])
    )
    for _, text, label in rows:
        queues[label].append(text)
    rounds = []
    for number in range(min(map(len, queues.values()))):
        order = sorted(words, key=lambda name: rank(seed, f"{number}:{name}"))
        rounds.append([(queues[name][number], words[name]) for name in order])
    return rounds


def _fitting(
    model: CausalLM | MaskedLM, rounds: list[list[Example]], words: Sequence[str], layout: str
) -> tuple[list[list[Example]], int]:
    """Return the rounds that fit the window beside a question, and how many texts were cut."""
    from kblib.fewshot.prompt_scores import longest_answer, n_tokens

    most = model.seq_len // _EXAMPLE
    short = [[(shortened(model, text, most), word) for text, word in some] for some in rounds]
    room = model.seq_len - model.seq_len // _QUESTION - longest_answer(model, words)
    for n in range(len(short), 0, -1):
        if n_tokens(model, [one for some in short[:n] for one in some], layout) <= room:
            pairs = zip(rounds[:n], short[:n], strict=True)
            return short[:n], sum(
                a != b for one, two in pairs for a, b in zip(one, two, strict=True)
            )
    needed = n_tokens(model, short[0], layout) + model.seq_len - room
    raise ModelError(
        f"One example of each of {len(words)} labels, question and answer have {needed} tokens.",
        f"'{model.name}' reads at most {model.seq_len} at once.",
        "Take fewer labels, labels.take([...]), or a model that reads more.",
    )


def _words(labels: Sequence[str], given: Mapping[str, str]) -> tuple[str, ...]:
    strange = next((one for one in given if one not in labels), None)
    words = tuple(str(given.get(label, label)).strip() for label in labels)
    if strange is not None or "" in words or len(set(words)) < len(words):
        raise LabelError(
            f"words is {dict(given)!r}.",
            f"A word of its own for each of these was expected: {', '.join(labels)}.",
            f"words={{'{labels[0]}': '...'}}",
        )
    return words


def _check_shots(shots: Any) -> None:
    if type(shots) is not int or not 1 <= shots <= MOST_SHOTS:
        raise LabelError(
            f"shots is {shots!r}.",
            f"Examples of each label, from 1 to {MOST_SHOTS}, were expected.",
            "shots=4",
        )


def _warnings(
    shown: int, there: int, asked: int, cut: int, model: CausalLM | MaskedLM
) -> tuple[str, ...]:
    said = []
    if there < asked:
        said.append(
            f"{asked} examples of each label were asked for; of the rarest there are {there}."
        )
    if shown < there:
        said.append(
            f"{shown} of {there} examples of each label are shown: '{model.name}' reads "
            f"{model.seq_len} tokens at once."
        )
    if cut:
        said.append(f"{cut} examples were cut to {model.seq_len // _EXAMPLE} tokens.")
    return tuple(said)
